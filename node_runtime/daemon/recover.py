"""What was left over when the daemon last ended? The chain and the containers' labels say; local state is only a cache.

A live attempt goes on: its containers are adopted by name. A packed parcel is delivered. Everything else is removed.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from node_runtime.daemon.admission import admitted_document
from node_runtime.daemon.attempt import Attempt
from node_runtime.daemon.audit import Deed
from node_runtime.daemon.node import Node
from node_runtime.daemon.outbox import Parcel
from node_runtime.daemon.pack import pack_failure
from node_runtime.daemon.pool import Shortage, demand_of
from node_runtime.errors import AssetUnavailable, FailureCategory, TaskFailed
from node_runtime.ports import RunningContainer
from node_runtime.task import Assignment, AssignmentState, TaskId
from node_runtime.workspace import AttemptId

log = structlog.get_logger()

WANTED = (AssignmentState.LIVE, AssignmentState.SUBMITTED, AssignmentState.FAILED)
"""States in which a parcel may still be of use: told already, but not noted, counts as told."""


@dataclass(frozen=True, kw_only=True)
class Swept:
    """How much was removed that no live attempt needs."""

    containers: int
    workspaces: int


def recover(node: Node) -> tuple[Attempt, ...]:
    """The attempts to take up again; what is to be delivered is in the outbox. Raises `ChainUnavailable`.

    May be repeated as long as nothing it answered was started.
    """
    known = _attempts(node)
    parcels = tuple(parcel for parcel in node.outbox.undelivered() if _is_wanted(parcel, known, node))
    live = _to_be_run(known, parcels)
    _sweep(node, live=frozenset(live), packed=frozenset(parcel.attempt for parcel in parcels))
    taken: list[Attempt] = []
    try:
        for assignment in live.values():
            taken += take_up(assignment, node)
    except BaseException:
        for attempt in taken:
            node.pool.release(attempt.reservation)
        raise
    return tuple(taken)


def sweep(node: Node) -> Swept:
    """Remove what a daemon that starts now would remove, and start nothing. Raises `ChainUnavailable`."""
    known, parcels = _attempts(node), node.outbox.undelivered()
    live = _to_be_run(known, parcels)
    return _sweep(node, live=frozenset(live), packed=frozenset(parcel.attempt for parcel in parcels))


def _attempts(node: Node) -> dict[AttemptId, Assignment]:
    return {AttemptId(task=one.task, epoch=one.epoch): one for one in node.chain.assignments(node.chain.account)}


def _to_be_run(known: dict[AttemptId, Assignment], parcels: Sequence[Parcel]) -> dict[AttemptId, Assignment]:
    packed = {parcel.attempt for parcel in parcels}
    return {key: one for key, one in known.items() if one.state is AssignmentState.LIVE and key not in packed}


def _sweep(node: Node, *, live: frozenset[AttemptId], packed: frozenset[AttemptId]) -> Swept:
    """Containers go on for live attempts only; folders also hold what is packed. Pins hold what containers mount."""
    swept = Swept(containers=_reap_containers(node, live), workspaces=_remove_workspaces(node, live | packed))
    _release_pins(node, live)
    return swept


def _is_wanted(parcel: Parcel, known: dict[AttemptId, Assignment], node: Node) -> bool:
    assignment = known.get(parcel.attempt)
    if assignment is not None and assignment.state in WANTED:
        return True
    state = assignment.state if assignment else "gone"
    log.warning("result_too_late", task=parcel.task, epoch=parcel.epoch, attempt=str(state))
    node.audit.record(Deed.ENDED, task=parcel.task, epoch=parcel.epoch, detail=f"undelivered, the attempt is {state}")
    node.outbox.forget(parcel)
    return False


def _reap_containers(node: Node, keep: frozenset[AttemptId]) -> int:
    reaped = 0
    for container in node.engine.list():
        if _attempt_of(container) in keep:
            log.info("container_found", container=container.name, running=container.running)
            continue
        log.info("container_reaped", container=container.name)
        node.engine.remove(container.name)
        reaped += 1
    return reaped


def _attempt_of(container: RunningContainer) -> AttemptId | None:
    known = dict(container.labels)
    try:
        return AttemptId(task=TaskId(int(known["task"])), epoch=int(known["epoch"]))
    except (KeyError, ValueError):
        return None


def _remove_workspaces(node: Node, keep: frozenset[AttemptId]) -> int:
    stale = [attempt for attempt in node.workspaces.left() if attempt not in keep]
    for attempt in stale:
        log.info("workspace_removed", attempt=str(attempt))
        node.workspaces.remove(attempt)
    return len(stale)


def _release_pins(node: Node, keep: frozenset[AttemptId]) -> None:
    """What was pinned for attempts that don't go on; the pins of processes are the cache's own business."""
    names = {str(attempt) for attempt in keep}
    for holder in node.cache.holders():
        if holder.startswith("task-") and holder not in names:
            node.cache.release(holder)


def take_up(assignment: Assignment, node: Node) -> list[Attempt]:
    """The attempt as it was claimed; none if it was handed back or, its document being no good any more, packed."""
    task, spec = node.chain.task(assignment.task), node.chain.spec(assignment.task)
    if task is None or spec is None:
        return []
    try:
        document = admitted_document(task, spec, node.store)
    except TaskFailed as error:
        pack_failure(assignment, task, error, None, node)
        return []
    except AssetUnavailable as error:
        failure = TaskFailed(FailureCategory.INPUT_UNAVAILABLE, error.message, remedy=error.remedy)
        pack_failure(assignment, task, failure, None, node)
        return []
    room = node.pool.admit(demand_of(document))
    if isinstance(room, Shortage):
        log.warning("handed_back", task=task.id, epoch=assignment.epoch, reason=room.message)
        node.chain.hand_back(task.id, assignment.epoch)
        node.audit.record(Deed.HAND_BACK, task=task.id, epoch=assignment.epoch, detail=room.message)
        return []
    log.info("task_taken_up", task=task.id, epoch=assignment.epoch, due=assignment.due)
    seen = time.monotonic()
    return [Attempt(task=task, spec=spec, document=document, assignment=assignment, reservation=room, seen=seen)]
