"""The price of an attempt without a result, and who may try again."""

import pytest

from tests.chain_rules import calls
from tests.chain_rules.purses import Purses
from tests.chain_rules.scene import (
    BOND,
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


def test_handing_back_costs_a_quarter_of_the_bond_for_all_of_the_time_and_less_for_less(
    world: World, purses: Purses
) -> None:
    creator, *workers = world.accounts
    task = create(world, creator, terms(world, judge=creator))
    spent = 0
    for worker, held in zip(workers, (1, TIMEOUT // 10, TIMEOUT), strict=False):
        world.do(worker, calls.hand_back(task, claim(world, worker, task)), later=held)
        price = -(-BOND * held // (4 * TIMEOUT))
        spent += price
        assert purses.gained()[worker] == -price

    assert purses.gained()[TREASURY] == spent
    assert all(world.state.held(worker, "Bond") == 0 for worker in workers)


def test_handing_back_in_the_block_of_the_claim_costs_nothing(world: World, purses: Purses) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator))
    for epoch in (1, 2, 3):
        sealed = world.seal((worker, calls.assign_task(task)), (worker, calls.hand_back(task, epoch)))
        assert sealed.refusals == (None, None)

    assert purses.gained() == {}


def test_two_hand_backs_at_a_price_end_an_accounts_attempts_and_an_assignees_task(world: World) -> None:
    creator, worker, other, *_ = world.accounts
    anyones = create(world, creator, terms(world, judge=creator))
    offered = create(world, creator, terms(world, judge=creator, assignee=worker))
    for task in (anyones, offered) * 2:
        world.do(worker, calls.hand_back(task, claim(world, worker, task)))

    with pytest.raises(Refused, match="AttemptsExhausted"):
        claim(world, worker, anyones)
    claim(world, other, anyones)
    assert status(world, offered) == "Failed"


def test_a_report_costs_nothing_when_its_task_ends_without_any_result(world: World, purses: Purses) -> None:
    creator, worker, *_ = world.accounts
    for category in ("TaskError", "Policy", "NodeError"):
        task = create(world, creator, terms(world, judge=creator, max_failures=2))
        world.do(worker, calls.report_failure(task, claim(world, worker, task), category), later=TIMEOUT)
        assert world.state.held(worker, "Bond") == BOND // 4
        world.do(creator, calls.cancel_task(task, abort=False))
        world.pass_time(1)

    assert purses.gained() == {}
    assert world.state.held(worker, "Bond") == 0


def test_no_pause_decides_about_the_fees_of_those_who_caused_it(world: World, purses: Purses) -> None:
    creator, first, second, third, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, max_failures=2, max_rejects=0))
    for worker in (first, second):
        world.do(worker, calls.report_failure(task, claim(world, worker, task), "TaskError"))
    assert status(world, task) == "Paused"
    with pytest.raises(Refused, match="NotOpen"):
        claim(world, third, task)

    world.do(creator, calls.resume_task(task))
    assert [world.state.held(worker, "Bond") for worker in (first, second)] == [REPORT_FEE] * 2
    deliver(world, third, task)
    world.pass_time(WINDOW + 1)
    world.pass_time(1)

    assert status(world, task) == "Done"
    assert purses.gained() == {
        creator: -REWARD,
        third: REWARD,
        first: -REPORT_FEE,
        second: -REPORT_FEE,
        TREASURY: 2 * REPORT_FEE,
    }


def test_a_report_that_the_creator_confirms_costs_nothing(world: World, purses: Purses) -> None:
    creator, worker, other, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, max_failures=2))
    world.do(worker, calls.report_failure(task, claim(world, worker, task), "TaskError"))

    with pytest.raises(Refused, match="NotCreator"):
        world.do(other, calls.confirm_failure(task, worker))
    world.do(creator, calls.confirm_failure(task, worker))

    assert purses.gained() == {}
    assert world.state.held(worker, "Bond") == 0


def test_the_fees_of_earlier_tries_come_back_with_the_acceptance_of_a_later_one(world: World, purses: Purses) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, window=0))
    for _ in range(2):
        world.do(worker, calls.report_failure(task, claim(world, worker, task), "InputUnavailable"), later=TIMEOUT)
    assert world.state.held(worker, "Bond") == 2 * (BOND // 4)

    deliver(world, worker, task)

    assert purses.gained() == {creator: -REWARD, worker: REWARD}
    assert world.state.held(worker, "Bond") == 0


def test_the_fees_of_many_reporters_are_all_decided_when_the_task_is_final(world: World, purses: Purses) -> None:
    creator, *workers = world.accounts
    task = create(world, creator, terms(world, judge=creator, window=0))
    for worker in workers[1:]:
        world.do(worker, calls.report_failure(task, claim(world, worker, task), "NodeError"))

    deliver(world, workers[0], task)
    world.pass_time(1)

    lost = dict.fromkeys(workers[1:], -REPORT_FEE)
    assert purses.gained() == {creator: -REWARD, workers[0]: REWARD, TREASURY: 4 * REPORT_FEE} | lost
    assert world.state.tasks("Agenda") == {}


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
