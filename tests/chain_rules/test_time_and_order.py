"""Only time decides rights; neither the order of calls nor when somebody looked does."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tests.chain_rules import calls
from tests.chain_rules.calls import DAY, HOUR, SECOND
from tests.chain_rules.outcome import difference, outcome_of
from tests.chain_rules.scene import DEADLINE, TIMEOUT, WINDOW, claim, create, deliver, status, terms
from tests.chain_rules.schema import Call
from tests.chain_rules.state import State
from tests.chain_rules.walk import Choice, Walk
from tests.chain_rules.world import Signed, World, transaction_fees_in

BLOCKS = 150
SEEDS = (11, 12)
_SWEPT_EVERY = 6
_TRIES = 3

_FOR_ONE_SLOT = {"assign_task", "hand_back", "report_failure", "reject_task_results", "resume_task", "cancel_task"}
"""Whether a claim finds a free slot of an open task depends on who came first."""
_ENDED_BY_AN_ABORT = {"send_task_result", "report_failure", "hand_back"}
_NAMED_IN_ORDER = {"create_task", "create_plan", "create_objective", "send_task_result"}
"""Two of them get their ids in the order in which they came."""


def test_two_calls_within_a_block_come_to_the_same_in_either_order(world: World) -> None:
    walk = Walk(world, Random(SEEDS[0]))
    walk.begin()
    compared = 0
    for _ in range(BLOCKS):
        world.seal(*walk.calls(2), later=walk.pause())
        rivals = _rivals(walk)
        if rivals is None:
            continue
        first, second = world.sign(*rivals)
        later = walk.pause()
        outcomes = [_after(world, order, later) for order in ((first, second), (second, first))]
        assert difference(*outcomes) == [], f"{first.call} and {second.call}, {later} ms later"
        compared += 1
    assert compared > BLOCKS / 2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_late_sweep_changes_nothing(world: World, seed: int) -> None:
    walk = Walk(world, Random(seed))
    walk.begin()
    for number in range(BLOCKS):
        world.seal(*walk.calls(2), later=walk.pause())
        if number % _SWEPT_EVERY == 0:
            horizon = walk.random.choice((5 * SECOND, 60 * SECOND, HOUR, 2 * DAY, 4 * DAY))
            _check_late_sweep(world, horizon)


def test_a_lapse_that_ends_an_offered_task_is_the_same_when_seen_after_the_deadline(world: World) -> None:
    creator, assignee, *_ = world.accounts
    claim(world, assignee, create(world, creator, terms(world, judge=creator, assignee=assignee)))
    _check_late_sweep(world, DEADLINE + DAY)


def test_an_acceptance_by_silence_is_the_same_when_seen_after_the_deadline(world: World) -> None:
    creator, first, second, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, slots=2))
    world.do(creator, calls.reject(task, deliver(world, first, task)))
    deliver(world, second, task)
    _check_late_sweep(world, DEADLINE + DAY)


def test_a_task_with_every_slot_filled_and_decided_is_done_though_its_review_outlasts_the_deadline(
    world: World,
) -> None:
    creator, first, second, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator, slots=2))
    world.pass_time(DEADLINE - TIMEOUT)
    world.do(creator, calls.reject(task, deliver(world, first, task)))
    deliver(world, second, task)
    world.pass_time(TIMEOUT)
    world.pass_time(WINDOW)
    assert status(world, task) == "Done"


def test_a_confirmation_and_a_retry_in_one_block_cost_the_same_in_either_order(world: World) -> None:
    creator, worker, *_ = world.accounts
    task = create(world, creator, terms(world, judge=creator))
    world.do(worker, calls.report_failure(task, claim(world, worker, task), "NodeError"))
    rivals = world.sign((creator, calls.confirm_failure(task, worker)), (worker, calls.assign_task(task)))

    outcomes = [_after(world, order, 1) for order in (rivals, rivals[::-1])]

    assert difference(*outcomes) == []


def test_a_claim_is_in_time_as_long_as_the_shortest_attempt_ends_by_the_deadline(world: World) -> None:
    creator, worker, *_ = world.accounts
    for beyond, refusal in ((0, None), (1, "DeadlineTooNear")):
        offered = terms(world, judge=creator)
        task = create(world, creator, offered)
        latest = offered.deadline - world.constant("MinTimeout")
        sealed = world.seal((worker, calls.assign_task(task)), later=latest + beyond - world.now)
        assert sealed.refusals == (refusal,)


def test_what_falls_due_at_once_and_is_too_much_for_a_block_is_done_by_the_next_ones(world: World) -> None:
    creator, worker, *_ = world.accounts
    offered = replace(terms(world, judge=creator), deadline=world.now + HOUR)
    for _ in range(15):
        world.seal(*[(creator, calls.create_task(offered, calls.Spec()))] * 10)
    tasks = world.state.tasks("Tasks")
    last = max(tasks)

    world.pass_time(HOUR)
    waiting = [number for number in tasks if status(world, number) == "Open"]
    assert last in waiting
    late_claim = world.seal((worker, calls.assign_task(last)))
    assert late_claim.refusals == ("NotOpen",)
    for _ in range(3):
        world.seal()

    assert {status(world, number) for number in tasks} == {"Expired"}
    price_of_specs = sum(task.bytes.spec for task in world.state.tasks("Tasks").values())
    assert world.state.accounts[creator].reserved == price_of_specs, "it is held until the tasks are purged"


def test_an_abort_of_a_plan_pays_an_attempt_that_was_live_then_however_late_it_is_carried_out(world: World) -> None:
    creator, *workers = world.accounts
    world.do(creator, calls.create_plan())
    offered = replace(terms(world, judge=creator, plan=1, slots=5), timeout=calls.MINUTE)
    for _ in range(3):
        task = create(world, creator, offered)
        for worker in workers:
            claim(world, worker, task)
    (cancelled,) = world.sign((creator, calls.cancel_plan(1, abort=True)))
    prompt, late = world.fork(), world.fork()
    for fork in (prompt, late):
        fork.seal(cancelled)
    prompt.seal()
    for fork in (prompt, late):
        fork.seal(later=2 * calls.MINUTE - (fork.now - world.now))
    assert difference(outcome_of(prompt.state), outcome_of(late.state)) == []


def _rivals(walk: Walk) -> tuple[Choice, Choice] | None:
    """Two calls about the same thing, whose order may not matter; none when some tries brought none."""
    for _ in range(_TRIES):
        rivals = walk.rivals()
        if rivals is not None and not _contend(*(call for _, call in rivals)):
            return rivals
    return None


def _contend(one: Call, other: Call) -> bool:
    """Whether the order of these two is itself what decides, and may."""
    names = {one.name, other.name}
    if one.name == other.name:
        return one.name in _NAMED_IN_ORDER | {"assign_task"}
    if "cancel_plan" in names or "Registry" in (one.pallet, other.pallet):
        return True  # about other things than tasks
    if "assign_task" in names:
        return names <= _FOR_ONE_SLOT
    aborting = any(call.name == "cancel_task" and call.arguments[1] for call in (one, other))
    return aborting and bool(names & _ENDED_BY_AN_ABORT)


def _after(world: World, calls_in_order: Sequence[Signed], later: int) -> dict[tuple[str, Any], Any]:
    fork = world.fork()
    fees = transaction_fees_in(fork.seal(*calls_in_order, later=later).events)
    fork.seal()
    return outcome_of(fork.state, fees)


def _check_late_sweep(world: World, horizon: int) -> None:
    """Compares a chain with a block whenever something falls due with one that sleeps until the horizon, in
    milliseconds from now."""
    prompt, late = world.fork(), world.fork()
    end = world.now + horizon
    while (due := _next_due(prompt.state)) is not None and due < end:
        prompt.seal(later=due + 1 - prompt.now)
    for fork in (prompt, late):
        if fork.now < end:
            fork.seal(later=end - fork.now)
        fork.seal()
    assert difference(outcome_of(prompt.state), outcome_of(late.state)) == []


def _next_due(state: State) -> Any:
    agenda = state.tasks("Agenda")
    return int.from_bytes(min(agenda)[:8], "big") if agenda else None
