"""Waiting for a lock that another process keeps ends with an error that names the cause."""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node_runtime.domain.assets import Digest
from node_runtime.errors import AssetUnavailable, HostError
from node_runtime.stores import local as local_module
from node_runtime.stores.local import LocalStore
from tests.unit.stores.cache_room import CountingStore, cache_in, is_here


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock, as a stopped process does."""
    with path.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_a_tree_that_another_fetches_is_waited_for_no_longer_than_it_is_wanted(
    tmp_path: Path, store: CountingStore, trees: list[Digest]
) -> None:
    cache, stop = cache_in(tmp_path), threading.Event()
    stop.set()
    with (
        held(tmp_path / "cache" / "locks" / trees[0]),
        pytest.raises(AssetUnavailable, match="is being fetched by another attempt"),
        cache.pin(trees[0], fetch=store, stop=stop),
    ):
        pass
    assert store.fetched == []
    assert not is_here(cache, trees[0], store)


def test_a_storage_that_another_holds_and_does_not_let_go_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_module, "LOCK_TIMEOUT", 0.1)
    (tmp_path / "file").write_text("what is to be stored")
    storage = LocalStore(tmp_path / "storage")
    with held(tmp_path / "storage" / "lock"), pytest.raises(HostError, match="another process has held") as caught:
        storage.put(tmp_path / "file")
    assert "fuser" in caught.value.remedy
    assert storage.has(storage.put(tmp_path / "file"))
