"""Claims: which tasks this node may claim now, the claim itself, and assignments that no thread is working on.

A claim whose answer is lost stays pending until the chain shows its assignment or it can't take effect any more. An
attempt that was abandoned, by a crash or an error of this machine, stays pending until it is resumed.
"""

import time
from collections.abc import Iterator, Set
from dataclasses import dataclass

import structlog

from node_runtime.domain.clock import CLOCK_REMEDY, ChainTime, ClockStanding, describe_skew, standing_of
from node_runtime.domain.task import UNIT, Assignment, AssignmentState, TaskId
from node_runtime.domain.units import amount
from node_runtime.errors import ChainRefused, ChainUnavailable
from node_runtime.runner.plan_folders import PlanKey

from .attempt import Attempt
from .audit import AuditEvent
from .inputs import uses_private_data
from .metrics import ClaimOutcome, Metrics
from .node import Node
from .plans import written_plan
from .policy import taken_by_others
from .reasons import Reason, Refusal
from .recovery import hand_back, resume_attempt
from .resources import Insufficient, Reservation, demand_of
from .selection import Candidate, TaskSelector
from .times import Times

log = structlog.get_logger()


class Claims:
    """The daemon's claims. Attempts' threads may call `PendingClaims.add`; the rest belongs to the polling thread."""

    def __init__(self, node: Node, selector: TaskSelector) -> None:
        self.pending = PendingClaims(node.times)
        self._node = node
        self._selector = selector
        self._clock = ClockWatch(node.time, node.metrics)

    def may_claim(self) -> bool:
        """Whether a slot is free and this machine's clock is right."""
        return self._node.pool.has_free_slot and self._clock.may_claim()

    @property
    def clock_wrong(self) -> str | None:
        """How far this machine's clock is off, if that forbids claims."""
        return self._clock.wrong

    def take(self, candidate: Candidate, *, written: Set[PlanKey] = frozenset()) -> Attempt | None:
        """Claim a task that fits into the pool; return its attempt once the finalised chain shows the assignment.

        ``written`` are the plans whose local folders are being written: their other tasks wait.
        """
        plan = written_plan(candidate.task, candidate.document)
        if plan is not None and plan in written:
            message = f"another task of plan {plan.plan} is at work here: they take turns to write its local folder"
            self._selector.refuse(candidate.task.id, Refusal(reason=Reason.NO_ROOM, message=message, lasting=False))
            return None
        lack = self._lack_of_funds(candidate)
        if lack is not None:
            self._selector.refuse(candidate.task.id, lack)
            return None
        private = uses_private_data(candidate.task, candidate.document, candidate.admitted, self._node)
        room = self._node.pool.admit(demand_of(candidate.document), private=private)
        if isinstance(room, Insufficient):
            reason = Reason.TOO_LARGE if room.lasting else Reason.NO_ROOM
            refusal = Refusal(reason=reason, message=room.message, lasting=room.lasting)
            self._selector.refuse(candidate.task.id, refusal)
            return None
        sent = self._node.time.clock.steady()
        assignment = self._claimed(candidate.task.id, room, sent=sent)
        if assignment is None:
            return None
        if not self._clock.may_claim():
            self._node.pool.release(room)
            self.pending.add(assignment.task)  # in case the chain is unavailable for the hand-back
            hand_back(assignment, self._node, describe_skew(self._node.time.skew()))
            self.pending.forget(assignment.task)
            return None
        return Attempt(
            task=candidate.task,
            document=candidate.document,
            admitted=candidate.admitted,
            assignment=assignment,
            reservation=room,
            seen=candidate.seen,
            began=sent,
        )

    def resumed(self, *, busy: Set[TaskId]) -> Iterator[Attempt]:
        """Resume the pending assignments that the chain shows as live, except tasks that a thread is ``busy`` with."""
        for task in self.pending.ready():
            if task in busy:
                continue
            assignment = self._node.chain.assignment(self._node.chain.account, task)
            if assignment is None or assignment.state is not AssignmentState.LIVE:
                self.pending.not_held(task)
                continue
            try:
                self._record(assignment)
                attempt = resume_attempt(assignment, self._node, self._selector)
            except ChainUnavailable:
                raise
            except Exception as error:
                log.warning(
                    "resume_failed", task=task, epoch=assignment.epoch, reason=str(error), remedy="it is retried"
                )
                self.pending.add(task)
                continue
            self.pending.forget(task)
            if attempt is not None:
                yield attempt

    def _lack_of_funds(self, candidate: Candidate) -> Refusal | None:
        """Check the bond before the claim, which costs a fee even where the chain refuses it."""
        bond = candidate.task.terms.bond
        free = self._node.chain.balance(self._node.chain.account).free
        if free >= bond:
            return None
        message = f"its bond is {amount(bond)}, this node's account has {amount(free)} free"
        return Refusal(reason=Reason.FUNDS, message=message, lasting=False)

    def _claimed(self, task: TaskId, room: Reservation, *, sent: int) -> Assignment | None:
        """Claim the task at ``sent`` and return the live assignment; release the reservation when there is none."""
        chain = self._node.chain
        try:
            self._node.outbox.claim(task, sent=sent)
            assignment = chain.assign_task(task)
            if assignment.state is not AssignmentState.LIVE:
                self._node.pool.release(room)
                return None
            self._node.time.saw_claim(assignment.since, sent=sent)
            self._node.time.saw_head(assignment.since)
            self._record(assignment)
        except ChainRefused as error:
            self._node.metrics.claimed(ClaimOutcome.REFUSED)
            self._node.pool.release(room)
            if not self.pending.is_unconfirmed(task):  # else the refusal concerns a duplicate claim
                self._node.outbox.unclaim(task)
            self._selector.refuse(task, _refusal_of(error))
            return None
        except BaseException as error:
            if isinstance(error, ChainUnavailable):
                self._node.metrics.claimed(ClaimOutcome.UNANSWERED)
            self._node.pool.release(room)
            self.pending.mark_unconfirmed(task)
            raise
        self._node.metrics.claimed(ClaimOutcome.CLAIMED)
        self.pending.forget(task)
        return assignment

    def _record(self, assignment: Assignment) -> None:
        """Log and audit the claim, once per assignment however often it is resumed."""
        if not self._node.outbox.claimed(assignment):
            return
        log.info("task_claimed", task=assignment.task, epoch=assignment.epoch, due=assignment.due)
        bond = f"bond {assignment.bond / UNIT:g} UNIT"
        self._node.audit.record(AuditEvent.CLAIM, task=assignment.task, epoch=assignment.epoch, detail=bond)


