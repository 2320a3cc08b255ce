"""The delivery service: uploads results, submits them and waits for finality, with retries; then their reviews."""

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

import structlog
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
)

from node_runtime.domain.assets import SubmissionId
from node_runtime.domain.clock import ChainTime
from node_runtime.domain.task import UNIT, AssignmentState, SubmissionState
from node_runtime.errors import (
    AssetMismatch,
    ChainRefused,
    ChainUnavailable,
    FailureCategory,
    HostError,
    NodeRuntimeError,
    StorageError,
)
from node_runtime.platform.files import host_errors
from node_runtime.ports.chain import WorkerCalls
from node_runtime.ports.store import AssetStore
from node_runtime.stores.tree.folders import remove_empty_folders
from node_runtime.stores.tree.manifest import TreeRefused

from .attempt import Cancellation
from .audit import Audit, AuditEvent
from .metrics import Metrics, ReviewOutcome
from .outbox import Delivery, Outbox, Step, Upload, is_from
from .times import DEFAULTS, Backoff, backoff

log = structlog.get_logger()
T = TypeVar("T")

TRANSIENT = (ChainUnavailable, StorageError, HostError)  # errors of this machine or the network, worth a retry
CORRUPT = (AssetMismatch, TreeRefused)  # the packed files were changed or removed: a retry can't help
UNPAID = ("TooLittleBalance", "BlockFull")  # retried: the operator may fund the account, the next block may have room
REVIEWS_PER_POLL = 10


class Undelivered(NodeRuntimeError):
    """The delivery stays in the outbox: the daemon stops, or the due passes while storage or chain is unavailable."""


class Unwanted(NodeRuntimeError):
    """The chain rejects this delivery for good: its attempt has ended there."""


def put_upload(upload: Upload, store: AssetStore, *, stop: threading.Event | None = None) -> None:
    """Store an upload unless it is stored. Raises `AssetMismatch` for one that was changed since it was packed."""
    if store.has(upload.digest, own=True):  # another account's copy may be wrong, or go
        return
    if not upload.empty_folders:
        with host_errors(upload.path):
            remove_empty_folders(upload.path)
    stored = store.put(upload.path, stop=stop)
    if stored != upload.digest:
        raise AssetMismatch(
            f"{upload.path} has changed since it was collected: {stored}, was {upload.digest}",
            remedy="nothing may write into the node's work folder but the daemon",
        )


