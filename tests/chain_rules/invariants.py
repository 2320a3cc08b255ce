"""Invariants of every single state, whatever was called."""

from collections import Counter
from typing import Any

from tests.chain_rules.codec import name_of
from tests.chain_rules.rights import check_rights
from tests.chain_rules.state import State
from tests.chain_rules.world import TREASURY


def check_state(state: State, now: int, reject_share: int) -> None:
    """All of them; ``now`` is the state's time, ``reject_share`` the percentage of the reward that rejecting costs."""
    check_holds(state)
    check_issuance(state)
    check_slots(state)
    check_escrow(state, reject_share)
    check_counters(state)
    check_lists(state, now)
    check_agenda(state, now)
    check_rights(state)


def is_final(task: Any) -> bool:
    return name_of(task.status) == "Final"


def check_holds(state: State) -> None:
    """What is held of an account is the sum of what its open objects say, for each reason."""
    owed: Counter[tuple[bytes, str]] = Counter()
    for task in state.tasks("Tasks").values():
        owed[task.creator, "Escrow"] += task.held
        owed[task.creator, "Bytes"] += task.bytes.spec + task.bytes.records
    for (worker, _), attempt in state.tasks("Assignments").items():
        owed[worker, "Bond"] += attempt.bond + reports_fees(attempt)
    for account, data in state.accounts.items():
        held = {reason: state.held(account, reason) for reason in ("Escrow", "Bond", "Bytes")}
        for reason, amount in held.items():
            assert amount == owed[account, reason], f"{reason} of {account.hex()}: {amount} held"
        assert data.reserved == sum(held.values())
    assert owed.keys() <= {(account, reason) for account in state.accounts for reason in ("Escrow", "Bond", "Bytes")}


def reports_fees(attempt: Any) -> int:
    """What is held of the account for its reports at the task."""
    return int(attempt.fees.latest + attempt.fees.earlier)


def check_issuance(state: State) -> None:
    """All money is somebody's, and the treasury never dies."""
    assert sum(map(state.worth, state.accounts)) == state.single("Balances", "TotalIssuance")
    assert state.worth(TREASURY) > 0


def check_slots(state: State) -> None:
    for task in state.tasks("Tasks").values():
        counters = task.counters
        assert counters.live + counters.submitted + counters.accepted + counters.closed <= task.terms.slots
        assert counters.rejected <= task.terms.max_rejects


def check_escrow(state: State, reject_share: int) -> None:
    """A task holds one reward for each slot that may still be paid and one fee for each rejection still possible."""
    for task in state.tasks("Tasks").values():
        fee = reject_fee(task.terms.reward, reject_share)
        open_slots = task.terms.slots - task.counters.accepted - task.counters.closed
        fees = fee * (task.terms.max_rejects - task.counters.rejected)
        assert task.held == (0 if is_final(task) else open_slots * task.terms.reward + fees)
        if is_final(task):
            assert task.counters.live == task.counters.submitted == task.bytes.records == 0


