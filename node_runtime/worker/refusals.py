"""Refused tasks: remembered with their reason, logged and audited once for each, and checked again with backoff."""

import time
from collections.abc import Collection
from dataclasses import dataclass, replace

import structlog

from node_runtime.domain.clock import wall_clock
from node_runtime.domain.task import TaskId

from .audit import Audit, AuditEvent
from .metrics import Metrics
from .reasons import Reason, Refusal, remedy_of
from .status_file import Refused
from .times import Times

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class _Refused:
    """``since``: the first refusal for this reason, in ms since 1970; ``repeats`` counts the later ones."""

    reason: Reason
    message: str
    since: int
    repeats: int
    again: float  # `time.monotonic` of the next check


class Refusals:
    """The tasks that were refused when they were last checked. Not thread-safe."""

    def __init__(self, *, audit: Audit, metrics: Metrics, times: Times) -> None:
        self._audit = audit
        self._metrics = metrics
        self._times = times
        self._known: dict[TaskId, _Refused] = {}

    def add(self, task: TaskId, refusal: Refusal) -> None:
        """Remember a refusal and when to check again; log the same reason once."""
        known = self._known.get(task)
        same = known is not None and known.reason is refusal.reason
        repeats = known.repeats + 1 if known is not None and same else 0
        self._known[task] = _Refused(
            reason=refusal.reason,
            message=refusal.message,
            since=known.since if known is not None and same else wall_clock(),
            repeats=repeats,
            again=time.monotonic() + self._pause(refusal, repeats),
        )
        if same:
            return
        remedy = remedy_of(refusal.reason, task)
        log.info("task_refused", task=task, reason=refusal.reason.value, message=refusal.message, remedy=remedy)
        self._metrics.refused(refusal.reason)
        self._audit.record(AuditEvent.REFUSAL, task=task, detail=f"{refusal.reason}: {refusal.message}")

    def keep(self, tasks: Collection[TaskId]) -> None:
        """Forget the refusals of all other tasks, which can't be claimed any more."""
        self._known = {task: known for task, known in self._known.items() if task in tasks}

    def may_check(self, task: TaskId) -> bool:
        known = self._known.get(task)
        return known is None or known.again <= time.monotonic()

    def reason(self, task: TaskId) -> Reason | None:
        known = self._known.get(task)
        return None if known is None else known.reason

    def retry_no_room(self) -> None:
        """Retry at once the tasks that were refused for lack of resources."""
        self._known = {
            task: replace(known, again=0.0) if known.reason is Reason.NO_ROOM else known
            for task, known in self._known.items()
        }

    @property
    def every(self) -> tuple[Refused, ...]:
        return tuple(
            Refused(
                task=task,
                reason=known.reason,
                message=known.message,
                remedy=remedy_of(known.reason, task),
                since=known.since,
            )
            for task, known in self._known.items()
        )

    def _pause(self, refusal: Refusal, repeats: int) -> float:
        """Return the seconds until the next check."""
        if refusal.reason is Reason.APPROVAL:
            return self._times.approval  # a cheap check, and the operator is waiting
        pauses = self._times.refusal
        if refusal.reason in (Reason.FUNDS, Reason.TAKEN):
            return pauses.first  # the operator may have paid, or an attempt of another node ended, meanwhile
        return float("inf") if refusal.lasting else min(pauses.first * 2**repeats, pauses.longest)