class DeliveryService:
    """Uploads and submits deliveries. Thread-safe; ``quitting`` interrupts every wait."""

    def __init__(
        self,
        *,
        chain: WorkerCalls,
        time: ChainTime,
        store: AssetStore,
        outbox: Outbox,
        audit: Audit,
        quitting: threading.Event,
        wait: Backoff = DEFAULTS.delivery,
    ) -> None:
        self._chain = chain
        self._time = time
        self._store = store
        self._outbox = outbox
        self._audit = audit
        self._quitting = quitting
        self._wait = wait

    def upload(self, delivery: Delivery, cancellation: Cancellation | None = None) -> Delivery:
        """Upload all files of the delivery to storage. Idempotent.

        With the attempt's ``cancellation``, raises `Undelivered` soon after a result can't be sent any more; a
        failure's log, which is small, is still tried once. A result whose files are missing or changed becomes a
        failure report, which costs less than the bond.
        """
        if delivery.step is not Step.PACKED:
            return delivery
        stop = cancellation.over if cancellation is not None and delivery.category is None else None
        wakes = cancellation.event if cancellation is not None else self._quitting
        try:
            for upload in delivery.uploads:
                self._with_retry(delivery, partial(put_upload, upload, self._store, stop=stop), wakes=wakes)
        except CORRUPT as error:
            log.error("result_spoiled", reason=error.message, remedy=error.remedy)
            return self.report_failure_instead(delivery, error)
        self._audit.record(AuditEvent.UPLOAD, task=delivery.task, epoch=delivery.epoch, detail=_digests(delivery))
        return self._outbox.uploaded(delivery)

    def report_failure_instead(self, delivery: Delivery, error: NodeRuntimeError) -> Delivery:
        """Replace a result that can't be stored by a failure report, which costs less than the bond."""
        category = delivery.category or FailureCategory.NODE_ERROR
        message = delivery.message or error.message
        return self._outbox.uploaded(replace(delivery, uploads=(), result=None, category=category, message=message))

    def send(self, delivery: Delivery) -> Delivery:
        """Submit to the chain and wait for finality; then drop a failure, keep a result until its review ends.

        Idempotent. Raises `Unwanted` after dropping the delivery, or `Undelivered`, keeping it.
        """
        try:
            submission = self._with_retry(delivery, lambda: self._submit(delivery), wakes=self._quitting)
        except ChainRefused as error:
            self._outbox.forget(delivery)
            self._audit.record(AuditEvent.ENDED, task=delivery.task, epoch=delivery.epoch, detail=error.message)
            raise Unwanted(f"the chain doesn't take the result: {error.message}", remedy=error.remedy) from error
        if submission is None:
            self._outbox.forget(delivery)
            detail = f"{delivery.category}: {delivery.message}"
            self._audit.record(AuditEvent.FAILURE, task=delivery.task, epoch=delivery.epoch, detail=detail)
            return delivery
        self._audit.record(
            AuditEvent.SUBMISSION, task=delivery.task, epoch=delivery.epoch, detail=f"submission {submission}"
        )
        return self._outbox.sent(delivery, submission)

    def _submit(self, delivery: Delivery) -> SubmissionId | None:
        """Submit the result, returning its id, or report the failure; accept a report of an earlier process."""
        if delivery.result is not None:
            return self._chain.send_task_result(delivery.task, delivery.epoch, delivery.result)
        if delivery.category is None:
            raise ValueError("a delivery has a result or a failure")
        try:
            self._chain.report_failure(delivery.task, delivery.epoch, delivery.category, delivery.log)
        except ChainRefused:
            known = self._chain.assignment(delivery.worker, delivery.task)
            if known is None or known.epoch != delivery.epoch or known.state is not AssignmentState.FAILED:
                raise
        return None

    def _with_retry(self, delivery: Delivery, step: Callable[[], T], *, wakes: threading.Event) -> T:
        """Retry the step until it succeeds; raise `Undelivered` once ``wakes`` is set or the delivery is overdue."""

        def over(_state: RetryCallState) -> bool:
            return wakes.is_set() or self._is_over(delivery)

        def log_retry(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            wait = round(state.upcoming_sleep, 1)
            log.warning("delivery_retried", reason=str(error), next_try_seconds=wait, attempt=state.attempt_number)

        retrying = Retrying(
            retry=retry_if_exception(_may_pass),
            wait=backoff(self._wait),
            stop=over,
            sleep=sleep_using_event(wakes),
            before_sleep=log_retry,
            reraise=True,
        )
        try:
            return retrying(step)
        except NodeRuntimeError as error:
            if not _may_pass(error) or (isinstance(error, ChainRefused) and self._is_over(delivery)):
                raise
            why = "its time is over" if self._is_over(delivery) else "the attempt ends"
            why = "the daemon stops" if self._quitting.is_set() else why
            raise Undelivered(
                f"the result of task {delivery.task}, epoch {delivery.epoch} isn't delivered and {why}: {error}",
                remedy="it stays in the outbox and is tried again when the daemon starts",
            ) from error

    def _is_over(self, delivery: Delivery) -> bool:
        return self._time.now() > delivery.due


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, ChainRefused):
        return error.rule in UNPAID
    return isinstance(error, TRANSIENT) and not isinstance(error, CORRUPT)


def _digests(delivery: Delivery) -> str:
    return " ".join(upload.digest for upload in delivery.uploads)


class Reviews:
    """Submitted results that are not decided yet. Each decision is recorded once, then the delivery is forgotten."""

    def __init__(self, *, chain: WorkerCalls, outbox: Outbox, audit: Audit, metrics: Metrics) -> None:
        self._chain = chain
        self._outbox = outbox
        self._audit = audit
        self._metrics = metrics
        self._turn = 0

    def check(self) -> None:
        """Record payments and rejections of submitted results; check `REVIEWS_PER_POLL` of them a poll, in rotation."""
        waiting = self._outbox.undecided()
        first = self._turn % max(1, len(waiting))
        some = (*waiting[first:], *waiting[:first])[:REVIEWS_PER_POLL]
        self._turn = first + len(some)
        named = [(delivery.task, delivery.submission) for delivery in some if delivery.submission is not None]
        submissions = self._chain.submissions_named(named) if named else ()
        for delivery in some:
            found = next((one for one in submissions if one is not None and is_from(one, delivery)), None)
            if found is not None and found.state is SubmissionState.UNDER_REVIEW:
                continue
            if found is None:
                log.info("review_unknown", task=delivery.task, submission=delivery.submission)
            elif found.state is SubmissionState.ACCEPTED:
                self._record_payment(delivery)
            else:
                self._metrics.reviewed(ReviewOutcome.REJECTED)
                detail = f"submission {found.id}: {found.reason}"
                log.warning("result_rejected", task=delivery.task, epoch=delivery.epoch, reason=found.reason)
                self._audit.record(AuditEvent.REJECTION, task=delivery.task, epoch=delivery.epoch, detail=detail)
            self._outbox.forget(delivery)

    def _record_payment(self, delivery: Delivery) -> None:
        amount = f"{delivery.reward / UNIT:g} UNIT"
        log.info("paid", task=delivery.task, epoch=delivery.epoch, submission=delivery.submission, amount=amount)
        self._audit.record(AuditEvent.PAYMENT, task=delivery.task, epoch=delivery.epoch, detail=amount)
        self._metrics.reviewed(ReviewOutcome.ACCEPTED)
        self._metrics.paid(delivery.reward)
