"""Where does the money go, on every path a task can take?"""

import math
from dataclasses import replace

import pytest

from tests.chain_rules import calls
from tests.chain_rules.calls import DAY, UNIT
from tests.chain_rules.scene import (
    BOND,
    DEADLINE,
    REWARD,
    TIMEOUT,
    WINDOW,
    claim,
    create,
    deliver,
    send,
    status,
    terms,
)
from tests.chain_rules.world import TREASURY, Refused, World

REJECT_FEE = math.ceil(REWARD * 10 / 100)
REPORT_FEE = UNIT // 100


class Purses:
    """What each account gained since, fees of transactions apart, in base units."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._before = {account: world.wealth(account) for account in (*world.accounts, TREASURY)}

    def gained(self) -> dict[bytes, int]:
        """Only accounts that gained or lost something."""
        changes = {account: self._world.wealth(account) - before for account, before in self._before.items()}
        return {account: change for account, change in changes.items() if change}

    def nothing_held(self) -> bool:
        accounts = self._world.state.accounts
        return all(accounts[account].reserved == 0 for account in self._before)


@pytest.fixture
def purses(world: World) -> Purses:
    return Purses(world)


def test_without_a_review_window_a_result_is_paid_at_once(world: World, purses: Purses) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, window=0))
    assert world.state.held(creator, "Escrow") == REWARD + REJECT_FEE
    epoch = claim(world, worker, task)
    assert world.state.held(worker, "Bond") == BOND

    send(world, worker, task, epoch)

    assert status(world, task) == "Done"
    assert purses.gained() == {creator: -REWARD, worker: REWARD}
    assert purses.nothing_held()


def test_an_accepted_result_is_paid_once_however_often_it_is_accepted(world: World, purses: Purses) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, slots=2))
    submission = deliver(world, worker, task)
    world.do(creator, calls.accept(task, submission))

    for again in (calls.accept(task, submission), calls.reject(task, submission)):
        with pytest.raises(Refused, match="AlreadyDecided"):
            world.do(creator, again)
    world.do(worker, calls.poke("Submission", task, submission), later=WINDOW + 1)

    assert purses.gained() == {creator: -REWARD, worker: REWARD}
    assert world.state.held(creator, "Escrow") == REWARD + REJECT_FEE


def test_a_result_sent_again_changes_nothing_and_another_one_is_refused(world: World, purses: Purses) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, window=0, slots=2))
    epoch = claim(world, worker, task)
    send(world, worker, task, epoch)

    world.do(worker, calls.send_result(task, epoch))
    with pytest.raises(Refused, match="AlreadySent"):
        world.do(worker, calls.send_result(task, epoch, result=b"x" * 32))

    assert purses.gained() == {creator: -REWARD, worker: REWARD}


def test_a_rejection_costs_both_sides_the_same_and_frees_the_slot(world: World, purses: Purses) -> None:
    creator, worker, other, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, max_rejects=2))
    submission = deliver(world, worker, task)

    world.do(creator, calls.reject(task, submission))

    assert purses.gained() == {creator: -REJECT_FEE, worker: -REJECT_FEE, TREASURY: 2 * REJECT_FEE}
    assert world.state.held(worker, "Bond") == 0
    with pytest.raises(Refused, match="AttemptsExhausted"):
        world.do(worker, calls.assign_task(task))
    world.do(other, calls.assign_task(task))


def test_the_last_rejection_closes_the_slot_and_refunds_it(world: World, purses: Purses) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, max_rejects=1))

    world.do(creator, calls.reject(task, deliver(world, worker, task)))

    assert status(world, task) == "Failed"
    assert purses.gained() == {creator: -REJECT_FEE, worker: -REJECT_FEE, TREASURY: 2 * REJECT_FEE}
    assert purses.nothing_held()


def test_nobody_rejects_more_often_than_was_promised(world: World, purses: Purses) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, max_rejects=0))
    submission = deliver(world, worker, task)

    with pytest.raises(Refused, match="RejectsExhausted"):
        world.do(creator, calls.reject(task, submission))
    world.pass_time(WINDOW + 1)

    assert purses.gained() == {creator: -REWARD, worker: REWARD}


def test_silence_accepts_after_the_window_and_not_at_its_end(world: World, purses: Purses) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator))
    submission = deliver(world, worker, task)

    world.do(worker, calls.poke("Submission", task, submission), later=WINDOW)
    assert purses.gained() == {}
    world.pass_time(1)

    assert status(world, task) == "Done"
    assert purses.gained() == {creator: -REWARD, worker: REWARD}


def test_a_judge_may_decide_at_the_very_end_of_the_window_and_not_later(world: World) -> None:
    creator, first, second, *_ = world.accounts
    for worker, later, refusal in ((first, WINDOW, None), (second, WINDOW + 1, "AlreadyDecided")):
        task = create(world, creator, terms(world, judge=creator))
        submission = deliver(world, worker, task)
        sealed = world.seal((creator, calls.reject(task, submission)), later=later)
        assert sealed.refusals == (refusal,)


def test_an_attempt_past_its_time_loses_its_bond_and_its_slot(world: World, purses: Purses) -> None:
    creator, worker, other, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator))
    epoch = claim(world, worker, task)

    with pytest.raises(Refused, match="PastDue"):
        world.do(worker, calls.send_result(task, epoch), later=TIMEOUT + 1)

    assert purses.gained() == {worker: -BOND, TREASURY: BOND}
    with pytest.raises(Refused, match="AttemptsExhausted"):
        world.do(worker, calls.assign_task(task))
    world.do(other, calls.assign_task(task))


def test_a_result_is_taken_at_the_very_end_of_the_attempts_time(world: World, purses: Purses) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, window=0))
    epoch = claim(world, worker, task)

    world.do(worker, calls.send_result(task, epoch), later=TIMEOUT)

    assert purses.gained() == {creator: -REWARD, worker: REWARD}


def test_handing_back_is_free_once(world: World, purses: Purses) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator))

    world.do(worker, calls.hand_back(task, claim(world, worker, task)))
    assert purses.gained() == {}
    world.do(worker, calls.hand_back(task, claim(world, worker, task)))

    assert purses.gained() == {worker: -REPORT_FEE, TREASURY: REPORT_FEE}
    assert world.state.held(worker, "Bond") == 0


def test_an_abort_pays_everyone_at_work_and_refunds_the_rest(world: World, purses: Purses) -> None:
    creator, first, second, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, slots=3))
    epoch = claim(world, first, task)
    claim(world, second, task)

    world.do(creator, calls.cancel_task(task, abort=True))

    assert status(world, task) == "Cancelled"
    assert purses.gained() == {creator: -2 * REWARD, first: REWARD, second: REWARD}
    assert purses.nothing_held()
    with pytest.raises(Refused, match="NotLive"):
        world.do(first, calls.send_result(task, epoch))


def test_an_abort_reaches_more_workers_than_one_visit_does(world: World, purses: Purses) -> None:
    creator, *workers = world.accounts
    task = create(world, creator, terms(world, judge=creator, slots=6))
    for worker in workers:
        claim(world, worker, task)

    world.do(creator, calls.cancel_task(task, abort=True))

    assert status(world, task) == "Cancelled"
    assert purses.gained() == {creator: -5 * REWARD} | dict.fromkeys(workers, REWARD)


def test_after_a_cancellation_what_is_live_finishes_and_is_paid(world: World, purses: Purses) -> None:
    creator, worker, other, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, slots=2))
    epoch = claim(world, worker, task)

    world.do(creator, calls.cancel_task(task, abort=False))
    assert status(world, task) == "Closing"
    assert world.state.held(creator, "Escrow") == REWARD + REJECT_FEE
    with pytest.raises(Refused, match="NotOpen"):
        world.do(other, calls.assign_task(task))
    world.do(creator, calls.accept(task, send(world, worker, task, epoch)))

    assert status(world, task) == "Cancelled"
    assert purses.gained() == {creator: -REWARD, worker: REWARD}
    assert purses.nothing_held()


def test_an_expired_task_refunds_what_nobody_claimed(world: World, purses: Purses) -> None:
    creator, worker, sleeper, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, slots=3))
    world.pass_time(DEADLINE - TIMEOUT)
    claim(world, sleeper, task)
    deliver(world, worker, task)

    world.pass_time(TIMEOUT)
    assert status(world, task) == "Closing"
    assert world.state.held(creator, "Escrow") == REWARD + REJECT_FEE
    world.pass_time(WINDOW)

    assert status(world, task) == "Expired"
    assert purses.gained() == {creator: -REWARD, worker: REWARD, sleeper: -BOND, TREASURY: BOND}
    assert purses.nothing_held()


def test_the_deadline_stops_no_review(world: World, purses: Purses) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator))
    world.pass_time(DEADLINE - TIMEOUT)
    submission = deliver(world, worker, task)
    world.pass_time(TIMEOUT)

    world.do(creator, calls.accept(task, submission))

    assert status(world, task) == "Done"
    assert purses.gained() == {creator: -REWARD, worker: REWARD}


def test_a_report_that_pauses_the_task_costs_nothing(world: World, purses: Purses) -> None:
    creator, worker, other, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, max_rejects=0))

    world.do(worker, calls.report_failure(task, claim(world, worker, task), "TaskError"))
    assert status(world, task) == "Paused"
    assert purses.gained() == {}
    with pytest.raises(Refused, match="NotOpen"):
        world.do(other, calls.assign_task(task))
    world.do(creator, calls.resume_task(task))
    deliver(world, other, task)
    world.pass_time(WINDOW + 1)

    assert status(world, task) == "Done"
    assert purses.gained() == {creator: -REWARD, other: REWARD}


def test_a_paused_task_that_nobody_resumes_fails_and_is_refunded(world: World, purses: Purses) -> None:
    creator, worker, other, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, slots=2))
    epoch = claim(world, other, task)
    world.do(worker, calls.report_failure(task, claim(world, worker, task), "OutOfMemory"))

    submission = send(world, other, task, epoch)  # a live attempt goes on
    world.do(creator, calls.accept(task, submission))
    with pytest.raises(Refused, match="NotPaused"):
        world.do(creator, calls.resume_task(task), later=DAY + 1)

    assert status(world, task) == "Failed"
    assert purses.gained() == {creator: -REWARD, other: REWARD}
    assert purses.nothing_held()


def test_a_report_that_proves_nothing_costs_its_fee_in_the_end(world: World, purses: Purses) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator))

    world.do(worker, calls.report_failure(task, claim(world, worker, task), "Policy"))
    assert world.state.held(worker, "Bond") == REPORT_FEE
    world.pass_time(DAY + 1)

    assert status(world, task) == "Open"
    assert purses.gained() == {worker: -REPORT_FEE, TREASURY: REPORT_FEE}
    assert world.state.held(worker, "Bond") == 0


def test_a_report_that_the_creator_confirms_costs_nothing(world: World, purses: Purses) -> None:
    creator, worker, other, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, max_failures=2))
    world.do(worker, calls.report_failure(task, claim(world, worker, task), "TaskError"))

    with pytest.raises(Refused, match="NotCreator"):
        world.do(other, calls.confirm_failure(task, worker))
    world.do(creator, calls.confirm_failure(task, worker))

    assert purses.gained() == {}
    assert world.state.held(worker, "Bond") == 0


def test_what_may_pass_may_be_tried_again_three_times(world: World) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator))
    for _ in range(4):
        world.do(worker, calls.report_failure(task, claim(world, worker, task), "NodeError"))

    with pytest.raises(Refused, match="AttemptsExhausted"):
        world.do(worker, calls.assign_task(task))


def test_the_epoch_of_an_earlier_attempt_is_refused(world: World) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator))
    old = claim(world, worker, task)
    world.do(worker, calls.hand_back(task, old))
    new = claim(world, worker, task)
    assert new > old

    stale = (
        calls.send_result(task, old),
        calls.hand_back(task, old),
        calls.report_failure(task, old, "TaskError"),
    )
    for call in stale:
        with pytest.raises(Refused, match="WrongEpoch"):
            world.do(worker, call)
    send(world, worker, task, new)


def test_no_claim_goes_beyond_the_slots_even_within_one_block(world: World) -> None:
    creator, *workers = world.accounts
    task = create(world, creator, terms(world, judge=creator, slots=2))

    sealed = world.seal(*((worker, calls.assign_task(task)) for worker in workers))

    assert sorted(str(refusal) for refusal in sealed.refusals) == ["None", "None", *["SlotsFull"] * 3]
    assert world.state.tasks("Tasks")[task].counters.live == 2
    late = next(worker for worker in workers if (worker, task) not in world.state.tasks("Assignments"))
    with pytest.raises(Refused, match="SlotsFull"):
        world.do(late, calls.assign_task(task))


def test_only_the_named_judge_decides_and_it_takes_no_part_in_the_work(world: World, purses: Purses) -> None:
    creator, worker, judge, *_ = world.accounts
    task = create(world, creator, terms(world, judge=judge))
    with pytest.raises(Refused, match="JudgeCannotWork"):
        world.do(judge, calls.assign_task(task))
    submission = deliver(world, worker, task)
    assert world.state.tasks("Reviews") == {(judge, submission): task}

    for outsider in (creator, worker):
        with pytest.raises(Refused, match="NotJudge"):
            world.do(outsider, calls.accept(task, submission))
    world.do(judge, calls.accept(task, submission))

    assert purses.gained() == {creator: -REWARD, worker: REWARD}
    assert world.state.tasks("Reviews") == {}


@pytest.mark.parametrize("abort", [False, True])
def test_a_cancelled_plan_cancels_all_its_tasks(world: World, purses: Purses, abort: bool) -> None:
    creator, worker, other, *_ = world.accounts
    world.do(creator, calls.create_plan())
    plan = world.state.single("Tasks", "NextPlan")
    tasks = [create(world, creator, terms(world, judge=creator, plan=plan)) for _ in range(6)]
    epoch = claim(world, worker, tasks[0])
    with pytest.raises(Refused, match="NotPlanCreator"):
        world.do(other, calls.cancel_plan(plan, abort=abort))

    world.do(creator, calls.cancel_plan(plan, abort=abort))

    assert [status(world, task) for task in tasks[1:]] == ["Cancelled"] * 5
    with pytest.raises(Refused, match="PlanCancelled"):
        create(world, creator, terms(world, judge=creator, plan=plan))
    if not abort:
        world.do(creator, calls.accept(tasks[0], send(world, worker, tasks[0], epoch)))
    assert status(world, tasks[0]) in ("Cancelled", "Done")
    assert purses.gained() == {creator: -REWARD, worker: REWARD}
    assert purses.nothing_held()


def test_children_of_a_task_that_fails_are_cancelled_and_refunded(world: World, purses: Purses) -> None:
    creator, *_ = world.accounts
    parent = create(world, creator, terms(world, judge=creator))
    child = create(world, creator, terms(world, judge=creator), calls.Spec(parents=(parent,)))
    grandchild = create(world, creator, terms(world, judge=creator), calls.Spec(parents=(child,)))
    assert (status(world, child), status(world, grandchild)) == ("Waiting", "Waiting")

    world.do(creator, calls.cancel_task(parent, abort=False))

    assert [status(world, task) for task in (parent, child, grandchild)] == ["Cancelled"] * 3
    assert purses.gained() == {}
    assert purses.nothing_held()


def test_a_child_opens_when_its_parent_is_done(world: World) -> None:
    creator, worker, *_ = world.accounts
    parent = create(world, creator, terms(world, judge=creator, window=0))
    child = create(world, creator, terms(world, judge=creator), calls.Spec(parents=(parent,)))
    with pytest.raises(Refused, match="NotOpen"):
        world.do(worker, calls.assign_task(child))

    deliver(world, worker, parent)

    assert status(world, child) == "Open"


def test_records_can_go_after_the_retention_period(world: World) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, window=0))
    deliver(world, worker, task)
    retention = world.constant("RetentionPeriod")

    with pytest.raises(Refused, match="StillNeeded"):
        world.do(worker, calls.purge_task(task), later=retention - 1)
    world.do(worker, calls.purge_task(task), later=2)

    for item in ("Tasks", "Specs", "Assignments", "Submissions", "TasksOf", "Workers"):
        assert world.state.tasks(item) == {}
    assert world.state.tasks("Agenda") == {}


def test_nobody_promises_more_than_it_has(world: World) -> None:
    creator, worker, *_ = world.accounts
    with pytest.raises(Refused, match="TooLittleBalance"):
        create(world, creator, terms(world, judge=creator, slots=1_000_000))

    dear = replace(terms(world, judge=creator), bond=2_000_000 * UNIT)
    with pytest.raises(Refused, match="TooLittleBalance"):
        claim(world, worker, create(world, creator, dear))


def test_amounts_and_moments_at_the_end_of_their_range_break_nothing(world: World, purses: Purses) -> None:
    creator, *_ = world.accounts
    usual = terms(world, judge=creator, max_rejects=0)
    with pytest.raises(Refused, match="AmountTooLarge"):
        create(world, creator, replace(usual, reward=2**127, slots=2**32 - 1))

    task = create(world, creator, replace(usual, deadline=2**64 - 1, timeout=2**64 - 1))
    claim(world, world.accounts[1], task)
    world.do(creator, calls.cancel_task(task, abort=True))

    assert purses.gained() == {creator: -REWARD, world.accounts[1]: REWARD}


def test_a_creator_may_do_its_own_task(world: World, purses: Purses) -> None:
    creator, *_ = world.accounts
    deliver(world, creator, create(world, creator, terms(world, judge=creator, window=0)))
    world.do(creator, calls.reject(2, deliver(world, creator, create(world, creator, terms(world, judge=creator)))))

    assert purses.gained() == {creator: -2 * REJECT_FEE, TREASURY: 2 * REJECT_FEE}
    assert purses.nothing_held()
