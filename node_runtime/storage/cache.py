"""How does a node keep the trees it has fetched? Each once, read-only, and for as long as somebody holds it.

    <root>/ (0700)
        trees/<digest>/      the tree: folders 0555, files 0444 or 0555
        incoming/            what is being fetched
        locks/               one file for each digest that is being fetched or removed right now
        index.db             see `cache_index`

A tree is verified when it arrives. Each pin compares its seal (see `seal`), and where that doesn't fit, or the machine
was started anew since, all bytes are hashed again; a damaged copy is removed and fetched once more.
"""

import fcntl
import os
import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node_runtime.errors import AssetUnavailable
from node_runtime.ports import AssetStore
from node_runtime.storage.cache_index import CacheIndex, this_process
from node_runtime.storage.manifest import TreeRefused, check_digest
from node_runtime.storage.removal import remove_tree
from node_runtime.storage.seal import make_read_only, seal_of
from node_runtime.storage.walk import manifest_of
from node_runtime.task import Digest
from node_runtime.trouble import host_trouble

_LOOK = 0.05  # seconds between looks at a lock that another has


class Cache:
    """Safe to share between threads and processes. ``limit`` in bytes; trees that are held may exceed it."""

    def __init__(self, root: Path, *, limit: int) -> None:
        self._trees = root / "trees"
        self._incoming = root / "incoming"
        self._locks = root / "locks"
        self._limit = limit
        self._process = this_process()
        self._pins: Counter[tuple[Digest, str]] = Counter()
        self._crowded = False
        self._guard = threading.Lock()
        with host_trouble(root):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            root.chmod(0o700)  # containers reach the trees by their mounts, nobody else at all
            for folder in (self._trees, self._incoming, self._locks):
                folder.mkdir(exist_ok=True)
        self._index = CacheIndex(root / "index.db")
        self._sweep()

    @contextmanager
    def pin(
        self, digest: Digest, *, fetch: AssetStore, holder: str | None = None, stop: threading.Event | None = None
    ) -> Iterator[Path]:
        """The folder of the tree, read-only, that stays until the end of the ``with``; fetched when it isn't here.

        A single file is a folder with that file in it. With a ``holder``, the name of an attempt, the pin outlives a
        process that is killed, until `release`: what its containers have mounted stays. Without, it ends with the
        process. Fetching ends soon after ``stop`` is set. Raises what `AssetStore.fetch` raises.
        """
        check_digest(digest)
        owner = holder or self._process
        self._take(digest, owner)
        try:
            yield self._folder(digest, fetch, stop)
        finally:
            self._drop(digest, owner)

    def release(self, holder: str) -> None:
        """End all pins of that name, also those of a process that was killed."""
        self._index.release(holder)

    def holders(self) -> tuple[str, ...]:
        """Who has pins: names given to `pin`, and processes."""
        return self._index.holders()

    def holds(self, digest: Digest) -> bool:
        """Whether the tree was fetched and not removed since; the next `pin` looks whether it is still good."""
        return self._index.find(digest) is not None

    def size(self) -> int:
        """Bytes of all trees here."""
        return self._index.total()

    def shrink(self, limit: int) -> None:
        """Remove what was used longest ago and nobody holds, until the rest fits into `limit` bytes."""
        for digest in self._index.forget_oldest(limit):
            with self._locked(digest), host_trouble(self._trees):
                if self._index.find(digest) is None:  # else it was fetched again meanwhile
                    remove_tree(self._trees / digest)

    def close(self) -> None:
        self._index.close()

    def _folder(self, digest: Digest, store: AssetStore, stop: threading.Event | None) -> Path:
        if self._fits_its_seal(digest):
            self._index.touch(digest)
            return self._trees / digest
        with self._locked(digest, stop):
            fetched = not (self._fits_its_seal(digest) or self._hashes_well(digest))
            if fetched:
                self._fetch(digest, store, stop)
        if fetched:
            self._make_room()
        return self._trees / digest

    def _make_room(self) -> None:
        self.shrink(self._limit)
        self._crowded = self._index.total() > self._limit  # by trees that are held: tried again when one is let go

    def _fits_its_seal(self, digest: Digest) -> bool:
        seal = self._index.find(digest)
        return seal is not None and seal == seal_of(self._trees / digest)

    def _hashes_well(self, digest: Digest) -> bool:
        """Read a doubtful copy through; a damaged one is removed."""
        folder = self._trees / digest
        if not os.path.lexists(folder):
            return False
        with host_trouble(folder):
            try:
                if manifest_of(folder).digest == digest:
                    self._record(digest)
                    return True
            except TreeRefused:
                pass  # links or the like: not what was put there
            self._index.forget(digest)
            remove_tree(folder)
        return False

    def _fetch(self, digest: Digest, store: AssetStore, stop: threading.Event | None) -> None:
        beside = self._incoming / f"{digest}.{secrets.token_hex(8)}"
        with host_trouble(self._trees):
            try:
                store.fetch(digest, beside, stop=stop)
                beside.rename(self._trees / digest)
                self._record(digest)
            finally:
                remove_tree(beside)

    def _record(self, digest: Digest) -> None:
        folder = self._trees / digest
        make_read_only(folder)
        seal = seal_of(folder)
        if seal is not None:
            self._index.record(digest, seal)

    def _take(self, digest: Digest, holder: str) -> None:
        """One holder may pin a tree several times, from several threads: its first pin and its last count."""
        with self._guard:
            self._index.pin(digest, holder)
            self._pins[digest, holder] += 1  # only then: one that could not be written is not dropped either

    def _drop(self, digest: Digest, holder: str) -> None:
        with self._guard:
            self._pins[digest, holder] -= 1
            if self._pins[digest, holder] == 0:
                del self._pins[digest, holder]
                self._index.unpin(digest, holder)
        if self._crowded:
            self._make_room()

    def _sweep(self) -> None:
        """Remove what a killed process was fetching, and trees the index doesn't know."""
        for folder in [*self._incoming.iterdir(), *self._trees.iterdir()]:
            # a store may fetch into a folder of its own beside the one it was told
            digest = Digest(folder.name.lstrip(".").partition(".")[0])
            if self._is_busy(digest):
                continue  # another process is fetching it
            with self._locked(digest), host_trouble(folder):
                if folder.parent == self._incoming or self._index.find(digest) is None:
                    remove_tree(folder)

    @contextmanager
    def _locked(self, digest: Digest, stop: threading.Event | None = None) -> Iterator[None]:
        """One thread of one process at a time, for this tree. The lock ends with the process that has it.

        Who waits may wait as long as fetching it takes: raises `AssetUnavailable` once ``stop`` is set.
        """
        path = self._locks / digest
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _await_lock(descriptor, digest, stop or threading.Event())
                if not _is_at(descriptor, path):
                    continue  # the owner before removed the file that was waited for
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return
            finally:
                os.close(descriptor)

    def _is_busy(self, digest: Digest) -> bool:
        try:
            with (self._locks / digest).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


def _await_lock(descriptor: int, digest: Digest, stop: threading.Event) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if stop.wait(_LOOK):
                raise AssetUnavailable(
                    f"tree {digest} is being fetched by another attempt, which was waited for until this one's end",
                    remedy="repeat it",
                ) from None


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False