def _refusal_of(error: ChainRefused) -> Refusal:
    """Return why a claim came to nothing: the race for it was lost, or the chain refused this account."""
    if error.rule == "SlotsFull":
        return taken_by_others()
    if error.rule == "NotOpen":
        return Refusal(reason=Reason.NOT_OPEN, message="it closed before this node's claim", lasting=False)
    return Refusal(reason=Reason.CLAIM_REFUSED, message=str(error), lasting=False)


class ClockWatch:
    """Compares this machine's clock with the chain's at each poll. Not thread-safe."""

    def __init__(self, time: ChainTime, metrics: Metrics) -> None:
        self._time = time
        self._metrics = metrics
        self._standing = ClockStanding.RIGHT
        self.wrong: str | None = None  # how far it was off when that began to forbid claims

    def may_claim(self) -> bool:
        """Return False while this machine's clock is wrong; log each change once."""
        skew = self._time.skew()
        self._metrics.clock_skew(skew / 1000)
        before, self._standing = self._standing, standing_of(skew)
        if self._standing is before:
            return self._standing is not ClockStanding.WRONG
        self.wrong = describe_skew(skew) if self._standing is ClockStanding.WRONG else None
        match self._standing:
            case ClockStanding.RIGHT:
                log.info("clock_right")
            case ClockStanding.OFF:
                log.warning("clock_off", reason=describe_skew(skew), remedy=CLOCK_REMEDY)
            case ClockStanding.WRONG:
                remedy = f"{CLOCK_REMEDY}; the node resumes claiming once it is right"
                log.warning("nothing_taken", reason=describe_skew(skew), remedy=remedy)
        return self._standing is not ClockStanding.WRONG


@dataclass(frozen=True, kw_only=True)
class _Pending:
    again: float  # time.monotonic
    until: float  # time.monotonic


class PendingClaims:
    """Tasks to check again: claims whose answer was lost, and attempts abandoned by a crash or a host error.

    Attempts' threads may call `add`; all other methods belong to the main loop's thread.
    """

    def __init__(self, times: Times) -> None:
        self._times = times
        self._known: dict[TaskId, _Pending] = {}

    def add(self, task: TaskId, *, wait: float | None = None) -> None:
        """Add an assignment that the chain shows and no thread is working on."""
        now = time.monotonic()
        self._known[task] = _Pending(again=now + (self._times.resume_interval if wait is None else wait), until=now)

    def mark_unconfirmed(self, task: TaskId) -> None:
        """Add a claim that was sent and not answered."""
        now = time.monotonic()
        self._known[task] = _Pending(again=now, until=now + self._times.confirmation)

    def is_unconfirmed(self, task: TaskId) -> bool:
        """Return whether a claim was sent that may still take effect."""
        known = self._known.get(task)
        return known is not None and known.until > time.monotonic()

    def knows(self, task: TaskId) -> bool:
        return task in self._known

    def ready(self) -> tuple[TaskId, ...]:
        """Return the tasks that are due for a check."""
        now = time.monotonic()
        return tuple(task for task, known in tuple(self._known.items()) if known.again <= now)

    def not_held(self, task: TaskId) -> None:
        """Forget a task without an assignment on chain, unless its claim may still take effect."""
        known, now = self._known[task], time.monotonic()
        if now >= known.until:
            del self._known[task]
        else:
            self._known[task] = _Pending(again=now + self._times.resume_interval, until=known.until)

    def forget(self, task: TaskId) -> None:
        self._known.pop(task, None)
