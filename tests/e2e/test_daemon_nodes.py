"""Several nodes on one chain: a shared task is run by one of them, and goes to another when its node leaves."""

from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from node_runtime.domain.task import AssignmentState, SubmissionState, TaskId
from node_runtime.worker.audit import AuditEvent
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import TRAIN, WAITS, World, wait_for

WHEN_TOLD = f"{WAITS}; {TRAIN}"
TASKS = 12
ATTEMPT = 40  # seconds: what a killed node's claim lasts, and what the next one has
StartDaemon = Callable[..., DaemonProcess]

pytestmark = [pytest.mark.docker, pytest.mark.slow]


def start_nodes(start_daemon: StartDaemon, *names: str, grace: int = 1) -> list[DaemonProcess]:
    return [start_daemon(folder=name, machine=name, key=f"//{name.capitalize()}", grace=grace) for name in names]


def holder_of(world: World, task: TaskId, nodes: Sequence[DaemonProcess]) -> DaemonProcess:
    """Wait until one of the nodes has the task; return it once its container runs."""

    def live() -> DaemonProcess | None:
        attempts = world.chain.attempts(task)
        workers = [attempt.worker for attempt in attempts if attempt.state is AssignmentState.LIVE]
        return next((node for node in nodes if node.account in workers), None)

    node = wait_for(live, f"a node to take task {task}")
    node.container_of(task)
    return node


def test_each_shared_task_is_run_once_and_every_node_takes_part(world: World, start_daemon: StartDaemon) -> None:
    nodes = start_nodes(start_daemon, "bob", "charlie", "dave")
    waiting = [world.train(WHEN_TOLD) for _ in nodes]
    holders = [holder_of(world, task, nodes) for task in waiting]
    assert sorted(one.account for one in holders) == sorted(one.account for one in nodes)
    tasks = [*waiting, *(world.train() for _ in range(TASKS - len(waiting)))]
    for task, holder in zip(waiting, holders, strict=True):
        holder.let_go(task)
    for task in tasks:
        assert world.submission(task).state is SubmissionState.ACCEPTED
        assert len(world.chain.submissions(task)) == 1
    runs = [entry.task for node in nodes for entry in node.deeds(AuditEvent.RUN)]
    assert Counter(runs) == Counter(tasks)


def test_a_task_of_a_node_that_is_stopped_is_handed_back_and_done_by_another(
    world: World, start_daemon: StartDaemon
) -> None:
    nodes = start_nodes(start_daemon, "bob", "charlie")
    task = world.train(WHEN_TOLD)
    first = holder_of(world, task, nodes)
    assert first.stop() == 0
    world.wait_for_attempt(first.account, task, AssignmentState.HANDED_BACK)
    assert first.containers() == []
    _done_by_another(world, task, first, nodes)


def test_a_task_of_a_node_that_is_killed_lapses_and_is_done_by_another(world: World, start_daemon: StartDaemon) -> None:
    world.attempt = ATTEMPT
    nodes = start_nodes(start_daemon, "bob", "charlie")
    task = world.train(WHEN_TOLD)
    first = holder_of(world, task, nodes)
    first.kill()
    world.wait_for_attempt(first.account, task, AssignmentState.LAPSED)
    _done_by_another(world, task, first, nodes)


def _done_by_another(world: World, task: TaskId, first: DaemonProcess, nodes: Sequence[DaemonProcess]) -> None:
    second = holder_of(world, task, [node for node in nodes if node is not first])
    second.let_go(task)
    submission = world.submission(task)
    assert (submission.worker, submission.state) == (second.account, SubmissionState.ACCEPTED)
    assert len(world.chain.submissions(task)) == 1
