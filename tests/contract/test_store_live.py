"""The contract of a store's live area, and what others may put into that of a shared folder."""

import os
import threading
from functools import partial
from pathlib import Path

import pytest

from node_runtime.domain.assets import Account
from node_runtime.domain.live import MOST_BYTES, ChunkName, live_prefix
from node_runtime.domain.task import TaskId
from node_runtime.errors import HostError, StorageError
from node_runtime.ports.store import LiveArea
from node_runtime.stores.local import LocalStore
from tests.background import all_at_once
from tests.contract.stores import ADAPTERS, new_store

BOB = Account("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")
EVE = Account("5HGjWAeFDfFCWPsjFQdVV2Msvz2XtMktvgocEZcCj68kUMaw")


@pytest.fixture(params=ADAPTERS)
def live(request: pytest.FixtureRequest, tmp_path: Path) -> LiveArea:
    return new_store(request.param, tmp_path / "store", request).live


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """The folder of an attempt with one object, in a shared store."""
    LocalStore(tmp_path / "store").live.put(name(0), b"first")
    return tmp_path / "store" / live_prefix(BOB, TaskId(7), 1)


def name(number: int, *, worker: Account = BOB, task: int = 7, epoch: int = 1) -> str:
    return str(ChunkName(worker=worker, task=TaskId(task), epoch=epoch, number=number))


def test_an_object_comes_back_as_it_was_put_and_a_later_one_replaces_it(live: LiveArea) -> None:
    live.put(name(0), b"first")
    assert live.read(name(0)) == b"first"
    live.put(name(0), b"longer")
    assert live.read(name(0)) == b"longer"


def test_names_are_listed_by_worker_and_by_attempt(live: LiveArea) -> None:
    others = [name(0, worker=EVE), name(0, task=70), name(0, epoch=12)]
    for each in (*others, name(0), name(10), name(2)):
        live.put(each, b"x")
    assert live.list(live_prefix(BOB, TaskId(7), 1)) == (name(0), name(10), name(2))
    assert live.list(live_prefix(EVE)) == (name(0, worker=EVE),)
    assert len(live.list("live/")) == 6


def test_nothing_is_there_before_and_after(live: LiveArea) -> None:
    assert live.list("live/") == ()
    assert live.read(name(0)) is None
    live.delete(name(0))
    live.put(name(0), b"x")
    live.delete(name(0))
    live.delete(name(0))
    assert live.read(name(0)) is None
    assert live.list(live_prefix(BOB)) == ()


def test_the_largest_object_is_kept_and_a_larger_one_refused(live: LiveArea) -> None:
    live.put(name(0), b"x" * MOST_BYTES)
    assert live.read(name(0)) == b"x" * MOST_BYTES
    with pytest.raises(StorageError, match="more than 65536"):
        live.put(name(0), b"x" * (MOST_BYTES + 1))


@pytest.mark.parametrize(
    "odd",
    ["", "live/", "live/../x/1-1/0", f"live/{BOB}/1-1/../0", f"live/{BOB}/1-1/00", f"/live/{BOB}/1-1/0", "trees/ab/c"],
)
def test_other_names_are_refused(live: LiveArea, odd: str) -> None:
    for call in (live.read, live.delete, partial(live.put, content=b"x")):
        with pytest.raises(StorageError, match="is no name of the live area"):
            call(odd)


@pytest.mark.parametrize("odd", ["", "trees/", f"live/{BOB}", f"live/{BOB}/../", f"live/{BOB}/1-1/0", "live/*/"])
def test_other_prefixes_are_refused(live: LiveArea, odd: str) -> None:
    with pytest.raises(StorageError, match="is no prefix of the live area"):
        live.list(odd)


def test_attempts_of_one_worker_come_and_go_at_the_same_time(live: LiveArea) -> None:
    def once(task: int) -> bool:
        for _ in range(20):
            live.put(name(0, task=task), b"x")
            live.delete(name(0, task=task))
        return True

    assert all(all_at_once(partial(once, task) for task in range(4)))
    assert live.list("live/") == ()


def test_an_empty_area_leaves_no_folder_of_a_worker(shared: Path, tmp_path: Path) -> None:
    LocalStore(tmp_path / "store").live.delete(name(0))
    assert not shared.parent.exists()


@pytest.mark.parametrize("kind", ["pipe", "link", "device", "folder", "large"])
def test_what_others_put_there_is_skipped(shared: Path, tmp_path: Path, kind: str) -> None:
    store, place = LocalStore(tmp_path / "store"), shared / "1"
    match kind:
        case "pipe":
            os.mkfifo(place)
        case "link":
            place.symlink_to(shared / "0")
        case "device":
            place.symlink_to("/dev/zero")
        case "folder":
            place.mkdir()
        case _:
            place.write_bytes(b"x" * (MOST_BYTES + 1))
    assert store.live.read(name(1)) is None
    listed = (name(0), name(1)) if kind == "large" else (name(0),)
    assert store.live.list(live_prefix(BOB, TaskId(7), 1)) == listed


@pytest.mark.parametrize("depth", [0, 1, 2], ids=["area", "worker", "attempt"])
def test_links_in_place_of_folders_are_not_followed(shared: Path, tmp_path: Path, depth: int) -> None:
    store, place = LocalStore(tmp_path / "store"), (shared.parent.parent, shared.parent, shared)[depth]
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert store.live.read(name(0)) is None
    assert store.live.list("live/") == ()
    with pytest.raises(HostError):
        store.live.put(name(1), b"x")
    with pytest.raises(HostError):
        store.live.delete(name(0))
    assert [path.read_bytes() for path in (tmp_path / "elsewhere").rglob("0")] == [b"first"]


def test_a_reader_sees_the_old_or_the_new_object(tmp_path: Path) -> None:
    live, over = LocalStore(tmp_path / "store").live, threading.Event()
    old, new = b"o" * MOST_BYTES, b"n" * MOST_BYTES
    live.put(name(0), old)

    def write() -> set[bytes | None]:
        for content in (new, old) * 50:
            live.put(name(0), content)
        over.set()
        return set()

    def read() -> set[bytes | None]:
        seen = {live.read(name(0))}
        while not over.is_set():
            seen.add(live.read(name(0)))
        return seen

    _, seen = all_at_once([write, read])
    assert seen <= {old, new}
