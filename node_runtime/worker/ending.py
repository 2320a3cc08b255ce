"""The end of an attempt: delivery of its result or its failure, or its release."""

import threading
import time
from contextlib import suppress

import structlog
from tenacity import Retrying, retry_if_exception_type, sleep_using_event, stop_when_event_set

from node_runtime.domain.task import AssignmentState
from node_runtime.domain.units import amount
from node_runtime.errors import ChainError, ChainUnavailable, NodeRuntimeError
from node_runtime.platform.files import host_errors
from node_runtime.runner.live_chunk import UPLOAD
from node_runtime.runner.workspace import AttemptId

from .attempt import Attempt, Cancellation, StopReason
from .audit import AuditEvent
from .delivery import Undelivered, Unwanted
from .logging import error_fields
from .metrics import DONE, INTERRUPTED, UNWANTED
from .node import Node
from .outbox import Delivery, Step
from .times import backoff
from .timings import Stopwatch
from .traces import DELIVERY, Attributes

log = structlog.get_logger()


def deliver(delivery: Delivery, node: Node, watch: Stopwatch, *, cancellation: Cancellation | None = None) -> Delivery:
    """Upload the delivery, submit it to the chain, then remove the attempt's workspace.

    Return the delivery as submitted: a failure where a result's files were corrupt or not stored in time. Once it is
    on chain, an error of the removal is logged only.
    """
    node.live.stage(delivery.attempt, UPLOAD, began=node.time.now())
    with watch.step("upload"):
        delivery = upload(delivery, node, cancellation)
    removal = _Removal(delivery.attempt, node)  # outputs are stored: the containers are no longer needed
    try:
        with host_errors(node.work):
            _submit(delivery, node, watch, removal)
    except Unwanted:
        raise
    except NodeRuntimeError as error:
        if any(left.attempt == delivery.attempt for left in node.outbox.undelivered()):
            raise
        _log_left(error)
    watch.meanwhile("remove_containers", started=removal.started, seconds=removal.seconds)
    return delivery


def _submit(delivery: Delivery, node: Node, watch: Stopwatch, removal: "_Removal") -> None:
    """Submit the delivery, then remove what its attempt left on this machine."""
    try:
        with watch.step("submit"):
            node.delivery_service.send(delivery)
        node.workspaces.plans.end_turn(delivery.attempt, commit=delivery.category is None)
        watch.on_chain()
    finally:
        removal.join()  # one thread at a time works on the attempt's containers and folder
    with watch.step("close_workspace"):
        node.workspaces.remove(delivery.attempt)
    node.live.end(delivery.attempt)


def _log_left(error: NodeRuntimeError) -> None:
    """Log why an ended attempt's workspace is left: the daemon removes it at a later poll."""
    log.error("workspace_left", reason=error.message, remedy=error.remedy)


def upload(delivery: Delivery, node: Node, cancellation: Cancellation | None) -> Delivery:
    """Upload until the report deadline; then turn an incomplete upload into a failure report."""
    try:
        return node.delivery_service.upload(delivery, cancellation)
    except Undelivered as error:
        if cancellation is None or cancellation.reason is not StopReason.OUT_OF_TIME:
            raise
        return node.delivery_service.report_failure_instead(delivery, error)


class _Removal(threading.Thread):
    """Removes an attempt's containers while the submission is finalised.

    ``started`` is by `time.monotonic`, ``seconds`` the time it took.
    """

    def __init__(self, attempt: AttemptId, node: Node) -> None:
        super().__init__(daemon=True, name=f"remove-{attempt}")
        self.started = time.monotonic()
        self.seconds = 0.0
        self._attempt = attempt
        self._node = node
        self.start()

    def run(self) -> None:
        with suppress(Exception):  # closing the workspace retries and raises the error
            self._node.workspaces.remove_containers(self._attempt)
        self.seconds = time.monotonic() - self.started


def deliver_again(delivery: Delivery, node: Node) -> None:
    """Deliver what an earlier process packed, and count how its attempt ended; log errors."""
    watch = Stopwatch(seen=time.monotonic(), observe=node.metrics.step)
    outcome: str = INTERRUPTED
    with structlog.contextvars.bound_contextvars(task=delivery.task, epoch=delivery.epoch):
        try:
            with host_errors(node.work):
                if delivery.step is Step.PACKED:
                    node.workspaces.reopen(delivery.attempt)
                delivery = deliver(delivery, node, watch)
            outcome = delivery.category or DONE
            log.info("delivery_completed", category=delivery.category)
        except Unwanted as unwanted:
            outcome = UNWANTED
            log.warning("result_unwanted", reason=unwanted.message)
            node.live.end(delivery.attempt)
            try:
                node.workspaces.remove(delivery.attempt)
            except NodeRuntimeError as error:
                _log_left(error)
        except NodeRuntimeError as error:
            log.error("delivery_kept", reason=error.message, remedy=error.remedy)
        except Exception as error:
            remedy = "report this bug of the daemon; it delivers again by itself"
            log.error("delivery_kept", **{"remedy": remedy, **error_fields(error)})
        finally:
            if outcome != INTERRUPTED:  # else it is tried again
                node.metrics.ended(outcome)
            ended: Attributes = {"task": delivery.task, "epoch": delivery.epoch, "outcome": outcome}
            node.traces.record(DELIVERY, watch.spans, ended, error="" if outcome == DONE else outcome)


def release(attempt: Attempt, node: Node, reason: StopReason) -> None:
    """Remove the workspace, then hand the assignment back or record how the chain ended it."""
    node.live.end(attempt.id)
    node.workspaces.remove(attempt.id)
    assignment = attempt.assignment
    if reason is StopReason.HAND_BACK:
        try:
            cost = node.chain.hand_back(assignment.task, assignment.epoch)
        except ChainError as error:
            log.warning(
                "not_handed_back",
                reason=error.message,
                remedy="start the daemon again before the attempt is due: it resumes it",
            )
            return
        node.audit.record(
            AuditEvent.HAND_BACK, task=assignment.task, epoch=assignment.epoch, detail=f"it cost {amount(cost)}"
        )
        return
    known = retry_until_chain_answers(node)(node.chain.assignment, assignment.worker, assignment.task)
    if known is not None and known.state is AssignmentState.ABORTED:
        log.info("attempt_aborted", reason="its creator aborted the task", paid=amount(known.paid))
        detail = f"aborted, {amount(known.paid)} for the time it was held"
        node.audit.record(AuditEvent.PAYMENT, task=assignment.task, epoch=assignment.epoch, detail=detail)
        node.metrics.paid(known.paid)
        return
    log.warning(
        "attempt_ended_on_chain",
        reason="it is not live on chain any more",
        state=known.state.value if known else "gone",
    )
    node.audit.record(
        AuditEvent.ENDED, task=assignment.task, epoch=assignment.epoch, detail=known.state if known else "gone"
    )


def retry_until_chain_answers(node: Node) -> Retrying:
    """Retry until the chain answers or the daemon stops: an ended attempt's payment has to reach the audit file."""
    return Retrying(
        retry=retry_if_exception_type(ChainUnavailable),
        wait=backoff(node.times.journey),
        stop=stop_when_event_set(node.quitting),
        sleep=sleep_using_event(node.quitting),
        reraise=True,
    )
