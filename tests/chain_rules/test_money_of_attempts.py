"""What does an attempt cost that brings no result, and who may try again?"""

import pytest

from tests.chain_rules import calls
from tests.chain_rules.calls import DAY
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


def test_handing_back_is_free_once(world: World, purses: Purses) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator))

    world.do(worker, calls.hand_back(task, claim(world, worker, task)))
    assert purses.gained() == {}
    world.do(worker, calls.hand_back(task, claim(world, worker, task)))

    assert purses.gained() == {worker: -REPORT_FEE, TREASURY: REPORT_FEE}
    assert world.state.held(worker, "Bond") == 0


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
