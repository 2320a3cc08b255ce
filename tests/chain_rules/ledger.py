"""The price of every attempt and who may try again, told from the events alone, with sums of its own."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.chain_rules.codec import name_of
from tests.chain_rules.state import Event, State

BLAMES_TASK = {"TaskError", "Timeout", "OutOfMemory", "OutputInvalid", "OutputTooLarge", "BuildFailed", "ImageUnfit"}
MAY_PASS = {"NodeError", "InputUnavailable", "ImageUnavailable"}
MOST_RETRIES = 3
MOST_HAND_BACKS = 2

Which = tuple[bytes, int]
"""A worker and a task."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Numbers of the chain that prices depend on."""

    report_fee: int
    pause: int
    min_timeout: int


@dataclass
class Ledger:
    """Sees every event once, in order, with the state before and after its block."""

    terms: Terms
    taken: dict[Which, tuple[int, int]] = field(default_factory=dict)
    """Since when and until when each account's latest attempt was allowed."""
    fees: Counter[Which] = field(default_factory=Counter)
    """What is held for reports."""
    hand_backs: Counter[Which] = field(default_factory=Counter)
    passed: Counter[Which] = field(default_factory=Counter)
    """Failures that may pass, since an assignee's task last opened again."""
    barred: set[Which] = field(default_factory=set)
    """Who may not take the task again."""
    accepted: dict[int, set[bytes]] = field(default_factory=dict)
    pauses: Counter[int] = field(default_factory=Counter)

    def note(self, event: Event, tasks: dict[int, Any], before: State, after: State) -> None:
        fields, now = event.fields, after.now
        match event.name:
            case "Assigned":
                self._begin((fields.worker, fields.task), now, fields.due)
            case "HandedBack":
                which = (fields.worker, fields.task)
                assert fields.price == self.price(which, tasks[fields.task].terms.bond, now)
                self.hand_backs[which] += fields.price > 0
            case "FailureReported":
                self._report(fields, tasks[fields.task].terms, now)
            case "ReportSettled":
                self._settle(fields, before, after)
            case "Lapsed":
                assert self.taken[fields.worker, fields.task][1] < now
                self.barred.add((fields.worker, fields.task))
            case "Aborted":
                self._abort(fields, tasks[fields.task], before, after)
            case "ResultAccepted":
                self.accepted.setdefault(fields.task, set()).add(fields.worker)
            case "ResultRejected":
                self.barred.add((fields.worker, fields.task))
            case "TaskStatusChanged":
                self._move_on(fields.task, tasks[fields.task].terms, fields.status, now)

    def check(self, state: State) -> None:
        """What the records say is held for reports is what this ledger says."""
        held = {key: attempt.fees for key, attempt in state.tasks("Assignments").items()}
        held_for = {key: fees.latest + fees.earlier for key, fees in held.items() if fees.latest + fees.earlier}
        assert held_for == {key: amount for key, amount in self.fees.items() if amount}

    def price(self, which: Which, bond: int, now: int) -> int:
        """A quarter of the bond for all of the allowed time, rounded up."""
        since, due = self.taken[which]
        return -(-bond * (now - since) // (4 * (due - since)))

    def _begin(self, which: Which, now: int, due: int) -> None:
        assert which not in self.barred, "who may not try again does"
        assert self.hand_backs[which] < MOST_HAND_BACKS, "who handed back twice at a price takes the task again"
        assert self.passed[which] <= MOST_RETRIES, "who tried again three times does once more"
        self.taken[which] = (now, due)

    def _report(self, fields: Any, terms: Any, now: int) -> None:
        which, category = (fields.worker, fields.task), name_of(fields.category)
        assert fields.fee == max(self.terms.report_fee, self.price(which, terms.bond, now))
        self.fees[which] += fields.fee
        if category in MAY_PASS:
            self.passed[which] += 1
        else:
            self.barred.add(which)

    def _settle(self, fields: Any, before: State, after: State) -> None:
        """Fees are lost only when others brought what this account couldn't. They come back only if nobody did, if this
        account did in the end, or by the creator's word, at the latest in the block in which the end is seen."""
        which = (fields.worker, fields.task)
        assert 0 < fields.fees <= self.fees[which], "what is settled was held"
        self.fees[which] -= fields.fees
        task, accepted = after.tasks("Tasks")[fields.task], self.accepted.get(fields.task, set())
        if fields.returned:
            known = before.tasks("Tasks").get(fields.task)
            ended_before = known is not None and name_of(known.status) == "Final"
            assert not (ended_before and accepted), "a fee came back though others brought the result"
        else:
            assert name_of(task.status) == "Final"
            assert task.status.at < after.now
            assert accepted
            assert fields.worker not in accepted

    def _abort(self, fields: Any, task: Any, before: State, after: State) -> None:
        since, due = self.taken[fields.worker, fields.task]
        held = _aborted_at(task, fields.task, before, after) - since
        assert fields.paid == min(task.terms.reward, task.terms.reward * 4 * held // (due - since))
        self.barred.add((fields.worker, fields.task))

    def _move_on(self, number: int, terms: Any, status: Any, now: int) -> None:
        if name_of(status) == "Paused":
            latest_start = terms.deadline - self.terms.min_timeout
            short = self.pauses[number] == 0 and now <= latest_start
            assert status.until == (min(now + self.terms.pause, latest_start) if short else terms.deadline)
            self.pauses[number] += 1
        if name_of(status) == "Open" and terms.assignee is not None:
            self.barred.discard((terms.assignee, number))
            self.passed[terms.assignee, number] = 0


def _aborted_at(task: Any, number: int, before: State, after: State) -> int:
    """When the task's abort was decided: by a call of this block or an earlier one, or with its plan."""
    known = before.tasks("Tasks").get(number)
    if known is not None and name_of(known.status) == "Closing":
        return known.status.aborting if known.status.aborting is not None else after.now
    plan = after.tasks("Plans")[task.terms.plan].cancelled if task.terms.plan is not None else None
    planned = plan is not None and plan.abort and plan.at <= task.terms.deadline
    return plan.at if planned and plan is not None else after.now
