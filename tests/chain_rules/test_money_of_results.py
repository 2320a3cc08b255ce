"""The cost and the payment of a result, accepted or rejected, by a judge or by silence."""

import pytest

from tests.chain_rules import calls
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


def test_the_deadline_stops_no_review(world: World, purses: Purses) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator))
    world.pass_time(DEADLINE - TIMEOUT)
    submission = deliver(world, worker, task)
    world.pass_time(TIMEOUT)

    world.do(creator, calls.accept(task, submission))

    assert status(world, task) == "Done"
    assert purses.gained() == {creator: -REWARD, worker: REWARD}


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
