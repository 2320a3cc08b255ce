"""Where does a task's money go when it is cancelled, expires, pauses, fails or belongs to others?"""

from dataclasses import replace

import pytest

from tests.chain_rules import calls
from tests.chain_rules.calls import DAY, UNIT
from tests.chain_rules.purses import Purses
from tests.chain_rules.scene import (
    BOND,
    DEADLINE,
    REJECT_FEE,
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
