"""The pool's order is that of a scan of all entries, and costs the same however many there are."""

import random
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest

from node_runtime.devnet import pool as pool_module
from node_runtime.devnet.pool import (
    NoRoom,
    Pool,
    StatusName,
    TooLowPriority,
)
from node_runtime.devnet.runtime_api import Validity
from tests.unit.devnet.pool_world import BLOCK, World


def naive_ready(pool: Pool) -> list[bytes]:
    """Reference implementation of `ready`: repeatedly scan all entries for the best with met requirements."""
    left = [entry for entry in pool._entries.values() if entry.ready]
    found: list[bytes] = []
    while True:
        provided_here = {tag: other.hash for other in pool._entries.values() for tag in other.validity.provides}
        free = [
            entry
            for entry in left
            if all(tag not in provided_here or provided_here[tag] in found for tag in entry.validity.requires)
        ]
        if not free:
            return found
        best = min(free, key=lambda entry: entry.rank)
        left.remove(best)
        found.append(best.hash)


def test_the_order_is_that_of_a_look_at_every_entry_after_any_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "READY_LIMIT", 12)
    monkeypatch.setattr(pool_module, "FUTURE_LIMIT", 6)
    random_ = random.Random(5)
    outcomes: set[StatusName | type[pool_module.PoolRefusal]] = set()
    for _ in range(60):
        world, nonces = World(), {"ABCD"[number]: 0 for number in range(4)}
        for number in range(1, 80):
            name = random_.choice("ABCD")
            nonce = nonces[name] + random_.randrange(-1, 5)
            tags = [f"{name}{one}".encode() for one in (nonce - 1, nonce)]
            requires = (tags[0],) if nonce > nonces[name] else ()
            validity = Validity(
                priority=random_.randrange(4), requires=requires, provides=(tags[1],), longevity=random_.randrange(1, 9)
            )
            try:
                world.pool.add(f"{name}{nonce} {number}".encode(), validity, number)
            except pool_module.PoolRefusal as refusal:
                outcomes.add(type(refusal))
            ready = [entry.hash for entry in world.pool.ready()]
            assert ready == naive_ready(world.pool)
            assert world.pool.has_ready() == bool(ready)
            if random_.random() < 0.3:
                block = [entry.extrinsic for entry in world.pool.ready()][: random_.randrange(1, 4)]
                for extrinsic in block:
                    nonces[chr(extrinsic[0])] += 1
                refused = [entry.extrinsic for entry in world.pool.ready() if entry.extrinsic not in block][:1]
                world.pool.settle_block(block, refused if random_.random() < 0.2 else [], number, BLOCK)
        outcomes |= {status for _, status in world.told}
    assert outcomes >= {TooLowPriority, NoRoom, *StatusName}


def work_of(action: Callable[[], object]) -> int:
    """Count the Python instructions executed in the pool, a measure independent of the machine's load."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = frame.f_code.co_filename == pool_module.__file__
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


def filled(waiting: int, *, chained: bool) -> World:
    world = World()
    for number in range(waiting):
        requires = (f"t{number - 1}".encode(),) if chained and number else ()
        validity = Validity(priority=1, requires=requires, provides=(f"t{number}".encode(),), longevity=64)
        world.pool.add(b"waiting %d" % number, validity, 0)
    return world


@pytest.mark.parametrize("chained", [False, True], ids=["of many accounts", "of one account"])
def test_the_cost_of_a_change_is_independent_of_the_pools_size(chained: bool) -> None:
    costs = []
    for waiting in (50, 5000):
        world = filled(waiting, chained=chained)
        pool, last = world.pool, f"t{waiting - 1}".encode()
        one = Validity(priority=1, requires=(last,), provides=(b"new",), longevity=64)
        first = [next(pool.ready()).extrinsic]
        costs.append(
            [
                work_of(partial(pool.add, b"one more", one, 0)),
                work_of(pool.has_ready),
                work_of(partial(next, pool.ready())),
                work_of(partial(pool.settle_block, first, [], 1, BLOCK)),
            ]
        )
    few, many = costs
    assert all(cost > 0 for cost in few)
    assert many == few


def test_the_cost_of_an_addition_to_a_full_pool_is_independent_of_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = []
    for limit in (50, 5000):
        monkeypatch.setattr(pool_module, "READY_LIMIT", limit)
        world = filled(limit, chained=False)
        dear = Validity(priority=2, requires=(), provides=(b"dear",), longevity=64)
        costs.append(work_of(partial(world.pool.add, b"dear", dear, 0)))
        assert len(list(world.pool.ready())) == limit
    assert costs[0] == costs[1]
