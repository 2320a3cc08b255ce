"""The way of a task's money when it is cancelled, expires, pauses, fails or belongs to others."""

from dataclasses import replace

import pytest

from tests.chain_rules import calls
from tests.chain_rules.calls import DAY, UNIT
from tests.chain_rules.purses import Purses
from tests.chain_rules.scene import (
    BOND,
    DEADLINE,
    REJECT_FEE,
    REPORT_FEE,
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


def test_an_abort_pays_everyone_at_work_by_time_and_refunds_the_rest(world: World, purses: Purses) -> None:
    creator, first, second, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, slots=3))
    epoch = claim(world, first, task)
    world.pass_time(TIMEOUT // 4)
    claim(world, second, task)

    world.do(creator, calls.cancel_task(task, abort=True), later=TIMEOUT // 10)

    assert status(world, task) == "Cancelled"
    short = REWARD * 4 // 10
    assert purses.gained() == {creator: -REWARD - short, first: REWARD, second: short}
    assert purses.nothing_held()
    with pytest.raises(Refused, match="NotLive"):
        world.do(first, calls.send_result(task, epoch))


def test_an_abort_reaches_more_workers_than_one_visit_does(world: World, purses: Purses) -> None:
    creator, *workers = world.accounts
    task = create(world, creator, terms(world, judge=creator, slots=6))
    for worker in workers:
        claim(world, worker, task)

    world.do(creator, calls.cancel_task(task, abort=True), later=TIMEOUT // 2)
    world.seal()

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


def test_a_task_that_pauses_twice_fails_at_its_deadline_and_is_refunded(world: World, purses: Purses) -> None:
    creator, worker, other, third, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, slots=2))
    deadline = world.state.tasks("Tasks")[task].terms.deadline
    epoch = claim(world, other, task)
    world.do(worker, calls.report_failure(task, claim(world, worker, task), "OutOfMemory"))

    world.do(creator, calls.accept(task, send(world, other, task, epoch)))  # a live attempt goes on
    world.pass_time(DAY + 1)
    assert status(world, task) == "Open"
    world.do(third, calls.report_failure(task, claim(world, third, task), "OutOfMemory"))
    world.pass_time(deadline - world.now)
    assert status(world, task) == "Paused"
    with pytest.raises(Refused, match="NotPaused"):
        world.do(creator, calls.resume_task(task))
    world.pass_time(1)

    assert status(world, task) == "Failed"
    fees = {worker: -REPORT_FEE, third: -REPORT_FEE, TREASURY: 2 * REPORT_FEE}
    assert purses.gained() == {creator: -REWARD, other: REWARD} | fees
    assert purses.nothing_held()


def test_a_task_is_resumed_only_while_it_could_still_be_taken(world: World) -> None:
    creator, worker, other, *_ = world.accounts
    for beyond, refusal in ((0, None), (1, "DeadlineTooNear")):
        task = create(world, creator, terms(world, judge=creator))
        for reporter in (worker, other):
            world.do(reporter, calls.report_failure(task, claim(world, reporter, task), "Timeout"))
            if reporter == worker:
                world.do(creator, calls.resume_task(task))
        latest = world.state.tasks("Tasks")[task].terms.deadline - world.constant("MinTimeout")
        sealed = world.seal((creator, calls.resume_task(task)), later=latest + beyond - world.now)
        assert sealed.refusals == (refusal,)


@pytest.mark.parametrize("abort", [False, True])
def test_a_cancelled_plan_cancels_all_its_tasks(world: World, purses: Purses, abort: bool) -> None:
    creator, worker, other, *_ = world.accounts
    world.do(creator, calls.create_plan())
    plan = world.state.single("Tasks", "NextPlan")
    tasks = [create(world, creator, terms(world, judge=creator, plan=plan)) for _ in range(6)]
    epoch = claim(world, worker, tasks[0])
    with pytest.raises(Refused, match="NotPlanCreator"):
        world.do(other, calls.cancel_plan(plan, abort=abort))

    world.do(creator, calls.cancel_plan(plan, abort=abort), later=TIMEOUT // 4)
    for _ in range(2):
        world.seal()

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
    world.seal()

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
    world.seal()

    assert status(world, child) == "Open"


def test_its_creator_may_remove_a_tasks_records_after_the_retention_period(world: World) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, window=0))
    deliver(world, worker, task)
    retention = world.constant("RetentionPeriod")

    with pytest.raises(Refused, match="StillNeeded"):
        world.do(creator, calls.purge_task(task), later=retention - 1)
    with pytest.raises(Refused, match="StillNeeded"):
        world.do(worker, calls.purge_task(task), later=2)
    world.do(creator, calls.purge_task(task))

    for item in ("Tasks", "Specs", "Assignments", "Submissions", "TasksOf", "Workers"):
        assert world.state.tasks(item) == {}
    assert world.state.tasks("Agenda") == {}


def test_nobody_promises_more_than_it_has(world: World) -> None:
    creator, worker, *_ = world.accounts
    with pytest.raises(Refused, match="TooLittleBalance"):
        create(
            world, creator, replace(terms(world, judge=creator, slots=10_000), reward=1_000 * UNIT, bond=1_000 * UNIT)
        )

    dear = replace(terms(world, judge=creator), reward=200_000 * UNIT, bond=2_000_000 * UNIT)
    with pytest.raises(Refused, match="TooLittleBalance"):
        claim(world, worker, create(world, creator, dear))


def test_amounts_and_moments_at_their_bounds_break_nothing(world: World, purses: Purses) -> None:
    creator, *_ = world.accounts
    usual = terms(world, judge=creator, max_rejects=0)
    with pytest.raises(Refused, match="AmountTooLarge"):
        create(world, creator, replace(usual, reward=2**127, bond=2**127))

    longest = replace(usual, deadline=world.now + world.constant("MaxDuration"), timeout=world.constant("MaxTimeout"))
    task = create(world, creator, longest)
    claim(world, world.accounts[1], task)
    world.do(creator, calls.cancel_task(task, abort=True), later=DAY)

    share = REWARD * 4 * DAY // world.constant("MaxTimeout")
    assert purses.gained() == {creator: -share, world.accounts[1]: share}


def test_a_creator_may_do_its_own_task(world: World, purses: Purses) -> None:
    creator, *_ = world.accounts
    deliver(world, creator, create(world, creator, terms(world, judge=creator, window=0)))
    world.do(creator, calls.reject(2, deliver(world, creator, create(world, creator, terms(world, judge=creator)))))

    assert purses.gained() == {creator: -2 * REJECT_FEE, TREASURY: 2 * REJECT_FEE}
    assert purses.nothing_held()
