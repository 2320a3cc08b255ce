"""How a parcel reaches storage and chain: upload, send, see it finalised; again and again until its time is over."""

import threading
import time
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
    wait_exponential_jitter,
)

from node_runtime.daemon.attempt import Ending
from node_runtime.daemon.audit import Audit, Deed
from node_runtime.daemon.outbox import Outbox, Parcel, Step, Upload
from node_runtime.errors import (
    AssetMismatch,
    ChainRefused,
    ChainUnavailable,
    FailureCategory,
    HostError,
    NodeRuntimeError,
    StorageError,
)
from node_runtime.ports import AssetStore, Chain
from node_runtime.storage.manifest import TreeRefused
from node_runtime.task import AssignmentState, SubmissionId

log = structlog.get_logger()
T = TypeVar("T")

TROUBLE = (ChainUnavailable, StorageError, HostError)  # ours or the network's, and it may pass
SPOILED = (AssetMismatch, TreeRefused)  # what was packed isn't there any more, however often it is tried
UNPAID = ("TooLittleBalance", "BlockFull")  # the operator may fund the account, the next block have room
FIRST_WAIT, LONGEST_WAIT = 0.2, 30.0  # seconds


class Undelivered(NodeRuntimeError):
    """The parcel stays in the outbox: the daemon stops, or its time is over while storage or chain can't be reached."""


class Unwanted(NodeRuntimeError):
    """The chain will never take this parcel: its attempt has ended there."""


class Courier:
    """Delivers parcels. Safe to share between threads; ``quitting`` cuts every wait short."""

    def __init__(
        self, *, chain: Chain, store: AssetStore, outbox: Outbox, audit: Audit, quitting: threading.Event
    ) -> None:
        self._chain = chain
        self._store = store
        self._outbox = outbox
        self._audit = audit
        self._quitting = quitting

    def upload(self, parcel: Parcel, ending: Ending | None = None) -> Parcel:
        """Put everything the parcel names into storage. May be repeated.

        With the ``ending`` of its attempt it raises `Undelivered` soon after a result can't be sent any more; a
        failure's log, which is small, is tried once even then. A parcel whose files aren't there any more as they
        were becomes a failure: telling it costs less than the bond.
        """
        if parcel.step is not Step.PACKED:
            return parcel
        stop = ending.over if ending is not None and parcel.category is None else None
        wakes = ending.event if ending is not None else self._quitting
        try:
            for upload in parcel.uploads:
                self._patiently(parcel, partial(self._put, upload, stop), wakes=wakes)
        except SPOILED as error:
            log.error("result_spoiled", reason=error.message, remedy=error.remedy)
            return self.give_up(parcel, error)
        self._audit.record(Deed.UPLOAD, task=parcel.task, epoch=parcel.epoch, detail=_digests(parcel))
        return self._outbox.uploaded(parcel)

    def give_up(self, parcel: Parcel, error: NodeRuntimeError) -> Parcel:
        """What is to be told instead of what can't be stored: a failure, that costs less than the bond."""
        category = parcel.category or FailureCategory.NODE_ERROR
        message = parcel.message or error.message
        return self._outbox.uploaded(replace(parcel, uploads=(), result=None, category=category, message=message))

    def send(self, parcel: Parcel) -> Parcel:
        """Tell the chain and see it finalised; then a failure is forgotten and a result awaits its review.

        May be repeated. Raises `Unwanted`, and the parcel is gone; or `Undelivered`, and it is kept.
        """
        try:
            submission = self._patiently(parcel, lambda: self._tell(parcel), wakes=self._quitting)
        except ChainRefused as error:
            self._outbox.forget(parcel)
            self._audit.record(Deed.ENDED, task=parcel.task, epoch=parcel.epoch, detail=error.message)
            raise Unwanted(f"the chain doesn't take the result: {error.message}", remedy=error.remedy) from error
        if submission is None:
            self._outbox.forget(parcel)
            detail = f"{parcel.category}: {parcel.message}"
            self._audit.record(Deed.FAILURE, task=parcel.task, epoch=parcel.epoch, detail=detail)
            return parcel
        self._audit.record(Deed.SUBMISSION, task=parcel.task, epoch=parcel.epoch, detail=f"submission {submission}")
        return self._outbox.sent(parcel, submission)

    def _put(self, upload: Upload, stop: threading.Event | None) -> None:
        if self._store.has(upload.digest):
            return
        stored = self._store.put(upload.path, stop=stop)
        if stored != upload.digest:
            raise AssetMismatch(
                f"{upload.path} has changed since it was collected: {stored}, was {upload.digest}",
                remedy="nothing may write into the node's work folder but the daemon",
            )

    def _tell(self, parcel: Parcel) -> SubmissionId | None:
        """The submission's id, or None for a failure; what was told before the process died counts as told."""
        if parcel.result is not None:
            return self._chain.send_task_result(parcel.task, parcel.epoch, parcel.result)
        if parcel.category is None:
            raise ValueError("a parcel carries a result or a failure")
        try:
            self._chain.report_failure(parcel.task, parcel.epoch, parcel.category, parcel.log)
        except ChainRefused:
            known = self._chain.assignment(parcel.worker, parcel.task)
            if known is None or known.epoch != parcel.epoch or known.state is not AssignmentState.FAILED:
                raise
        return None

    def _patiently(self, parcel: Parcel, step: Callable[[], T], *, wakes: threading.Event) -> T:
        """Do the step until it succeeds; raise `Undelivered` once ``wakes`` is set or the parcel's time is over."""

        def over(_state: RetryCallState) -> bool:
            return wakes.is_set() or _is_over(parcel)

        def tell(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            wait = round(state.upcoming_sleep, 1)
            log.warning("delivery_waits", reason=str(error), next_try_seconds=wait, attempt=state.attempt_number)

        patience = Retrying(
            retry=retry_if_exception(_may_pass),
            wait=wait_exponential_jitter(multiplier=FIRST_WAIT, max=LONGEST_WAIT),
            stop=over,
            sleep=sleep_using_event(wakes),
            before_sleep=tell,
            reraise=True,
        )
        try:
            return patience(step)
        except NodeRuntimeError as error:
            if not _may_pass(error) or (isinstance(error, ChainRefused) and _is_over(parcel)):
                raise
            why = "its time is over" if _is_over(parcel) else "the attempt ends"
            why = "the daemon stops" if self._quitting.is_set() else why
            raise Undelivered(
                f"the result of task {parcel.task}, epoch {parcel.epoch} isn't delivered and {why}: {error}",
                remedy="it stays in the outbox and is tried again when the daemon starts",
            ) from error


def _is_over(parcel: Parcel) -> bool:
    return time.time() * 1000 > parcel.due


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, ChainRefused):
        return error.rule in UNPAID
    return isinstance(error, TROUBLE) and not isinstance(error, SPOILED)


def _digests(parcel: Parcel) -> str:
    return " ".join(upload.digest for upload in parcel.uploads)
