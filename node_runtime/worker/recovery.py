"""Recovery at start: resume live attempts, deliver packed results, remove everything else.

The chain decides which attempts are live; their containers are adopted by name. An attempt that the operator's policy
now forbids is handed back at once: a tightened policy takes effect immediately, and the first hand-back is free.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from node_runtime.domain.admission import Admitted, admit, admitted_document
from node_runtime.domain.clock import time_left
from node_runtime.domain.document import Document
from node_runtime.domain.task import Assignment, AssignmentState, TaskId
from node_runtime.domain.units import amount
from node_runtime.errors import ChainError, FailureCategory, HostError, NodeRuntimeError, TaskFailed
from node_runtime.kinds import can_run
from node_runtime.ports.chain import TaskRecord
from node_runtime.ports.engine import RunningContainer
from node_runtime.runner.workspace import AttemptId, Workspaces
from node_runtime.stores.tree.folders import MONTH, prune

from .attempt import Attempt, report_time
from .audit import AuditEvent
from .inputs import uses_private_data
from .node import Node
from .outbox import Delivery, Outbox, is_of
from .packaging import pack_failure
from .plans import remove_ended, settle_turns
from .resources import Insufficient, demand_of
from .rights import Kept
from .selection import TaskSelector
from .state_dir import ChainFiles
from .withholding import PRIVATE

log = structlog.get_logger()

WANTED = (AssignmentState.LIVE, AssignmentState.SUBMITTED, AssignmentState.FAILED)
"""States in which a delivery is still needed: it may be on chain without the outbox having recorded that."""


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """``live``: tasks assigned to this node; ``unconfirmed``: tasks it claimed without recording the chain's answer."""

    live: tuple[TaskId, ...]
    unconfirmed: tuple[TaskId, ...]


class NotYet(NodeRuntimeError):
    """The attempt can't be resumed now; there is time to retry."""


@dataclass(frozen=True, kw_only=True)
class CleanupReport:
    """Counts of what was removed; ``inputs`` in bytes of the cache, ``images`` built by this node.

    ``plans`` are the local folders of plans that have ended.
    """

    containers: int
    workspaces: int
    plans: int = 0
    images: int = 0
    inputs: int = 0


def recover(node: Node) -> Unfinished:
    """Clean up and return the attempts to resume; deliveries stay in the outbox. Raises `ChainUnavailable`.

    Idempotent until one of the returned attempts is started.
    """
    known = _attempts(node)
    deliveries = tuple(delivery for delivery in node.outbox.undelivered() if _is_wanted(delivery, known, node))
    live = _to_be_run(known, deliveries, node)
    _sweep(node, live=frozenset(live), packed=frozenset(delivery.attempt for delivery in deliveries))
    at_work = {attempt for attempt, one in known.items() if one.state is AssignmentState.LIVE}  # on any machine
    node.live.sweep(at_work | {delivery.attempt for delivery in deliveries})
    running = tuple(attempt.task for attempt in live)
    held = {*running, *(delivery.task for delivery in deliveries)}
    claims = node.outbox.claims()
    for task in claims.keys() - held:
        if claims[task] is not None:
            node.outbox.unclaim(task)
    return Unfinished(
        live=running, unconfirmed=tuple(task for task, due in claims.items() if due is None and task not in held)
    )


def sweep(node: Node) -> CleanupReport:
    """Remove what `recover` would remove, without starting anything. Raises `ChainUnavailable`."""
    known, deliveries = _attempts(node), node.outbox.undelivered()
    live = _to_be_run(known, deliveries, node)
    return _sweep(node, live=frozenset(live), packed=frozenset(delivery.attempt for delivery in deliveries))


def collect_garbage(node: Node) -> CleanupReport:
    """Remove what no live attempt needs: as `sweep`, and built images and cached inputs that nothing uses. Idempotent.

    The daemon must not run. Raises `ChainUnavailable`, `HostError`.
    """
    report = sweep(node)
    images, before = node.engine.prune(), node.cache.size()
    node.cache.shrink(0)
    return replace(report, images=images, inputs=before - node.cache.size())


