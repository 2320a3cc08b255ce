"""Checks of the step from one block to the next: money moves as the events say, states move as allowed."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.chain_rules.codec import name_of
from tests.chain_rules.invariants import reject_fee
from tests.chain_rules.ledger import Ledger, Terms
from tests.chain_rules.state import Event, State
from tests.chain_rules.world import TREASURY, World, fees_in

_STATUS_STEPS = {
    "Waiting": {"Open", "Closing"},
    "Open": {"Paused", "Closing", "Final"},
    "Paused": {"Open", "Closing", "Final"},
    "Closing": {"Final"},
    "Final": set(),
}
_OUTCOMES = {"Open": {"Done", "Failed"}, "Paused": {"Done", "Failed"}}
"""How a task may end that was not closing before."""
_MAY_BE_RETRIED = {"Live", "HandedBack", "Failed"}
"""What an attempt may be at one block so that the same account has another one at the next."""


class History:
    """Remembers what records that may be purged said, and sees each block once, in order."""

    def __init__(self, world: World) -> None:
        prices = Terms(
            report_fee=world.constant("ReportFee"),
            pause=world.constant("PauseWindow"),
            min_timeout=world.constant("MinTimeout"),
        )
        self._ledger = Ledger(prices)
        self._reject_share: int = world.constant("RejectFee")
        self._issuance = world.state.single("Balances", "TotalIssuance")
        self.tasks: dict[int, Any] = {}
        self.specs: dict[int, Any] = {}
        self.task_of: dict[int, int] = {}
        self.statuses: dict[int, Any] = {}
        self.epochs: Counter[int] = Counter()
        self._paid: set[int] = set()

    def see(self, before: State, after: State, events: Iterable[Event]) -> None:
        """One block, from the state before it to the state after."""
        output = tuple(events)
        self.tasks |= after.tasks("Tasks")
        self.specs |= after.tasks("Specs")
        self.task_of |= {number: task for task, number in after.tasks("Submissions")}
        assert not [event for event in output if event.name == "Postponed"], "settling what was due failed"
        self._check_money(before, after, output)
        self._check_payments(after, output)
        self._check_statuses(after, output)
        self._check_attempts(before, after, output)
        self._check_prices(before, after, output)
        _check_submissions(before, after)
        _check_permanence(before, after)

    def _check_money(self, before: State, after: State, events: tuple[Event, ...]) -> None:
        expected = fees_in(events)
        expected = Counter({account: -amount for account, amount in expected.items()})
        for event in events:
            for account, amount in self._moved_by(event):
                expected[account] += amount
        for account in before.accounts.keys() | after.accounts.keys():
            gained = after.worth(account) - before.worth(account)
            assert gained == expected[account], f"{account.hex()} gained {gained}, told are {expected[account]}"
        assert after.single("Balances", "TotalIssuance") == self._issuance

    def _moved_by(self, event: Event) -> Iterable[tuple[bytes, int]]:
        """What an event says that each account gained; every list sums up to nothing."""
        fields = event.fields
        match event.name:
            case "ResultAccepted":
                task = self.tasks[fields.task]
                assert fields.paid == task.terms.reward
                return (task.creator, -fields.paid), (fields.worker, fields.paid)
            case "Aborted":
                return (self.tasks[fields.task].creator, -fields.paid), (fields.worker, fields.paid)
            case "ResultRejected":
                task = self.tasks[fields.task]
                fee = reject_fee(task.terms.reward, self._reject_share)
                return *_to_treasury(task.creator, fee), *_to_treasury(fields.worker, fee)
            case "Lapsed":
                return _to_treasury(fields.worker, self.tasks[fields.task].terms.bond)
            case "ReportSettled":
                return () if fields.returned else _to_treasury(fields.worker, fields.fees)
            case "HandedBack":
                return _to_treasury(fields.worker, fields.price)
        return ()

    def _check_payments(self, after: State, events: tuple[Event, ...]) -> None:
        """Each accepted submission was paid by one event, and each event paid another submission."""
        for event in events:
            if event.name == "ResultAccepted":
                assert event.fields.submission not in self._paid, "paid twice"
                self._paid.add(event.fields.submission)
        for (_, number), submission in after.tasks("Submissions").items():
            assert (name_of(submission.status) == "Accepted") == (number in self._paid)

    def _check_statuses(self, after: State, events: tuple[Event, ...]) -> None:
        for event in events:
            if event.name == "TaskCreated":
                self.statuses[event.fields.task] = "Waiting" if self.specs[event.fields.task].parents else "Open"
            if event.name == "TaskStatusChanged":
                _check_step(self.statuses[event.fields.task], event.fields.status)
                self.statuses[event.fields.task] = event.fields.status
        for number, task in after.tasks("Tasks").items():
            output = self.statuses[number]
            assert name_of(output) == name_of(task.status), f"task {number} changed without telling"

    def _check_attempts(self, before: State, after: State, events: tuple[Event, ...]) -> None:
        for event in events:
            if event.name == "Assigned":
                self.epochs[event.fields.task] += 1
                assert event.fields.epoch == self.epochs[event.fields.task], "epochs count attempts"
        known = after.tasks("Assignments")
        for key, old in before.tasks("Assignments").items():
            new = known.get(key)
            if new is None:
                assert name_of(self.statuses[key[1]]) == "Final", "an attempt vanished"
            elif new.epoch == old.epoch:
                assert name_of(old.state) == "Live" or new.state == old.state
                assert new.bond <= old.bond
                assert (new.since, new.due) == (old.since, old.due)
            else:
                assert new.epoch > old.epoch
                assert name_of(old.state) in _MAY_BE_RETRIED

    def _check_prices(self, before: State, after: State, events: tuple[Event, ...]) -> None:
        for event in events:
            if event.pallet == "Tasks":
                self._ledger.note(event, self.tasks, before, after)
        self._ledger.check(after)


def _to_treasury(account: bytes, amount: int) -> tuple[tuple[bytes, int], tuple[bytes, int]]:
    return (account, -amount), (TREASURY, amount)


def _check_step(old: Any, new: Any) -> None:
    assert name_of(new) in _STATUS_STEPS[name_of(old)], f"from {old} to {new}"
    if name_of(new) == "Final":
        allowed = {"Done", old.outcome} if name_of(old) == "Closing" else _OUTCOMES[name_of(old)]
        assert new.outcome in allowed, f"from {old} to {new}"


def _check_submissions(before: State, after: State) -> None:
    known = after.tasks("Submissions")
    for key, old in before.tasks("Submissions").items():
        new = known.get(key)
        if new is None:
            assert name_of(old.status) != "UnderReview", "a submission vanished undecided"
            continue
        assert name_of(old.status) == "UnderReview" or new == old, "a decision changed"
        same = ("worker", "epoch", "result", "outputs", "uri", "same_as", "sent")
        assert all(getattr(new, name) == getattr(old, name) for name in same)
        rejected = name_of(new.status) == "Rejected"
        assert new.perfs == (() if rejected else old.perfs)
        assert not rejected or new.score is None, "a rejected result keeps a score"


def _check_permanence(before: State, after: State) -> None:
    """Labels, objectives, models, certified scores, terms and specs never change; the first four never go."""
    for name in ("Assets", "Objectives", "TestOf", "Models", "Scores", "ObjectivesOf"):
        known = after.registry(name)
        assert all(known.get(key) == value for key, value in before.registry(name).items()), f"{name} changed"
    for number, task in after.tasks("Tasks").items():
        old = before.tasks("Tasks").get(number)
        assert old is None or (old.creator, old.terms, old.created) == (task.creator, task.terms, task.created)
    for number, spec in after.tasks("Specs").items():
        assert before.tasks("Specs").get(number, spec) == spec
