"""A node's cache of fetched trees: one read-only copy each, kept while it is pinned.

    <root>/ (0700)
        trees/<digest>/      the tree: folders 0555, files 0444 or 0555
        incoming/            fetches in progress
        locks/               one file for each digest that is being fetched or removed
        index.db             see `cache_index`

A tree is verified when it is fetched. Each pin compares its fingerprint (see `cache_index`); on a mismatch, or after a
reboot, all bytes are hashed again, and a damaged copy is removed and fetched again.
"""

import os
import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node_runtime.domain.assets import Digest
from node_runtime.errors import AssetUnavailable
from node_runtime.platform.files import host_errors
from node_runtime.platform.locks import try_lock
from node_runtime.ports.store import AssetStore
from node_runtime.stores.tree.manifest import TreeRefused, check_digest
from node_runtime.stores.tree.walk import manifest_of

from .cache_index import CacheIndex, Fingerprint, fingerprint_of, this_process
from .tree.folders import make_read_only, remove_tree

_CHECK_INTERVAL = 0.05  # seconds between attempts to take a lock


class Cache:
    """Safe to share between threads and processes. ``limit`` is in bytes; pinned trees may exceed it."""

    def __init__(self, root: Path, *, limit: int) -> None:
        self._trees = root / "trees"
        self._incoming = root / "incoming"
        self._locks = root / "locks"
        self._limit = limit
        self._process = this_process()
        self._pins: Counter[tuple[Digest, str]] = Counter()
        self._uses: Counter[bool] = Counter()  # by whether the tree had to be fetched
        self._crowded = False
        self._guard = threading.Lock()
        with host_errors(root):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            root.chmod(0o700)  # containers reach the trees through their mounts only
            for folder in (self._trees, self._incoming, self._locks):
                folder.mkdir(exist_ok=True)
            self._index = CacheIndex(root / "index.db")
            self._sweep()

    @contextmanager
    def pin(
        self, digest: Digest, *, fetch: AssetStore, holder: str | None = None, stop: threading.Event | None = None
    ) -> Iterator[Path]:
        """Pin the tree for the duration of the ``with`` and yield its read-only folder; fetch it if it is missing.

        A single file is a folder with that file in it. With a ``holder``, the name of an attempt, the pin outlives a
        killed process until `release`, so the mounts of its containers stay valid. Without one it ends with the
        process. Fetching is cancelled soon after ``stop`` is set. Raises what `AssetStore.fetch` raises.
        """
        check_digest(digest)
        owner = holder or self._process
        known = self._take(digest, owner)
        try:
            yield self._folder(digest, known, fetch, stop)
        finally:
            self._drop(digest, owner)

    def release(self, holder: str) -> None:
        """Remove all pins of that holder, including those of a killed process."""
        self._index.release(holder)

    def holders(self) -> tuple[str, ...]:
        """Holders of pins: the names given to `pin`, and processes."""
        return self._index.holders()

    def holds(self, digest: Digest) -> bool:
        """Whether the index lists the tree; the next `pin` verifies it."""
        return self._index.find(digest) is not None

    def size(self) -> int:
        """Total size of all trees in bytes."""
        return self._index.total()

    @property
    def limit(self) -> int:
        """The size in bytes above which unpinned trees are evicted."""
        return self._limit

    @property
    def hits(self) -> int:
        """How many pins of this process found their tree here."""
        return self._uses[False]

    @property
    def misses(self) -> int:
        """How many pins of this process had to fetch their tree."""
        return self._uses[True]

    def shrink(self, limit: int) -> None:
        """Evict the least recently used unpinned trees until the rest fits into `limit` bytes."""
        for digest in self._index.forget_oldest(limit):
            with self._locked(digest), host_errors(self._trees):
                if self._index.find(digest) is None:  # else another thread fetched it again
                    remove_tree(self._trees / digest)

    def drop(self, digest: Digest) -> None:
        """Remove the tree, pinned or not. Idempotent."""
        with self._locked(check_digest(digest)), host_errors(self._trees):
            self._index.forget(digest)
            remove_tree(self._trees / digest)

    def close(self) -> None:
        self._index.close()

    def _folder(
        self, digest: Digest, known: Fingerprint | None, store: AssetStore, stop: threading.Event | None
    ) -> Path:
        fetched = False
        if not self._matches(digest, known):
            with self._locked(digest, stop):
                fetched = not (self._matches(digest, self._index.find(digest)) or self._content_matches(digest))
                if fetched:
                    self._fetch(digest, store, stop)
            if fetched:
                self._make_room()
        with self._guard:
            self._uses[fetched] += 1
        return self._trees / digest

    def _make_room(self) -> None:
        self.shrink(self._limit)
        self._crowded = self._index.total() > self._limit  # pinned trees exceed it: retried when a pin ends

    def _matches(self, digest: Digest, fingerprint: Fingerprint | None) -> bool:
        with host_errors(folder := self._trees / digest):
            return fingerprint is not None and fingerprint == fingerprint_of(folder)

    def _content_matches(self, digest: Digest) -> bool:
        """Hash all bytes of a copy whose fingerprint differs; remove a damaged one."""
        folder = self._trees / digest
        if not os.path.lexists(folder):
            return False
        with host_errors(folder):
            try:
                if manifest_of(folder).digest == digest:
                    self._record(digest)
                    return True
            except TreeRefused:
                pass  # links or other foreign entries: damaged
            self._index.forget(digest)
            remove_tree(folder)
        return False

    def _fetch(self, digest: Digest, store: AssetStore, stop: threading.Event | None) -> None:
        beside = self._incoming / f"{digest}.{secrets.token_hex(8)}"
        with host_errors(self._trees):
            try:
                store.fetch(digest, beside, stop=stop)
                beside.rename(self._trees / digest)
                self._record(digest)
            finally:
                remove_tree(beside)

    def _record(self, digest: Digest) -> None:
        folder = self._trees / digest
        make_read_only(folder)
        fingerprint = fingerprint_of(folder)
        if fingerprint is not None:
            self._index.record(digest, fingerprint)

    def _take(self, digest: Digest, holder: str) -> Fingerprint | None:
        """Pin the tree and count the pins of one holder, which may pin a tree from several threads."""
        with self._guard:
            known = self._index.pin(digest, holder)
            self._pins[digest, holder] += 1  # after the write: a pin that failed is never dropped
        return known

    def _drop(self, digest: Digest, holder: str) -> None:
        with self._guard:
            self._pins[digest, holder] -= 1
            if self._pins[digest, holder] == 0:
                del self._pins[digest, holder]
                self._index.unpin(digest, holder)
        if self._crowded:
            self._make_room()

    def _sweep(self) -> None:
        """Remove the unfinished fetches of killed processes, and trees that the index doesn't list."""
        for folder in [*self._incoming.iterdir(), *self._trees.iterdir()]:
            # a store may create its own temporary folder beside the target
            digest = Digest(folder.name.lstrip(".").partition(".")[0])
            if self._is_busy(digest):
                continue  # another process is fetching it
            with self._locked(digest), host_errors(folder):
                if folder.parent == self._incoming or self._index.find(digest) is None:
                    remove_tree(folder)

    @contextmanager
    def _locked(self, digest: Digest, stop: threading.Event | None = None) -> Iterator[None]:
        """Hold the tree's lock, exclusive among threads and processes; it ends with the process that holds it.

        Waiting may take as long as a fetch: raises `AssetUnavailable` once ``stop`` is set.
        """
        path = self._locks / digest
        while True:
            with host_errors(path):
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _await_lock(descriptor, digest, stop or threading.Event())
                if not _is_at(descriptor, path):
                    continue  # the previous owner removed the lock file
                try:
                    yield
                finally:
                    with host_errors(path):
                        path.unlink(missing_ok=True)
                return
            finally:
                os.close(descriptor)

    def _is_busy(self, digest: Digest) -> bool:
        try:
            with (self._locks / digest).open("rb") as lock:
                return not try_lock(lock)
        except FileNotFoundError:
            return False


def _await_lock(descriptor: int, digest: Digest, stop: threading.Event) -> None:
    while not try_lock(descriptor):
        if stop.wait(_CHECK_INTERVAL):
            raise AssetUnavailable(
                f"tree {digest} is being fetched by another attempt, and the wait for it was cancelled",
                remedy="repeat it",
            )


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False
