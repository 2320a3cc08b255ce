"""What was left over when the daemon last ended? The chain and the containers' labels say; local state is only a cache.

A live attempt goes on: its containers are adopted by name. A packed parcel is delivered. Everything else is removed.
What the operator has forbidden meanwhile doesn't go on: it is handed back, because who tightens a policy wants that
code off these data now, and handing back is free the first time.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from node_runtime.admission import admitted_document, check_roles
from node_runtime.daemon.attempt import Attempt, last_moment
from node_runtime.daemon.audit import Deed
from node_runtime.daemon.chain_files import ChainFiles
from node_runtime.daemon.node import Node
from node_runtime.daemon.outbox import Outbox, Parcel, is_of
from node_runtime.daemon.pack import PRIVATE_LOGS, pack_failure
from node_runtime.daemon.pool import Shortage, demand_of
from node_runtime.daemon.seek import Seeker
from node_runtime.document import Document
from node_runtime.errors import ChainError, FailureCategory, HostError, NodeRuntimeError, TaskFailed
from node_runtime.stages import can_run
from node_runtime.storage.prune import MONTH, prune
from node_runtime.task import Assignment, AssignmentState, Spec, Task, TaskId
from node_runtime.workspace import AttemptId, Workspaces

log = structlog.get_logger()

WANTED = (AssignmentState.LIVE, AssignmentState.SUBMITTED, AssignmentState.FAILED)
"""States in which a parcel may still be of use: told already, but not noted, counts as told."""


@dataclass(frozen=True, kw_only=True)
class LeftOver:
    """Tasks this node holds, and those it asked for without noting the chain's answer."""

    live: tuple[TaskId, ...]
    doubtful: tuple[TaskId, ...]


class NotYet(NodeRuntimeError):
    """A hold can't be taken up now, and there is time to try again."""


@dataclass(frozen=True, kw_only=True)
class Swept:
    """How much was removed that no live attempt needs."""

    containers: int
    workspaces: int


def recover(node: Node) -> LeftOver:
    """What to take up again; what is to be delivered is in the outbox. Raises `ChainUnavailable`.

    May be repeated as long as nothing it answered was started.
    """
    known = _attempts(node)
    parcels = tuple(parcel for parcel in node.outbox.undelivered() if _is_wanted(parcel, known, node))
    live = _to_be_run(known, parcels, node)
    _sweep(node, live=frozenset(live), packed=frozenset(parcel.attempt for parcel in parcels))
    running = tuple(attempt.task for attempt in live)
    held = {*running, *(parcel.task for parcel in parcels)}
    claims = node.outbox.claims()
    for task in claims.keys() - held:
        if claims[task] is not None:
            node.outbox.unclaim(task)
    return LeftOver(
        live=running, doubtful=tuple(task for task, due in claims.items() if due is None and task not in held)
    )


def sweep(node: Node) -> Swept:
    """Remove what a daemon that starts now would remove, and start nothing. Raises `ChainUnavailable`."""
    known, parcels = _attempts(node), node.outbox.undelivered()
    live = _to_be_run(known, parcels, node)
    return _sweep(node, live=frozenset(live), packed=frozenset(parcel.attempt for parcel in parcels))


def _attempts(node: Node) -> dict[AttemptId, Assignment]:
    return {_attempt_of(one): one for one in node.chain.assignments(node.chain.account)}


def _to_be_run(
    known: dict[AttemptId, Assignment], parcels: Sequence[Parcel], node: Node
) -> dict[AttemptId, Assignment]:
    """Live holds of this node: those it noted or has a folder of. Others are another machine's with the same key."""
    packed = {parcel.attempt for parcel in parcels}
    live = {key: one for key, one in known.items() if one.state is AssignmentState.LIVE and key not in packed}
    claims, folders = node.outbox.claims(), frozenset(node.workspaces.left())
    own = {
        key: one
        for key, one in live.items()
        if key in folders or (one.task in claims and claims[one.task] in (None, one.due))
    }
    for attempt in live.keys() - own.keys():
        log.warning("hold_of_another_daemon", attempt=str(attempt), remedy="give each machine a key of its own")
    return own


def _sweep(node: Node, *, live: frozenset[AttemptId], packed: frozenset[AttemptId]) -> Swept:
    """Containers go on for live attempts only; folders also hold what is packed. Pins hold what containers mount."""
    containers = _reap_containers(node, live)
    removed = _remove_workspaces(node.workspaces, live | packed)
    removed += sum(_remove_left(other, node) for other in node.files.others())
    _release_pins(node, live)
    prune(node.work / PRIVATE_LOGS, MONTH)
    return Swept(containers=containers, workspaces=removed)


def _is_wanted(parcel: Parcel, known: dict[AttemptId, Assignment], node: Node) -> bool:
    assignment = known.get(parcel.attempt)
    if assignment is not None and assignment.state in WANTED and is_of(parcel, assignment):
        return True
    state = assignment.state if assignment else "gone"
    log.warning("result_too_late", task=parcel.task, epoch=parcel.epoch, attempt=str(state))
    node.audit.record(Deed.ENDED, task=parcel.task, epoch=parcel.epoch, detail=f"undelivered, the attempt is {state}")
    node.outbox.forget(parcel)
    return False


