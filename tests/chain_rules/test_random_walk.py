"""The rules hold under any calls in any order at any time: a seeded walk over all calls.

``WALK_SEEDS`` and ``WALK_BLOCKS`` in the environment make it longer, e.g. 20 seeds of 400 blocks each.
"""

import os
from collections import Counter
from random import Random

import pytest

from tests.chain_rules.codec import name_of
from tests.chain_rules.history import History
from tests.chain_rules.invariants import check_state
from tests.chain_rules.walk import Walk
from tests.chain_rules.world import World

BLOCKS = int(os.environ.get("WALK_BLOCKS", "180"))
SEEDS = range(6, int(os.environ.get("WALK_SEEDS", "4")) + 6)
USUAL = {
    *("register_asset", "create_task", "assign_task", "send_task_result", "report_failure", "hand_back"),
    *("cancel_task", "poke", "create_task_with_roles", "create_task_with_rights"),
}
"""Calls that every walk makes with success, or it has not walked far."""
JUDGED = {"accept_task_results", "reject_task_results"}
"""One of these at least."""


@pytest.mark.parametrize("seed", SEEDS)
def test_every_block_of_a_random_walk_keeps_the_invariants(world: World, seed: int) -> None:
    walk = Walk(world, Random(seed))
    walk.begin()
    history = History(world)
    went_well: Counter[str] = Counter()
    for _ in range(BLOCKS):
        before = world.state
        chosen = walk.calls(walk.random.choice((0, 1, 2, 3, 5)))
        sealed = world.seal(*chosen, later=walk.pause())

        check_state(world.state, world.now, world.constant("RejectFee"))
        history.see(before, world.state, sealed.events)
        outcomes = zip(chosen, sealed.refusals, strict=True)
        went_well.update(call.name for (_, call), refusal in outcomes if refusal is None)

    assert went_well.keys() >= USUAL
    assert went_well.keys() & JUDGED
    ended = [status.outcome for status in history.statuses.values() if name_of(status) == "Final"]
    assert set(ended) == {"Done", "Cancelled", "Failed", "Expired"}


@pytest.mark.parametrize("seed", SEEDS)
def test_every_block_of_a_random_walk_executes_again_to_the_same_roots(world: World, seed: int) -> None:
    walk = Walk(world, Random(seed))
    walk.begin()
    for _ in range(BLOCKS // 2):
        world.seal(*walk.calls(walk.random.choice((0, 1, 2, 8))), later=walk.pause())
        world.chain.execute_again(world.chain.head.number)
