"""Private samples of a node, and logs and outputs of tasks on them, never leave the node."""

import json
import re
import secrets
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from node_runtime.creator.results import fetch_result, read_document, staying
from node_runtime.domain.assets import Asset, AssetRef, Digest, Visibility
from node_runtime.domain.task import Submission, SubmissionState
from node_runtime.errors import AssetUnavailable, FailureCategory
from node_runtime.runner.result_document import FILE_NAME as RESULT
from node_runtime.runner.result_document import ResultDocument
from node_runtime.worker.audit import AuditEvent
from node_runtime.worker.inputs import ADD_AGAIN
from tests.e2e.daemon_process import DaemonProcess, run_command
from tests.e2e.daemon_world import PREDICT, SCORE, TRAIN, WAITS, World, wait_for

StartDaemon = Callable[..., DaemonProcess]

pytestmark = [pytest.mark.docker]


def private_sample(world: World, daemon: DaemonProcess, folder: Path, script: str, **files: str) -> Asset:
    """Add a private sample as the node's operator; a task on it is offered to this node.

    ``files`` are written beside its script, by their names without suffix.
    """
    folder.mkdir()
    for name, text in {"script": script, **files}.items():
        (folder / f"{name}.sh").write_text(f"{text}\n")
    added = daemon.command(
        "data", "add", str(folder), "--label", "train", "--for", "public", "--download", "public", "--logs", "public"
    )
    assert added.returncode == 0, added.stderr
    found = re.search(r"/([0-9a-f]{64})", added.stdout)
    assert found is not None
    asset = world.chain.asset(AssetRef(owner=daemon.account, digest=Digest(found[1])))
    assert asset is not None
    assert asset.visibility is Visibility.PRIVATE
    world.assignee = daemon.account
    return asset


def assert_log_stayed(world: World, daemon: DaemonProcess, submission: Submission) -> ResultDocument:
    """Assert that the log is only on the node, and that the result states so."""
    assert submission.state is SubmissionState.ACCEPTED
    document = ResultDocument.decode(world.store.read_file(submission.result.digest, RESULT, limit=1 << 20))
    assert document.log_stays
    with pytest.raises(AssetUnavailable):
        world.store.fetch(Digest(document.log), world.folder / "logs")
    kept = daemon.work / "private-logs" / document.log
    assert "a secret" in (kept / "train.log").read_text()
    return document