def _attempts(node: Node) -> dict[AttemptId, Assignment]:
    return {_attempt_of(one): one for one in node.chain.assignments(node.chain.account)}


def _to_be_run(
    known: dict[AttemptId, Assignment], deliveries: Sequence[Delivery], node: Node
) -> dict[AttemptId, Assignment]:
    """Return this node's live assignments: those in its outbox or with a folder. Others belong to the key's other
    machines."""
    packed = {delivery.attempt for delivery in deliveries}
    live = {key: one for key, one in known.items() if one.state is AssignmentState.LIVE and key not in packed}
    claims, folders = node.outbox.claims(), frozenset(node.workspaces.attempts())
    own = {
        key: one
        for key, one in live.items()
        if key in folders or (one.task in claims and claims[one.task] in (None, one.due))
    }
    for attempt in live.keys() - own.keys():
        log.warning(
            "assignment_of_another_daemon",
            attempt=str(attempt),
            message="this node's account holds a task that this work folder knows nothing of: "
            "a daemon with the same key works elsewhere, or the folder is not the one that it was claimed with",
            remedy="give each machine a key of its own ('node-runtime init'), or set `work` in node.yaml",
        )
    return own


def _sweep(node: Node, *, live: frozenset[AttemptId], packed: frozenset[AttemptId]) -> CleanupReport:
    """Remove containers and cache pins of all but live attempts, folders of all but live and packed ones."""
    containers = _reap_containers(node, live)
    removed = _remove_workspaces(node.workspaces, live | packed)
    removed += sum(_remove_left(other, node) for other in node.files.others())
    settle_turns(node, live | packed)
    plans = remove_ended(node, node.workspaces.plans.keys())
    _release_pins(node, live)
    prune(node.work / PRIVATE, MONTH, now=node.time.now())
    return CleanupReport(containers=containers, workspaces=removed, plans=plans)


def _is_wanted(delivery: Delivery, known: dict[AttemptId, Assignment], node: Node) -> bool:
    assignment = known.get(delivery.attempt)
    if assignment is not None and assignment.state in WANTED and is_of(delivery, assignment):
        return True
    state = assignment.state if assignment else "gone"
    log.warning("result_too_late", task=delivery.task, epoch=delivery.epoch, attempt=str(state))
    node.audit.record(
        AuditEvent.ENDED, task=delivery.task, epoch=delivery.epoch, detail=f"undelivered, the attempt is {state}"
    )
    node.outbox.forget(delivery)
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
    stale = [attempt for attempt in workspaces.attempts() if attempt not in keep]
    for attempt in stale:
        log.info("workspace_removed", attempt=str(attempt))
        workspaces.remove(attempt)
    return len(stale)


def _remove_left(other: ChainFiles, node: Node) -> int:
    """Remove another chain's workspaces, except packed ones: the node may be pointed at that chain again."""
    try:
        outbox = Outbox(other.outbox)
        try:
            packed = frozenset(delivery.attempt for delivery in outbox.undelivered())
        finally:
            outbox.close()
        return _remove_workspaces(other.workspaces(node.engine), packed)
    except HostError as error:
        log.warning("other_chain_not_removed", folder=str(other.attempts), reason=error.message, remedy=error.remedy)
        return 0


def _release_pins(node: Node, keep: frozenset[AttemptId]) -> None:
    """Release the pins of attempts that are not live; the cache itself handles pins of processes."""
    names = {str(attempt) for attempt in keep}
    for holder in node.cache.holders():
        if holder.startswith("task-") and holder not in names:
            node.cache.release(holder)


