"""Permissions as a node keeps them: tasks that it may not process, and models and logs that aren't everyone's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from node_runtime.creator.results import read_document, staying
from node_runtime.domain.assets import AssetRef, Digest
from node_runtime.domain.permissions import PUBLIC, Permissions
from node_runtime.domain.task import Submission, SubmissionState, TaskId
from node_runtime.runner.result_document import FAILURE_FILE, ResultDocument
from node_runtime.worker.audit import AuditEvent
from tests.e2e.daemon_process import DaemonProcess, run_command
from tests.e2e.daemon_world import TRAIN, World, wait_for

StartDaemon = Callable[..., DaemonProcess]

pytestmark = [pytest.mark.docker]


def sample_of(world: World, task: TaskId) -> AssetRef:
    spec = world.chain.spec(task)
    assert spec is not None
    return spec.assets[1]


def kept_by(world: World, daemon: DaemonProcess, submission: Submission) -> ResultDocument:
    """Assert that the model and the log are on the node alone, and that the result says so."""
    assert submission.state is SubmissionState.ACCEPTED
    document, model = read_document(submission, world.store), submission.result.output("model")
    assert staying(document) == ("model", "logs")
    assert model is not None
    assert not world.store.has(model)
    assert not world.store.has(Digest(document.log))
    assert (daemon.work / "private" / "trees" / model[:2] / model).exists()
    assert (daemon.work / "private-logs" / document.log / "train.log").exists()
    return document


def test_a_node_leaves_a_task_alone_whose_sample_it_may_not_process(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    world.permissions = Permissions(process=())
    task = world.train()
    (refusal,) = wait_for(lambda: daemon.deeds(AuditEvent.REFUSAL), "the refusal")
    sample = sample_of(world, task)
    told = f"{daemon.account} hasn't the right 'process' on the data sample {sample.digest} of {sample.owner}"
    assert (refusal.task, refusal.detail) == (task, f"not_permitted: {told}")
    remedy = "ask the owner to register another copy with that right; permissions never change"
    assert f"{told}; {remedy}" in " ".join(daemon.command("status").stdout.split())
    assert world.chain.assignment(daemon.account, task) is None


def test_models_and_logs_that_are_not_everyones_stay_on_their_node_and_are_used_there(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon()
    world.permissions = Permissions(download=(), logs=())
    task = world.train(f"echo a secret; {TRAIN}")
    submission = world.submission(task)
    kept_by(world, daemon, submission)

    sample = sample_of(world, task)
    here = ("--chain", world.devnet.url, "--key", "//Alice", "--storage", str(world.storage))
    for command, *more in (("results",), ("fetch", str(tmp_path / "fetched")), ("logs",)):
        told = run_command(command, str(task), *more, *here, home=tmp_path / "home")
        assert told.returncode == 0, told.stderr
        for right in ("logs",) if command == "logs" else ("download", "logs"):
            why = f"{sample.owner} doesn't give everyone the right '{right}' on the data sample {sample.digest}"
            assert why in " ".join(told.stdout.split())
    assert [path.name for path in (tmp_path / "fetched").iterdir()] == ["result.json"]

    model = submission.result.output("model")
    listed = " ".join(daemon.command("data", "list").stdout.split())
    assert f"{model} model" in listed

    world.permissions = PUBLIC
    again = world.train("cat /sandbox/model/* > /sandbox/model/model", model=submission.id)
    kept_by(world, daemon, world.submission(again))


def test_a_creator_keeps_what_a_task_makes_on_its_node(world: World, start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = start_daemon()
    world.rights = Permissions(download=(), logs=())
    task = world.train()
    submission = world.submission(task)
    kept_by(world, daemon, submission)
    here = ("--chain", world.devnet.url, "--key", "//Alice", "--storage", str(world.storage))
    for command, rights in (("results", ("download", "logs")), ("logs", ("logs",))):
        told = run_command(command, str(task), *here, home=tmp_path / "home")
        assert told.returncode == 0, told.stderr
        for right in rights:
            assert f"not everyone has the right '{right}' on what the task makes" in " ".join(told.stdout.split())
        assert "reject" not in told.stdout
    listed = " ".join(daemon.command("data", "list").stdout.split())
    assert f"{submission.result.output('model')} model" in listed


def test_the_log_of_a_failure_stays_where_logs_are_not_everyones(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    world.permissions = Permissions(logs=())
    failed = world.failure(daemon.account, world.train("echo a secret; exit 3"))
    assert failed.log is not None
    assert not world.store.has(failed.log)
    assert (daemon.work / "private-logs" / failed.log / FAILURE_FILE).exists()
    model = world.submission(world.train()).result.output("model")  # which everyone may download
    assert model is not None
    assert world.store.has(model)
