"""Each kind of invalid task fails with its category on chain, and nothing is paid."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import pytest

from node_runtime.domain.task import SubmissionState
from node_runtime.errors import FailureCategory
from node_runtime.ports.engine import ImageSource
from node_runtime.worker.audit import AuditEvent
from tests.docker_engine import DockerHost
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import DOCKERFILE, REWARD, World, wait_for

StartDaemon = Callable[..., DaemonProcess]
FORGE = """echo '{"all": 1.0}' > /sandbox/pred/perf.json; echo predicted > /sandbox/pred/pred"""

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@dataclass(frozen=True, kw_only=True)
class Bad:
    script: str
    category: FailureCategory
    said: str  # a part of the message in the log


TRAININGS = {
    "exits with 3": Bad(script="echo about to fail; exit 3", category=FailureCategory.TASK_ERROR, said="3"),
    "hangs": Bad(script="trap '' TERM; sleep 600", category=FailureCategory.TIMEOUT, said="train"),
    "eats memory": Bad(script="head -c 500M /dev/zero | tail", category=FailureCategory.OUT_OF_MEMORY, said="train"),
    "writes 10 GB": Bad(
        script="dd if=/dev/zero of=/sandbox/model/model bs=1M count=10240",
        category=FailureCategory.OUTPUT_TOO_LARGE,
        said="train",
    ),
    "links to /etc/passwd": Bad(
        script="ln -s /etc/passwd /sandbox/model/model", category=FailureCategory.OUTPUT_INVALID, said="model"
    ),
    "writes no model": Bad(script="true", category=FailureCategory.OUTPUT_INVALID, said="model"),
}
METRICS = {
    name: Bad(
        script=script,
        category=FailureCategory.OUTPUT_INVALID,
        said=f"stage metrics: perf.json can't be used: {reason}; let the metrics write ",
    )
    for name, script, reason in (
        ("nothing after predict forged it", "true", "it was not written"),
        ("NaN", """echo '{"all": NaN}' > /sandbox/pred/perf.json""", "NaN is not a finite number"),
        ("a text", """echo '{"all": "high"}' > /sandbox/pred/perf.json""", """'all' is \\"high\\", not a number"""),
        ("another key", """echo '{"f1": 1}' > /sandbox/pred/perf.json""", "the key 'all' is missing"),
    )
}


@pytest.fixture
def daemon(start_daemon: StartDaemon) -> DaemonProcess:
    return start_daemon(slots=4)


def said_of(daemon: DaemonProcess, task: int) -> str:
    """Return the node's log records about a task, in the text format."""
    lines = [line for line in daemon.log_text().splitlines() if f'"task": {task}' in line and "task_failed" in line]
    return "\n".join(lines)


def test_each_bad_training_ends_in_its_category_and_costs_the_creator_nothing(
    world: World, daemon: DaemonProcess
) -> None:
    before = daemon.wealth()
    tasks = {}
    for name, bad in TRAININGS.items():
        world.timeout = 4 if bad.category is FailureCategory.TIMEOUT else 600
        tasks[name] = world.train(bad.script)
    for name, bad in TRAININGS.items():
        attempt = world.failure(daemon.account, tasks[name])
        assert attempt.category is bad.category, name
        assert bad.said in said_of(daemon, tasks[name]), name
        assert world.chain.submissions(tasks[name]) == (), name
        held = world.chain.task(tasks[name])
        assert held is not None
        assert held.held >= REWARD, name
    assert daemon.wealth() < before


def test_each_bad_score_is_refused_and_a_forged_one_never_counts(world: World, daemon: DaemonProcess) -> None:
    before = daemon.wealth()
    tasks = {name: world.score(predict=FORGE, metric=bad.script) for name, bad in METRICS.items()}
    for name, bad in METRICS.items():
        attempt = world.failure(daemon.account, tasks[name])
        assert attempt.category is bad.category, name
        assert bad.said in said_of(daemon, tasks[name]), name
    assert daemon.wealth() < before
    honest = world.submission(world.score(predict=FORGE))
    assert honest.score is not None
    assert honest.score.value == Decimal("0.9375")


@pytest.mark.usefixtures("daemon")
def test_a_container_that_prints_a_gigabyte_costs_neither_the_result_nor_the_disk(world: World) -> None:
    task = world.train("head -c 1000000000 /dev/zero | tr '\\0' x; echo trained > /sandbox/model/model")
    submission = world.submission(task)
    assert submission.state is SubmissionState.ACCEPTED
    logs = world.logs_of(submission)
    assert sum(len(text) for text in logs.values()) < 8_000_000


def test_a_container_that_outlives_the_attempt_is_told_before_the_bond_is_lost(
    world: World, daemon: DaemonProcess
) -> None:
    world.submission(world.train())  # its image is available from here on
    world.attempt = 60
    task = world.train("exec sleep 600")
    assert world.failure(daemon.account, task).category is FailureCategory.NODE_ERROR
    assert "the attempt's time was over" in said_of(daemon, task)


def test_tampered_bytes_never_reach_a_container(world: World, daemon: DaemonProcess) -> None:
    task = world.train(f"echo {time.time_ns()} > /sandbox/model/model", before_submitting=world.tamper)
    failed = world.failure(daemon.account, task)
    assert failed.category is FailureCategory.INPUT_MISMATCH
    assert str(world.folder.parent) in said_of(daemon, task)
    assert failed.log is not None
    world.store.fetch(failed.log, world.folder / "log")
    output = (world.folder / "log" / "failure.txt").read_text()
    assert "tree" in output
    assert str(world.folder.parent) not in output


def test_a_dockerfile_that_fails_is_told_with_its_last_lines(world: World, daemon: DaemonProcess) -> None:
    task = world.train(dockerfile=DOCKERFILE + "RUN echo no such package; exit 7\n")
    assert world.failure(daemon.account, task).category is FailureCategory.BUILD_FAILED
    assert "no such package" in said_of(daemon, task)


def test_a_node_that_may_not_build_leaves_a_task_alone_until_the_engine_has_its_image(
    world: World, start_daemon: StartDaemon, docker_engine: DockerHost
) -> None:
    daemon = start_daemon(building="deny")
    task = world.train(dockerfile=f"{DOCKERFILE}# of {world.folder} alone\n")
    (refusal,) = wait_for(lambda: daemon.deeds(AuditEvent.REFUSAL), "the refusal")
    assert (refusal.task, refusal.detail.split(":")[0]) == (task, "building_not_allowed")
    assert refusal.detail.endswith("the engine has no image of it that was built with this node's build_arguments")
    assert "building_not_allowed" in daemon.log_text()
    assert world.chain.attempts(task) == ()
    folder = world.folder / "asset-1"
    with docker_engine.engine(node=f"{daemon.node[-20:]}-b", work=world.folder / "builder", build=True) as builder:
        builder.image(ImageSource(folder=folder, digest=world.store.put(folder)), log=print)
        assert world.submission(task).state is SubmissionState.ACCEPTED
        daemon.stop()
        assert builder.prune() == 1
