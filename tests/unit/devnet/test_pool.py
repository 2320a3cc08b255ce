"""The pool orders, replaces, limits and drops transactions as Substrate's pool does."""

import pytest

from node_runtime.devnet import pool as pool_module
from node_runtime.devnet.pool import (
    AlreadyImported,
    NoRoom,
    TemporarilyBanned,
    TooLowPriority,
)
from tests.unit.devnet.pool_world import World


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