def resume_attempt(assignment: Assignment, node: Node, selector: TaskSelector) -> Attempt | None:
    """Rebuild the attempt from its assignment; None after handing it back or packing a failure for a bad document.

    Raises `NotYet` while its document is unavailable or the pool is full and there is time to retry; `ChainError`.
    """
    record = node.chain.record(assignment.task)
    if record is None:
        return None
    task, spec = record.task, record.spec
    refusal = selector.forbids(task)  # works without storage too
    if refusal is None:
        try:
            document, admitted = _document(assignment, record, node)
        except TaskFailed as error:
            kept = Kept(outputs=True, models=True, logs=True, live_logs=True)  # what it saw is unknown
            pack_failure(assignment, task, error, node, kept=kept)
            return None
        refusal = selector.forbids_document(task, spec, document)
    if refusal is not None:
        hand_back(assignment, node, refusal.message)
        return None
    noted = node.workspaces.stays(_attempt_of(assignment)).private
    private = noted or uses_private_data(task, document, admitted, node)
    running = _running_container(assignment, node)
    slot = None if running is None else node.workspaces.slot_of(running)
    gpus = () if running is None else running.gpus
    room = node.pool.admit(demand_of(document), slot=slot, private=private, gpus=gpus)
    if isinstance(room, Insufficient):
        if not room.lasting and not _is_over(assignment, node):
            raise NotYet(f"there is no room: {room.message}", remedy="free some disk, or wait for a slot")
        hand_back(assignment, node, room.message)
        return None
    log.info("attempt_resumed", task=task.id, epoch=assignment.epoch, due=assignment.due)
    return Attempt(
        task=task,
        document=document,
        admitted=admitted,
        assignment=assignment,
        reservation=room,
        seen=time.monotonic(),
        began=_began(assignment, node),
    )


def _began(assignment: Assignment, node: Node) -> int:
    """Return when its claim was sent, on the steady clock in ms; estimate it from the chain's time after a reboot."""
    sent = node.outbox.claim_sent(assignment.task)
    if sent is not None:
        node.time.saw_claim(assignment.since, sent=sent)
        return sent
    return node.time.clock.steady() - (assignment.due - assignment.since - _left(assignment, node))


def hand_back(assignment: Assignment, node: Node, reason: str) -> None:
    """Hand the assignment back; first remove its containers, which must not run on if the chain is unavailable."""
    log.warning("handed_back", task=assignment.task, epoch=assignment.epoch, reason=reason)
    node.workspaces.remove(_attempt_of(assignment))
    node.cache.release(str(_attempt_of(assignment)))
    node.live.end(_attempt_of(assignment))
    cost = node.chain.hand_back(assignment.task, assignment.epoch)
    node.audit.record(
        AuditEvent.HAND_BACK, task=assignment.task, epoch=assignment.epoch, detail=f"{reason}; it cost {amount(cost)}"
    )


def _running_container(assignment: Assignment, node: Node) -> RunningContainer | None:
    """Return its running container, whose slot's network and whose GPUs must not be shared with another task."""
    for container in node.engine.list():
        if container.running and node.workspaces.attempt_of(container.name) == _attempt_of(assignment):
            return container
    return None


def _attempt_of(assignment: Assignment) -> AttemptId:
    return AttemptId(task=assignment.task, epoch=assignment.epoch)


def _document(assignment: Assignment, record: TaskRecord, node: Node) -> tuple[Document, Admitted]:
    """Read and check the document and its inputs as before a claim.

    Raises `TaskFailed` for an invalid one, or once it is too late to read it; `NotYet` while it can't be read.
    """
    try:
        document = admitted_document(record.task, record.spec, node.store)
        if not can_run(document):
            message = f"this version doesn't run {document.kind} with layout {document.layout}"
            raise TaskFailed(FailureCategory.NODE_ERROR, message, remedy="run the version that claimed it")
        return document, admit(document, record, node.chain)
    except (TaskFailed, ChainError):
        raise
    except Exception as error:
        if not _is_over(assignment, node):
            raise NotYet(f"the task's document can't be read: {error}", remedy="see that storage answers") from error
        message = f"the task's document couldn't be read until the attempt was over: {error}"
        raise TaskFailed(FailureCategory.INPUT_UNAVAILABLE, message) from error


def _left(assignment: Assignment, node: Node) -> int:
    return time_left(assignment, estimate=node.time.now(), head=node.chain.now())


def _is_over(assignment: Assignment, node: Node) -> bool:
    return _left(assignment, node) < report_time(assignment)