def test_private_samples_are_used_on_their_node_and_neither_bytes_nor_logs_leave_it(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon()
    asset = private_sample(world, daemon, tmp_path / "sample", f"echo a secret; {TRAIN}")
    submission = world.submission(world.train(sample=asset))
    assert_log_stayed(world, daemon, submission)
    assert not world.store.has(asset.ref.digest)


@pytest.mark.slow
def test_logs_on_private_samples_stay_on_their_node_when_its_daemon_was_killed_meanwhile(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon()
    asset = private_sample(world, daemon, tmp_path / "sample", f"echo a secret; {WAITS}; {TRAIN}")
    task = world.train(sample=asset)
    daemon.container_of(task)
    daemon.kill()
    daemon = start_daemon()
    daemon.let_go(task)
    document = assert_log_stayed(world, daemon, world.submission(task))
    assert [stage.adopted for stage in document.stages] == [True]
    assert not world.store.has(asset.ref.digest)


def test_the_log_of_a_failure_on_private_samples_stays_on_its_node(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon()
    task = world.train(sample=private_sample(world, daemon, tmp_path / "sample", "echo a secret; exit 3"))
    failed = world.failure(daemon.account, task)
    assert failed.log is not None
    assert not world.store.has(failed.log)
    assert "a secret" in (daemon.work / "private-logs" / failed.log / "train.log").read_text()


def test_a_removed_sample_stops_its_tasks_although_the_cache_has_a_copy(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon()
    asset = private_sample(world, daemon, tmp_path / "sample", f"echo a secret; {TRAIN}")
    assert_log_stayed(world, daemon, world.submission(world.train(sample=asset)))
    assert daemon.command("data", "remove", asset.ref.digest, "--yes").returncode == 0
    task = world.train(sample=asset)
    (refusal,) = wait_for(lambda: daemon.deeds(AuditEvent.REFUSAL), "the refusal")
    told = f"the bytes of this node's private sample {asset.ref.digest} aren't here any more"
    assert (refusal.task, refusal.detail) == (task, f"private_data_missing: {told}")
    remedy = "add the sample again: 'node-runtime data add FOLDER', or cancel the task"
    assert f"{told}; {remedy}" in " ".join(daemon.command("status").stdout.split())
    assert world.chain.attempts(task) == ()
    assert daemon.command("data", "add", str(tmp_path / "sample"), "--label", "train").returncode == 0
    assert_log_stayed(world, daemon, world.submission(task))


def test_what_a_task_makes_of_a_sample_stays_although_the_sample_was_removed_meanwhile(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon()
    asset = private_sample(world, daemon, tmp_path / "sample", f"echo a secret; {WAITS}; {TRAIN}")
    task = world.train(sample=asset)
    daemon.container_of(task)
    assert daemon.command("data", "remove", asset.ref.digest, "--yes").returncode == 0
    daemon.let_go(task)
    assert_log_stayed(world, daemon, world.submission(task))


def test_a_damaged_sample_is_its_nodes_fault(world: World, start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = start_daemon()
    asset = private_sample(world, daemon, tmp_path / "sample", TRAIN)
    (stored,) = (path for path in (daemon.work / "private").rglob("*") if path.name == asset.ref.digest)
    content = bytearray(stored.read_bytes())
    content[-2] ^= 1
    stored.chmod(0o600)
    stored.write_bytes(content)
    failed = world.failure(daemon.account, world.train(sample=asset))
    assert failed.category is FailureCategory.NODE_ERROR
    told = f"this node's private sample {asset.ref.digest} is damaged: "
    (event,) = (json.loads(line) for line in daemon.log_text().splitlines() if '"task_failed"' in line)
    assert event["reason"].startswith(told)
    assert event["reason"].endswith(f"; {ADD_AGAIN}")
    assert failed.log is not None
    assert not world.store.has(failed.log)
    assert told in (daemon.work / "private-logs" / failed.log / "failure.txt").read_text()


def holding(folder: Path, secret: str) -> list[str]:
    """Return the files of a folder with the secret in their names or bytes."""
    return [
        str(path)
        for path in folder.rglob("*")
        if secret in path.name or (path.is_file() and secret.encode() in path.read_bytes())
    ]


def test_a_hostile_scoring_gets_no_byte_of_a_private_sample_off_its_node(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    secret = secrets.token_hex(16)
    taken = 'S=$(cut -c 3- /sandbox/data/*/secret.sh); echo "$S"; echo "$S" >&2'
    predict = f'{taken}; mkdir -p "/sandbox/pred/pred/$S"; cp /sandbox/data/*/secret.sh "/sandbox/pred/pred/$S/$S"'
    beside = ",".join(f'"n{number}": {number}.5' for number in range(20))
    metric = (
        f'{taken}; printf \'{{"%s": 1, "all": 0.5, "text": "%s", "listed": ["%s"], {beside}}}\' "$S" "$S" "$S" '
        '> /sandbox/pred/perf.json; touch "/sandbox/pred/$S"'
    )
    daemon = start_daemon()
    sample = private_sample(world, daemon, tmp_path / "sample", predict, metric=metric, secret=f": {secret}")
    submission = world.submission(world.score(sample=sample))
    assert submission.state is SubmissionState.ACCEPTED
    assert submission.score is not None
    assert submission.score.value == Decimal("0.5")
    assert {perf.name.partition("-")[0] for perf in submission.result.perfs} == {"all", "number"}

    result = tmp_path / "fetched"
    stays = staying(read_document(submission, world.store))
    fetch_result(submission, world.store, result)
    assert sorted(path.name for path in result.iterdir()) == ["perf.json", "result.json"]
    assert stays == ("pred", "logs")
    told = json.loads((result / "perf.json").read_text())
    assert told == {"all": 0.5, "number-2": 1.0, **{f"number-{place}": place - 2.5 for place in range(3, 17)}}
    assert json.loads((result / "result.json").read_text())["perf"] == told

    world.devnet.kill()  # the chain's state is on disk
    assert holding(world.storage, secret) == []
    assert holding(tmp_path / "chain", secret) == []
    assert holding(result, secret) == []
    kept = daemon.work / "private-logs"
    pred = submission.result.output("pred")
    assert pred is not None
    assert (kept / pred / "pred" / secret / secret).is_file()
    assert len(holding(kept, secret)) > 2


def test_annotations_of_private_samples_stay_with_their_owner_and_are_judged_unseen(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    secret = f"{secrets.randbelow(10**15):015d}"
    found = '{"file": "a.gif", "annotations": [{"label": "coin", "box": [1, 2, 3, 4], "score": 0.%s}]}'
    script = f"""S=$(cut -c 3- data/*/secret.sh); echo "$S"; echo "$S" >&2
    printf '{found}' "$S" > outputs/a_annotations.json"""
    daemon = start_daemon()
    sample = private_sample(world, daemon, tmp_path / "sample", script, secret=f": {secret}")
    world.window = 3_600_000
    task = world.annotate(sample=sample)
    submission = world.submission(task)
    assert staying(read_document(submission, world.store)) == ("outputs", "logs")

    here = ("--chain", world.devnet.url, "--key", "//Alice", "--storage", str(world.storage))
    messages = []
    for command, *more in (("results",), ("fetch", str(tmp_path / "fetched")), ("validate", "--auto")):
        told = run_command(command, str(task), *more, *here, home=tmp_path / "home")
        assert told.returncode == 0, told.stdout + told.stderr
        messages.append(told.stdout + told.stderr)
    assert all("outputs and logs stayed with the worker, whose own data the task used" in told for told in messages[:2])
    assert "not what the task asks for" not in messages[0]
    assert f"submission {submission.id} of {daemon.account} is accepted" in messages[2]
    assert [path.name for path in (tmp_path / "fetched").iterdir()] == ["result.json"]

    world.devnet.kill()  # the chain's state is on disk
    for folder in (world.storage, tmp_path / "chain", tmp_path / "fetched"):
        assert holding(folder, secret) == []
    kept = daemon.work / "private-logs"
    outputs = submission.result.output("outputs")
    assert outputs is not None
    assert secret in (kept / outputs / "a_annotations.json").read_text()
    assert len(holding(kept, secret)) == 2  # the log


def test_the_creator_of_a_task_is_told_that_its_predictions_stayed_with_the_owner_of_the_data(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon()
    sample = private_sample(world, daemon, tmp_path / "sample", PREDICT, metric=SCORE)
    task = world.score(sample=sample)
    world.submission(task)
    here = ("--chain", world.devnet.url, "--key", "//Alice", "--storage", str(world.storage))
    for command, *more in (("results",), ("fetch", str(tmp_path / "fetched"))):
        output = run_command(command, str(task), *more, *here, home=tmp_path / "home")
        assert output.returncode == 0, output.stderr
        assert "pred and logs stayed with the worker, whose own data the task used" in output.stdout