def _reap_containers(node: Node, keep: frozenset[AttemptId]) -> int:
    reaped = 0
    for container in node.engine.list():
        if node.workspaces.attempt_of(container.name) in keep:
            log.info("container_found", container=container.name, running=container.running)
            continue
        log.info("container_reaped", container=container.name)
        node.engine.remove(container.name)
        reaped += 1
    return reaped


def _remove_workspaces(workspaces: Workspaces, keep: frozenset[AttemptId]) -> int:
    stale = [attempt for attempt in workspaces.left() if attempt not in keep]
    for attempt in stale:
        log.info("workspace_removed", attempt=str(attempt))
        workspaces.remove(attempt)
    return len(stale)


def _remove_left(other: ChainFiles, node: Node) -> int:
    """Of the attempts on another chain only what is packed stays, until the node is pointed at that chain again."""
    try:
        outbox = Outbox(other.outbox)
        try:
            packed = frozenset(parcel.attempt for parcel in outbox.undelivered())
        finally:
            outbox.close()
        return _remove_workspaces(other.workspaces(node.engine), packed)
    except HostError as error:
        log.warning("other_chain_left", folder=str(other.attempts), reason=error.message, remedy=error.remedy)
        return 0


def _release_pins(node: Node, keep: frozenset[AttemptId]) -> None:
    """What was pinned for attempts that don't go on; the pins of processes are the cache's own business."""
    names = {str(attempt) for attempt in keep}
    for holder in node.cache.holders():
        if holder.startswith("task-") and holder not in names:
            node.cache.release(holder)


def take_up(hold: Assignment, node: Node, seeker: Seeker) -> Attempt | None:
    """The attempt as it was claimed; none if it was handed back or, its document being no good any more, packed.

    Raises `NotYet` while it can't be known what the attempt is, or there is no room, but time; and `ChainError`.
    """
    task, spec = node.chain.task(hold.task), node.chain.spec(hold.task)
    if task is None or spec is None:
        return None
    refusal = seeker.forbids(task)  # also while storage is away
    if refusal is None:
        try:
            document = _document(hold, task, spec, node)
        except TaskFailed as error:
            pack_failure(hold, task, error, None, node)
            return None
        refusal = seeker.forbids_document(task, spec, document)
    if refusal is not None:
        _hand_back(hold, node, refusal.message)
        return None
    room = node.pool.admit(demand_of(document), slot=_slot(hold, node))
    if isinstance(room, Shortage):
        if not room.lasting and not _is_over(hold):
            raise NotYet(f"there is no room: {room.message}", remedy="free some disk, or wait for a slot")
        _hand_back(hold, node, room.message)
        return None
    log.info("task_taken_up", task=task.id, epoch=hold.epoch, due=hold.due)
    seen = time.monotonic()
    return Attempt(task=task, spec=spec, document=document, assignment=hold, reservation=room, seen=seen)


def _hand_back(hold: Assignment, node: Node, reason: str) -> None:
    """Its containers end first: they may not go on when the chain can't be told."""
    log.warning("handed_back", task=hold.task, epoch=hold.epoch, reason=reason)
    node.workspaces.remove(_attempt_of(hold))
    node.cache.release(str(_attempt_of(hold)))
    node.chain.hand_back(hold.task, hold.epoch)
    node.audit.record(Deed.HAND_BACK, task=hold.task, epoch=hold.epoch, detail=reason)


def _slot(hold: Assignment, node: Node) -> int | None:
    """Where its container runs: the slot's network is that container's, and must not become another task's too."""
    for container in node.engine.list():
        if container.running and node.workspaces.attempt_of(container.name) == _attempt_of(hold):
            return node.workspaces.slot_of(container)
    return None


def _attempt_of(hold: Assignment) -> AttemptId:
    return AttemptId(task=hold.task, epoch=hold.epoch)


def _document(hold: Assignment, task: Task, spec: Spec, node: Node) -> Document:
    """Raises `TaskFailed` for one that is no good, or can't be had until the attempt is over; before that `NotYet`.

    Whatever claimed the task, its document is looked at as before a claim.
    """
    try:
        document = admitted_document(task, spec, node.store)
        if not can_run(document):
            message = f"this version doesn't run {document.kind} with layout {document.layout}"
            raise TaskFailed(FailureCategory.NODE_ERROR, message, remedy="run the version that claimed it")
        check_roles(document, node.chain)
        return document
    except (TaskFailed, ChainError):
        raise
    except Exception as error:
        if not _is_over(hold):
            raise NotYet(f"the task's document can't be read: {error}", remedy="see that storage answers") from error
        message = f"the task's document couldn't be read until the attempt was over: {error}"
        raise TaskFailed(FailureCategory.INPUT_UNAVAILABLE, message) from error


def _is_over(hold: Assignment) -> bool:
    return time.time() * 1000 > last_moment(hold)
