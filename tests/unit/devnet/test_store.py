"""Stored blocks and states stay intact across restarts, failures and many later blocks."""

import random
from pathlib import Path

import pytest

from node_runtime.devnet.state.state import keys_under
from node_runtime.devnet.state.store import Origin, StateDiscarded, Store, StoredBlock
from node_runtime.errors import HostError

ORIGIN = Origin(wasm="aa", preset="development")


def block(number: int) -> StoredBlock:
    return StoredBlock(
        number=number, hash=number.to_bytes(32, "big"), header=b"h%d" % number, extrinsics=(b"x", b""), code=b"c"
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chain.sqlite"


def test_recent_states_are_readable_and_unchanged(path: Path) -> None:
    store = Store(path, history=60)
    state: dict[bytes, bytes | None] = {}
    states: list[dict[bytes, bytes]] = []
    random_ = random.Random(7)
    for number in range(100):
        changes: dict[bytes, bytes | None] = {
            bytes((random_.randrange(12),)): random_.choice([None, random_.randbytes(4)])
            for _ in range(random_.randrange(6))
        }
        store.append(block(number), changes, origin=None if number else ORIGIN)
        state = {**state, **changes}
        states.append({key: value for key, value in state.items() if value is not None})
    for number in range(40, 100):
        view = store.state_at(number)
        assert {key: view.get(key) for key in keys_under(view, b"")} == states[number]
    newest: dict[bytes, bytes | None] = dict(store.items())
    newest.update(store.replaced_since(70))
    assert {key: value for key, value in newest.items() if value is not None} == states[70]


def test_cached_values_are_updated_by_the_next_block(path: Path) -> None:
    store = Store(path)
    store.append(block(0), {b"changed": b"0", b"removed": b"0"}, origin=ORIGIN)
    keys = (b"changed", b"removed", b"made")
    assert [store.state_at(0).get(key) for key in keys] == [b"0", b"0", None]
    store.append(block(1), {b"changed": b"1", b"removed": None, b"made": b"1"})
    assert [store.state_at(1).get(key) for key in keys] == [b"1", None, b"1"]
    assert [store.state_at(0).get(key) for key in keys] == [b"0", b"0", None]


def test_all_keys_under_a_prefix_come_in_order(path: Path) -> None:
    store = Store(path)
    under = [b"p" + bytes(divmod(number, 256)) for number in range(1000)]
    store.append(block(0), dict.fromkeys([b"a", b"p", b"q", *under], b"0"), origin=ORIGIN)
    store.append(block(1), {b"b": b"1"})
    for number in (0, 1):
        view = store.state_at(number)
        assert list(keys_under(view, b"p")) == [b"p", *under]
        assert list(keys_under(view, b"p", under[300])) == under[301:]
        assert list(keys_under(view, b"p", b"a")) == [b"p", *under]
        assert list(keys_under(view, b"x")) == []


def test_an_old_state_is_refused_while_its_block_is_kept(path: Path) -> None:
    store = Store(path, history=5)
    for number in range(7):
        store.append(block(number), {b"k": b"%d" % number}, origin=None if number else ORIGIN)
    with pytest.raises(StateDiscarded):
        store.state_at(0)
    assert store.block_at(0) == block(0)
    assert store.state_at(1).get(b"k") == b"1"


def test_states_discarded_by_a_shorter_history_stay_discarded_in_a_longer_one(path: Path) -> None:
    store = Store(path, history=5)
    for number in range(9):
        store.append(block(number), {b"k": b"%d" % number}, origin=None if number else ORIGIN)
    store.close()
    again = Store(path, history=100)
    with pytest.raises(StateDiscarded):
        again.state_at(2)
    assert [again.state_at(number).get(b"k") for number in (3, 4, 8)] == [b"3", b"4", b"8"]
    again.append(block(9), {b"k": b"9"})
    assert again.state_at(3).get(b"k") == b"3"


def test_a_block_that_cannot_be_stored_leaves_nothing(path: Path) -> None:
    store = Store(path)
    store.append(block(0), {b"a": b"0"}, origin=ORIGIN)
    twin = StoredBlock(number=1, hash=block(0).hash, header=b"", extrinsics=(), code=b"c")
    with pytest.raises(HostError):
        store.append(twin, {b"a": b"1", b"b": b"1"})
    assert store.head() == block(0)
    assert dict(store.items()) == {b"a": b"0"}


def test_a_reopened_store_has_everything(path: Path) -> None:
    store = Store(path)
    store.append(block(0), {b"a": b"0"}, origin=ORIGIN)
    store.append(block(1), {b"a": None, b"b": b"1"})
    store.close()
    again = Store(path)
    assert (again.head(), again.origin()) == (block(1), ORIGIN)
    assert dict(again.items()) == {b"b": b"1"}
    assert again.state_at(0).get(b"a") == b"0"
    assert again.number_of(block(1).hash) == 1


def test_a_file_other_than_a_database_is_refused_with_a_remedy(path: Path) -> None:
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(HostError, match="--fresh"):
        Store(path)


def test_after_a_cut_to_the_oldest_readable_state_no_older_one_is_read(path: Path) -> None:
    store = Store(path, history=4)
    for number in range(9):
        store.append(block(number), {b"k": b"%d" % number}, origin=None if number else ORIGIN)
    store.cut(store.oldest)
    store.close()
    again = Store(path, history=4)
    assert (again.head_number, again.state_at(4).get(b"k")) == (4, b"4")
    with pytest.raises(StateDiscarded):
        again.state_at(3)
    again.close()
