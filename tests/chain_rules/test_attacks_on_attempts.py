"""Attacks by taking tasks: what each brings, and what it brought before attempts had prices.

Each docstring says what came of the same calls when an abort paid in full, a report paid back its own fee and a slot
was handed back for a small fee.
"""

import pytest

from tests.chain_rules import calls
from tests.chain_rules.calls import DAY, HOUR, MINUTE, UNIT
from tests.chain_rules.purses import Purses
from tests.chain_rules.scene import BOND, REPORT_FEE, REWARD, TIMEOUT, claim, create, deliver, status, terms
from tests.chain_rules.world import TREASURY, Refused, World


def test_claims_in_the_block_of_an_abort_earn_nothing(world: World, purses: Purses) -> None:
    """Three claims in front of an abort earned three rewards, 15 UNIT, for no work; now 0, and the bonds return."""
    creator, *workers = world.accounts
    task = create(world, creator, terms(world, judge=creator, slots=3))
    racers = workers[:3]

    sealed = world.seal(
        *((racer, calls.assign_task(task)) for racer in racers), (creator, calls.cancel_task(task, abort=True))
    )
    world.pass_time(1)

    assert sealed.refusals == (None,) * 4
    assert status(world, task) == "Cancelled"
    assert purses.gained() == {}, f"the racers gained {_units(purses, racers)}"
    assert purses.nothing_held()


def test_one_account_pauses_a_task_not_twice_and_not_for_nothing(world: World, purses: Purses) -> None:
    """One account paused a task five times in a row, each time when its creator had resumed it, and every report paid
    back its own fee: it cost 0 UNIT. Now it reports once, at the price of the time it held the slot, which it loses
    when somebody else does the task; and alone it pauses nothing that two accounts have to report."""
    creator, attacker, other, *_ = world.accounts
    lone = create(world, creator, terms(world, judge=creator, window=0))
    paused = 0
    for _ in range(5):
        try:
            world.do(attacker, calls.report_failure(lone, claim(world, attacker, lone), "TaskError"), later=TIMEOUT)
        except Refused:
            break
        paused += status(world, lone) == "Paused"
        world.do(creator, calls.resume_task(lone))
    deliver(world, other, lone)
    world.pass_time(DAY + 1)
    assert (paused, _units(purses, [attacker])) == (1, [-BOND / 4 / UNIT]), "how often it paused, and at which price"

    usual = create(world, creator, terms(world, judge=creator, max_failures=2))
    world.do(attacker, calls.report_failure(usual, claim(world, attacker, usual), "TaskError"))
    assert status(world, usual) == "Open"


def test_a_task_whose_creator_is_away_outlives_a_pause(world: World, purses: Purses) -> None:
    """Two reports ended a task in a day while its creator was away, and paid back their fees. Now it opens again by
    itself, the next worker is paid, and both fees are lost."""
    creator, first, second, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, window=0, max_failures=2, max_rejects=0))
    for attacker in (first, second):
        world.do(attacker, calls.report_failure(task, claim(world, attacker, task), "TaskError"))
    assert status(world, task) == "Paused"

    world.pass_time(DAY + 1)
    assert status(world, task) == "Open", "a day's absence ended the task"
    deliver(world, worker, task)
    world.pass_time(1)

    lost = {first: -REPORT_FEE, second: -REPORT_FEE, TREASURY: 2 * REPORT_FEE}
    assert purses.gained() == {creator: -REWARD, worker: REWARD} | lost


def test_a_slot_cannot_be_held_by_handing_it_back_again_and_again(world: World, purses: Purses) -> None:
    """A task with one slot and an hour for each attempt was held for 33 hours by one account that handed it back and
    took it again, for 0.33 UNIT. Now the second hand-back is the last: 2 hours, for half of the bond, 1 UNIT, and
    whoever holds it with more accounts pays at that rate."""
    creator, attacker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator))
    held = 0
    while held < 33 * HOUR:
        try:
            epoch = claim(world, attacker, task)
        except Refused:
            break
        world.do(attacker, calls.hand_back(task, epoch), later=TIMEOUT - MINUTE)
        held += TIMEOUT - MINUTE

    price = -_units(purses, [attacker])[0]
    assert held <= 2 * TIMEOUT, f"held for {held / HOUR:.1f} hours for {price} UNIT"
    assert price * UNIT >= BOND / 4 * held / TIMEOUT
    with pytest.raises(Refused, match="AttemptsExhausted"):
        claim(world, attacker, task)


def test_holding_a_slot_with_several_accounts_costs_each_a_quarter_of_its_bond_for_its_time(
    world: World, purses: Purses
) -> None:
    """Whichever way an attempt ends that brings nothing: the whole hour cost 0 UNIT or the fee of a report, 0.01."""
    creator, returning, reporting, sleeping, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, window=0, max_failures=2))
    world.do(returning, calls.hand_back(task, claim(world, returning, task)), later=TIMEOUT)
    world.do(reporting, calls.report_failure(task, claim(world, reporting, task), "NodeError"), later=TIMEOUT)
    claim(world, sleeping, task)
    world.pass_time(TIMEOUT + 1)
    deliver(world, worker, task)
    world.pass_time(DAY + 1)

    attackers = [returning, reporting, sleeping]
    assert _units(purses, attackers) == [-BOND / 4 / UNIT, -BOND / 4 / UNIT, -BOND / UNIT]


def _units(purses: Purses, accounts: list[bytes]) -> list[float]:
    gained = purses.gained()
    return [gained.get(account, 0) / UNIT for account in accounts]
