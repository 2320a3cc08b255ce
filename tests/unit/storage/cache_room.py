"""What do tests of a node's cache stand on? A real store that counts, and short ways to ask."""

import threading
from pathlib import Path

from node_runtime.storage.cache import Cache
from node_runtime.storage.local import LocalStore
from node_runtime.task import Digest

SIZE = 1000  # bytes of each tree


class CountingStore(LocalStore):
    """The real store, that notes what was asked of it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.fetched: list[Digest] = []

    def fetch(self, digest: Digest, target: Path, *, stop: threading.Event | None = None) -> None:
        self.fetched.append(digest)
        super().fetch(digest, target, stop=stop)


def cache_in(tmp_path: Path, limit: int = 1 << 30) -> Cache:
    return Cache(tmp_path / "cache", limit=limit)


def touch(cache: Cache, digest: Digest, store: LocalStore) -> None:
    with cache.pin(digest, fetch=store):
        pass


def is_here(cache: Cache, digest: Digest, store: CountingStore) -> bool:
    before = len(store.fetched)
    touch(cache, digest, store)
    return len(store.fetched) == before
