"""What transactions cost: a usual claim with its result little, a declined offer nothing, and no more than was told."""

from typing import Any

import pytest

from node_runtime.devnet.trial import block_weight
from node_runtime.devnet.wasm.functions import twox
from tests.chain_rules import calls
from tests.chain_rules.calls import UNIT, Output
from tests.chain_rules.conftest import OpenWorld
from tests.chain_rules.scene import Laboratory, create, digest_of, found_laboratory, terms
from tests.chain_rules.walk import Choice
from tests.chain_rules.world import Refused, Sealed, World

USUAL = UNIT // 100
"""A claim and its result together."""


@pytest.fixture
def laboratory(world: World) -> Laboratory:
    return found_laboratory(world, world.accounts[0])


def fee(sealed: Sealed) -> int:
    (paid,) = [event.fields.actual_fee for event in sealed.events if event.name == "TransactionFeePaid"]
    return int(paid)


def test_a_usual_claim_and_its_result_cost_at_most_a_hundredth(world: World, laboratory: Laboratory) -> None:
    creator, worker, *_ = world.accounts
    for window in (0, calls.HOUR):
        offered = terms(world, judge=creator, kind="Training", window=window)
        task = create(world, creator, offered, laboratory.training())
        claimed = world.do(worker, calls.assign_task(task))
        epoch = world.state.tasks("Assignments")[worker, task].epoch
        outputs = (Output(name=b"model", digest=digest_of(f"model {window}")),)
        sent = world.do(worker, calls.send_result(task, epoch, outputs=outputs))
        assert 0 < fee(claimed) + fee(sent) <= USUAL


def test_declining_an_offer_costs_nothing(world: World, laboratory: Laboratory) -> None:
    creator, worker, *_ = world.accounts
    offered = terms(world, judge=creator, kind="Training", assignee=worker)
    task = create(world, creator, offered, laboratory.training())
    before = world.state.worth(worker)
    sealed = world.do(worker, calls.decline_offer(task))
    assert (fee(sealed), world.state.worth(worker)) == (0, before)


def test_what_is_refused_beyond_a_bound_is_named(world: World, laboratory: Laboratory) -> None:
    creator = world.accounts[0]
    usual: Any = {"judge": creator, "kind": "Training"}
    beyonds: tuple[tuple[dict[str, Any], str], ...] = (
        ({"slots": 10_001}, "TooManySlots"),
        ({"max_rejects": 4}, "TooManyRejects"),
    )
    for beyond, rule in beyonds:
        with pytest.raises(Refused, match=rule):
            create(world, creator, terms(world, **usual, **beyond), laboratory.training())


def test_fees_are_constant_where_one_authority_makes_all_blocks(world: World) -> None:
    payer, busy, receiver, *_ = world.accounts
    fees = set()
    for _ in range(3):
        fees.add(fee(world.do(payer, calls.transfer(receiver, UNIT))))
        world.seal(*[(busy, calls.transfer(receiver, UNIT)) for _ in range(50)])
    assert len(fees) == 1


ONE = 10**18
"""The fee multiplier is a fixed-point number of 18 digits."""
_FULL = 10**12  # picoseconds
_MULTIPLIER = twox(b"TransactionPayment", 2) + twox(b"NextFeeMultiplier", 2)


def multiplier(world: World) -> int:
    """Of the next block's fees."""
    return int.from_bytes(world.chain.state_at(world.chain.head.number).get(_MULTIPLIER) or b"", "little")


def set_multiplier(world: World, value: int) -> None:
    sudo = world.accounts[0]
    world.do(sudo, calls.set_storage(_MULTIPLIER, value.to_bytes(16, "little")))


def calls_that_fill(world: World) -> list[Choice]:
    """As many as take more than half of a block."""
    weights = []
    for count in (0, 1):
        world.seal(*[(world.accounts[0], calls.poke("Task", 99))] * count)
        weights.append(block_weight(world.chain.state_at(world.chain.head.number)))
    count = _FULL * 6 // 10 // (weights[1] - weights[0])
    return [(world.accounts[number % 5], calls.poke("Task", 99)) for number in range(count)]


def fill(world: World, filling: list[Choice]) -> None:
    world.seal(*filling)
    assert block_weight(world.chain.state_at(world.chain.head.number)) > _FULL // 2


def test_full_blocks_raise_fees_up_to_tenfold_where_several_authorities_make_them(open_world: OpenWorld) -> None:
    world = open_world(preset="local_testnet")
    filling = calls_that_fill(world)
    seen = [multiplier(world)]
    for _ in range(3):
        fill(world, filling)
        seen.append(multiplier(world))
    assert ONE == seen[0] < seen[1] < seen[2] < seen[3]
    set_multiplier(world, 10 * ONE - ONE // 10**5)
    for _ in range(2):
        fill(world, filling)
        assert multiplier(world) == 10 * ONE


def test_empty_blocks_lower_fees_down_to_their_base(open_world: OpenWorld) -> None:
    world = open_world(preset="local_testnet")
    set_multiplier(world, 2 * ONE)
    seen = [multiplier(world)]
    for _ in range(3):
        world.seal()
        seen.append(multiplier(world))
    assert 2 * ONE >= seen[0] > seen[1] > seen[2] > seen[3] > ONE
    set_multiplier(world, ONE + 1)
    for _ in range(2):
        world.seal()
        assert multiplier(world) == ONE


def test_full_blocks_leave_fees_as_they_are_where_one_authority_makes_all(world: World) -> None:
    filling = calls_that_fill(world)
    for _ in range(3):
        fill(world, filling)
        assert multiplier(world) == ONE
