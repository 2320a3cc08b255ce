"""Helpers for the cache tests: a real store that records its calls, and shorthands."""

import threading
from pathlib import Path

from node_runtime.domain.assets import Digest
from node_runtime.stores.cache import Cache
from node_runtime.stores.local import LocalStore

SIZE = 1000  # bytes of each tree


class CountingStore(LocalStore):
    """A `LocalStore` that records the digests it fetches."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.fetched: list[Digest] = []

    def fetch(
        self, digest: Digest, target: Path, *, stop: threading.Event | None = None, most: int | None = None
    ) -> None:
        self.fetched.append(digest)
        super().fetch(digest, target, stop=stop, most=most)


def cache_in(tmp_path: Path, limit: int = 1 << 30) -> Cache:
    return Cache(tmp_path / "cache", limit=limit)


def touch(cache: Cache, digest: Digest, store: LocalStore) -> None:
    with cache.pin(digest, fetch=store):
        pass


def is_here(cache: Cache, digest: Digest, store: CountingStore) -> bool:
    before = len(store.fetched)
    touch(cache, digest, store)
    return len(store.fetched) == before