def reject_fee(reward: int, share: int) -> int:
    """``share`` per cent, rounded up."""
    return -(-reward * share // 100)


def check_counters(state: State) -> None:
    """Counters say what a count of the records says."""
    counted: dict[int, Counter[str]] = {task: Counter() for task in state.tasks("Tasks")}
    for (_, task), attempt in state.tasks("Assignments").items():
        if name_of(attempt.state) == "Live":
            counted[task]["live"] += 1
        if reports_fees(attempt):
            counted[task]["reports"] += 1
    names = {"UnderReview": "submitted", "Accepted": "accepted", "Rejected": "rejected"}
    for (task, _), submission in state.tasks("Submissions").items():
        counted[task][names[name_of(submission.status)]] += 1
    for number, task in state.tasks("Tasks").items():
        for name in ("live", "reports", *names.values()):
            assert getattr(task.counters, name) == counted[number][name], f"{name} of task {number}"


def check_lists(state: State, now: int) -> None:
    """What is found by prefix is what is there."""
    tasks, attempts = state.tasks("Tasks"), state.tasks("Assignments")
    takeable = {number: task for number, task in tasks.items() if _is_takeable(task)}
    offered = {(task.terms.assignee, number) for number, task in takeable.items() if task.terms.assignee}
    anyones = {(task.terms.kind, number) for number, task in takeable.items() if not task.terms.assignee}
    live = {(task, worker) for (worker, task), attempt in attempts.items() if name_of(attempt.state) == "Live"}
    reporters = {(task, worker) for (worker, task), attempt in attempts.items() if reports_fees(attempt)}
    reviews = {
        (tasks[task].terms.review.judge, number)
        for (task, number), submission in state.tasks("Submissions").items()
        if name_of(submission.status) == "UnderReview"
    }
    assert state.tasks("Offers").keys() == offered
    assert state.tasks("OpenTasks").keys() == anyones
    assert state.tasks("LiveWorkers").keys() == live
    assert state.tasks("Reporters").keys() == reporters
    assert state.tasks("Reviews").keys() == reviews
    assert state.tasks("TasksOf").keys() == {(task.creator, number) for number, task in tasks.items()}
    assert state.tasks("Specs").keys() == tasks.keys()
    _check_families(state, now)


def _check_families(state: State, now: int) -> None:
    """A parent knows its unfinished children; a final parent's children and a cancelled plan's tasks wait for no more
    than the block after."""
    specs = state.tasks("Specs")
    unfinished = {number: task for number, task in state.tasks("Tasks").items() if not is_final(task)}
    assert state.tasks("Children").keys() == {(parent, task) for task in unfinished for parent in specs[task].parents}
    for parent in {parent for parent, _ in state.tasks("Awaiting")} - unfinished.keys():
        assert state.tasks("Tasks")[parent].status.at == now
    for plan, task in state.tasks("PlanTasks"):
        assert unfinished[task].terms.plan == plan
        cancelled = state.tasks("Plans")[plan].cancelled
        assert cancelled is None or cancelled.at == now


def _is_takeable(task: Any) -> bool:
    counters = task.counters
    taken = counters.live + counters.submitted + counters.accepted + counters.closed
    return name_of(task.status) == "Open" and taken < task.terms.slots


def check_agenda(state: State, now: int) -> None:
    """Every object that waits for time has the one entry that moves it on, and nothing else is in the agenda."""
    expected = {}
    for name, moment, alarm in _waiting(state):
        assert alarm is not None, f"nothing moves {name} on"
        assert alarm.at == moment, f"{name} is due at {moment}, its entry stands at {alarm.at}"
        assert alarm.at >= now, f"{name} was due at {alarm.at}, now it is {now}"
        expected[alarm.at.to_bytes(8, "big") + alarm.entry.to_bytes(8, "big")] = name
    entries = {key: (name_of(entry), *entry.values) for key, entry in state.tasks("Agenda").items()}
    assert entries == expected


def _waiting(state: State) -> Any:
    """Each object that waits for time: what it is, until when, its alarm."""
    awaited = {parent for parent, _ in state.tasks("Awaiting")}
    for number, task in state.tasks("Tasks").items():
        match name_of(task.status):
            case "Waiting":  # its parents may be lost at the very moment of its deadline
                yield ("Task", number), task.terms.deadline + 1, task.alarm
            case "Open":
                yield ("Task", number), task.terms.deadline, task.alarm
            case "Paused":
                yield ("Task", number), task.status.until, task.alarm
            case "Closing" if task.status.aborting is not None and task.counters.live:
                yield ("Task", number), task.status.aborting, task.alarm
            case "Closing":  # what it waits for has entries itself
                assert task.counters.live + task.counters.submitted > 0, f"task {number} closes for ever"
            case "Final" if task.counters.reports or number in awaited:  # decided after its last moment
                yield ("Task", number), task.status.at, task.alarm
    for number, plan in state.tasks("Plans").items():
        waits = any(member == number for member, _ in state.tasks("PlanTasks"))
        if plan.cancelled is not None and (waits or plan.alarm is not None):
            yield ("Plan", number), plan.cancelled.at, plan.alarm
    for (worker, number), attempt in state.tasks("Assignments").items():
        if name_of(attempt.state) == "Live":
            yield ("Assignment", worker, number), attempt.due, attempt.alarm
        elif attempt.bond:
            assert name_of(attempt.state) == "Submitted", f"a bond of a {name_of(attempt.state)} attempt stays held"
    for (task, number), submission in state.tasks("Submissions").items():
        if name_of(submission.status) == "UnderReview":
            yield ("Submission", task, number), submission.status.until, submission.alarm
