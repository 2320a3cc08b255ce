"""A daemon in the room of faults: run, crashed, and what it left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from structlog.typing import EventDict

from node_runtime.creator.live import LiveLog
from node_runtime.domain.task import AssignmentState, TaskId
from node_runtime.worker.assembly import selector_of
from node_runtime.worker.audit import AuditEvent
from node_runtime.worker.audit_check import verified
from node_runtime.worker.daemon import Daemon
from node_runtime.worker.node import Node
from node_runtime.worker.times import Pace
from tests.background import LIMIT, in_background, wait_until
from tests.unit.worker.faults_room import Crash, Fault, Room


@contextmanager
def daemon_at_work(room: Room, node: Node, *, grace: float = 5.0) -> Iterator[Daemon]:
    """Run a daemon; stop it on exit and re-raise its error."""
    daemon = Daemon(node, selector_of(node, room.config), Pace(poll=0.01, grace=grace))
    running = in_background(lambda: daemon.run(lambda: None))
    try:
        yield daemon
    finally:
        daemon.stop()
        ended = running.exception(LIMIT)
    if ended is not None and not isinstance(ended, Crash):
        raise ended


@contextmanager
def at_work(room: Room, fault: Fault | None = None, *, grace: float = 5.0) -> Iterator[Node]:
    with room.node(fault) as (node, _process), daemon_at_work(room, node, grace=grace):
        yield node


def crash(room: Room, call: str, kind: str = "crash before") -> None:
    """Run one process of the daemon that crashes at this call."""
    with room.node(Fault(call=call, kind=kind)) as (node, process), daemon_at_work(room, node):
        wait_until(lambda: process.dead, "the crash")


def deeds(room: Room) -> list[AuditEvent]:
    return [entry.deed for entry in verified(room.folder / "work" / "audit.jsonl", [room.account])]


def is_(room: Room, task: TaskId, state: AssignmentState) -> Callable[[], bool]:
    def reached() -> bool:
        assignment = room.creator.assignment(room.account, task)
        return assignment is not None and assignment.state is state

    return reached


def refusals(said: list[EventDict]) -> set[str]:
    return {str(one["reason"]) for one in said if one["event"] == "task_refused"}


def told(room: Room, task: TaskId) -> dict[str, str]:
    """What the task's attempt tells in storage: its stages with their logs so far."""
    assignment = room.creator.assignment(room.account, task)
    if assignment is None:
        return {}
    return {stage.name: stage.text for stage in LiveLog(room.store.live, assignment, room.creator.genesis).read()}
