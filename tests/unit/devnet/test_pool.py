"""The pool orders, replaces, limits and drops transactions as Substrate's pool does."""

import random
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest

from node_runtime.devnet import pool as pool_module
from node_runtime.devnet.pool import (
    AlreadyImported,
    NoRoom,
    Pool,
    Status,
    StatusName,
    TemporarilyBanned,
    TooLowPriority,
)
from node_runtime.devnet.runtime_api import Validity
from node_runtime.devnet.state.trie import blake2_256
from tests.devnet import Clock

BLOCK = b"B" * 32


class World:
    """A pool, its clock and its notifications."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.told: list[tuple[bytes, StatusName]] = []
        self.pool = Pool(self._note, self.clock)

    def add(
        self, name: str, *, requires: str = "", provides: str = "", priority: int = 1, longevity: int = 64
    ) -> bytes:
        """Add a transaction; tags are single letters."""
        tags = [tuple(letter.encode() for letter in letters) for letters in (requires, provides or name)]
        validity = Validity(priority=priority, requires=tags[0], provides=tags[1], longevity=longevity)
        return self.pool.add(name.encode(), validity, 0)

    def ready(self) -> str:
        return " ".join(entry.extrinsic.decode() for entry in self.pool.ready())

    def settle(self, included: str = "", refused: str = "", number: int = 1) -> None:
        self.pool.settle_block(
            [name.encode() for name in included.split()], [name.encode() for name in refused.split()], number, BLOCK
        )

    def statuses(self, name: str) -> list[str]:
        return [str(status) for hash_, status in self.told if hash_ == blake2_256(name.encode())]

    def _note(self, transaction: bytes, status: Status) -> None:
        self.told.append((transaction, status.name))


@pytest.fixture
def world() -> World:
    return World()


def test_higher_priority_goes_first_and_older_first_among_equals(world: World) -> None:
    world.add("a", priority=1)
    world.add("b", priority=5)
    world.add("c", priority=1)
    assert world.ready() == "b a c"


def test_a_required_transaction_precedes_its_dependants_at_any_priority(world: World) -> None:
    world.add("c", requires="b", priority=9)
    world.add("b", requires="a", priority=5)
    world.add("a", priority=1)
    assert world.ready() == "a b c"
    assert world.statuses("c") == ["future", "ready"]


def test_a_transaction_with_an_unknown_requirement_waits_for_a_block_that_provides_it(world: World) -> None:
    world.add("b", requires="a")
    assert world.ready() == ""
    assert not world.pool.has_ready()
    world.add("a")
    world.settle(included="a")
    assert world.ready() == "b"


def test_only_a_higher_priority_replaces(world: World) -> None:
    world.add("first", provides="x", priority=3)
    for priority in (2, 3):
        with pytest.raises(TooLowPriority):
            world.add(f"cheap{priority}", provides="x", priority=priority)
    world.add("dear", provides="x", priority=4)
    assert world.ready() == "dear"
    assert world.statuses("first") == ["ready", "usurped"]


def test_one_that_replaces_two_has_to_be_worth_both(world: World) -> None:
    world.add("a", priority=3)
    world.add("b", priority=3)
    with pytest.raises(TooLowPriority):
        world.add("both", provides="ab", priority=6)
    world.add("both", provides="ab", priority=7)
    assert world.ready() == "both"


def test_dependants_of_a_replaced_one_stay(world: World) -> None:
    world.add("a", provides="x")
    world.add("b", requires="x")
    world.add("c", provides="x", priority=2)
    assert world.ready() == "c b"


def test_the_same_again_is_known_and_a_finished_one_is_banned_for_half_an_hour(world: World) -> None:
    world.add("a")
    with pytest.raises(AlreadyImported):
        world.add("a")
    world.settle(included="a")
    with pytest.raises(TemporarilyBanned):
        world.add("a")
    world.clock.now += 30 * 60 * 1000 + 1
    world.add("a")


def test_a_refused_one_takes_its_dependants_along(world: World) -> None:
    world.add("a")
    world.add("b", requires="a")
    world.add("c", requires="b")
    world.add("other")
    world.settle(refused="a")
    assert world.ready() == "other"
    assert [world.statuses(name)[-1] for name in "abc"] == ["invalid"] * 3


def test_one_that_lived_too_long_is_dropped(world: World) -> None:
    world.add("short", provides="s", longevity=3)
    world.add("long", provides="l", longevity=64)
    world.settle(number=2)
    assert world.ready() == "short long"
    world.settle(number=3)
    assert world.ready() == "long"
    assert world.statuses("short") == ["ready", "invalid"]


def test_a_full_pool_keeps_the_highest_priorities(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "READY_LIMIT", 3)
    monkeypatch.setattr(pool_module, "FUTURE_LIMIT", 2)
    for name, priority in (("a", 1), ("b", 2), ("c", 3)):
        world.add(name, priority=priority)
    with pytest.raises(NoRoom):
        world.add("d", priority=1)
    world.add("e", priority=2)
    assert world.ready() == "c b e"
    assert world.statuses("a") == ["ready", "dropped"]
    for name in "xy":
        world.add(name, requires="z", priority=1)
    with pytest.raises(NoRoom):
        world.add("w", requires="z", priority=1)


def test_a_pool_of_too_many_bytes_takes_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "BYTES_LIMIT", 10)
    world.add("a" * 8, provides="a")
    with pytest.raises(NoRoom):
        world.add("b" * 8, provides="b")


def test_a_full_pool_keeps_the_dependencies_of_a_new_transaction(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "READY_LIMIT", 3)
    monkeypatch.setattr(pool_module, "FUTURE_LIMIT", 2)
    for name, priority in (("a", 1), ("b", 2), ("c", 3)):
        world.add(name, priority=priority)
    world.add("d", requires="a", priority=5)
    assert world.ready() == "c a d"


def test_a_new_transaction_without_room_evicts_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "BYTES_LIMIT", 10)
    world.add("a" * 4, provides="a", priority=1)
    world.add("b" * 4, provides="b", priority=5)
    with pytest.raises(NoRoom):
        world.add("c" * 8, provides="c", priority=2)
    assert world.ready() == "bbbb aaaa"


def test_a_replaced_transaction_may_be_evicted_with_its_dependency(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "BYTES_LIMIT", 10)
    world.add("a" * 4, provides="a", priority=1)
    world.add("b" * 4, requires="a", provides="b", priority=1)
    world.add("c" * 9, provides="b", priority=2)
    assert world.ready() == "c" * 9
    assert world.statuses("bbbb") == ["ready", "dropped"]


def test_a_block_tells_where_its_transactions_stand(world: World) -> None:
    world.add("a")
    world.settle(included="a")
    assert world.statuses("a") == ["ready", "inBlock", "finalized"]


def test_one_that_is_sent_again_lives_anew(world: World) -> None:
    world.add("a", longevity=2)
    world.settle(refused="a", number=1)
    world.clock.now += 30 * 60 * 1000 + 1
    world.add("a", longevity=64)
    world.settle(number=2)
    assert world.ready() == "a"


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
