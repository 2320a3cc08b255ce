"""The port `AssetStore` in a shared folder: one file per tree, stored atomically.

    <root>/trees/ab/abcd…        a packed tree (see `packed`), 0444, never changed
    <root>/incoming/             writes in progress; those of killed processes are removed
    <root>/live/                 stages and logs of running attempts (see `live_folder`)
    <root>/quarantine/           damaged trees, kept for a month for diagnosis
    <root>/lock                  held while a tree is moved into or out of trees/

Several processes may use the same folder: a tree is written to a temporary file, flushed, then renamed. Readers need no
lock.
"""

import os
import secrets
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from node_runtime.domain.assets import Digest
from node_runtime.errors import AssetMismatch, AssetUnavailable, HostError, StorageError
from node_runtime.platform.files import host_errors
from node_runtime.platform.locks import try_lock, wait_for_lock
from node_runtime.ports.store import StoredFile
from node_runtime.stores.tree.manifest import Manifest, check_digest
from node_runtime.stores.tree.packed import hash_tree, pack, packed_size, read_manifest, stored_files
from node_runtime.stores.tree.reading import check_absent, only_file, too_large, write_tree

from .live_folder import LiveFolder
from .tree.folders import MONTH, prune

LENGTH = 64  # characters of a digest, which is a stored tree's name
ABANDONED = 3600  # seconds without a write, after which a temporary file is abandoned
LOCK_TIMEOUT = 60.0  # seconds to wait for the lock, which is held for a rename only
_CHECK_INTERVAL = 0.01  # seconds between attempts to take the lock
_NONBLOCKING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # opening never blocks
ONE_ENTRY = 2048  # bytes: maximum size of a manifest with one entry


class LocalStore:
    """The port `AssetStore` over a folder. Safe to share between threads and processes."""

    def __init__(self, root: Path) -> None:
        self._trees = root / "trees"
        self._incoming = root / "incoming"
        self._quarantine = root / "quarantine"
        self._live = LiveFolder(root)
        with host_errors(root):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self._trees, self._incoming, self._quarantine):
                folder.mkdir(exist_ok=True)
            self._sweep()

    @classmethod
    def existing(cls, root: Path) -> "LocalStore":
        """Open an existing store, creating nothing. Raises `StorageError` where there is none."""
        with host_errors(root):
            if not (root / "trees").is_dir():
                raise StorageError(f"there is no storage in {root}", remedy="name the folder where the assets are")
        return cls(root)

    def put(self, source: Path, *, stop: threading.Event | None = None) -> Digest:
        """Store a folder or a single regular file. An existing tree is not written again.

        Raises `StorageError` for what can't be a tree, or soon after ``stop`` is set, and `HostError` when the disk is
        full; then nothing is stored.
        """
        tree = hash_tree(source, stop=stop)
        digest = tree.manifest.digest
        if self.has(digest):
            return digest
        with host_errors(self._trees), self._temporary_file(digest) as file:
            for chunk in pack(tree, stop=stop):
                file.write(chunk)
        return digest

    def fetch(
        self, digest: Digest, target: Path, *, stop: threading.Event | None = None, most: int | None = None
    ) -> None:
        """Write the verified tree atomically to `target`, which must not exist.

        Raises `AssetUnavailable`, also soon after ``stop`` is set, `AssetMismatch` (the damaged copy is quarantined, so
        the tree can be stored again), `TreeTooLarge` for more than ``most`` files, before the first is written, or
        `HostError` when the disk has too little space.
        """
        check_absent(target)
        with host_errors(target.parent), self._opened(digest) as stream:
            write_tree(stream, read_manifest(stream, digest), target, most=most, stop=stop)

    def has(self, digest: Digest, *, own: bool = False) -> bool:  # noqa: ARG002
        """Whether the tree is stored with its full length; only `fetch` verifies every byte."""
        with host_errors(self._trees):
            try:
                with _open_stored(self._place(digest)) as stream:
                    return os.fstat(stream.fileno()).st_size == packed_size(read_manifest(stream, digest))
            except (FileNotFoundError, AssetMismatch):
                return False

    def size(self, digest: Digest) -> int:
        """Total bytes of the files. Raises `AssetUnavailable` if missing or truncated, `AssetMismatch` if damaged."""
        return self._manifest(digest).size

    def files(self, digest: Digest) -> tuple[StoredFile, ...]:
        """The files by the manifest. Raises as `size`."""
        return stored_files(self._manifest(digest))

    def digests(self) -> tuple[Digest, ...]:
        """The trees that are stored, sorted."""
        with host_errors(self._trees):
            return tuple(sorted(Digest(one.name) for one in self._trees.glob("??/*") if len(one.name) == LENGTH))

    def remove(self, digest: Digest) -> None:
        """Remove the tree; one that is not stored is success."""
        with host_errors(self._trees), self._exclusive():
            self._place(digest).unlink(missing_ok=True)

    def _manifest(self, digest: Digest) -> Manifest:
        with host_errors(self._trees), self._opened(digest) as stream:
            found = read_manifest(stream, digest)
            if os.fstat(stream.fileno()).st_size != packed_size(found):
                raise AssetUnavailable(
                    f"tree {digest} in {self._trees.parent} is not as long as its manifest says",
                    remedy="let its owner store it again",
                )
            return found

    def read_file(self, digest: Digest, name: str, *, limit: int) -> bytes:
        """Read a tree that consists of the file ``name`` alone, of at most ``limit`` bytes; larger files are not read.

        Raises `AssetUnavailable`, `AssetMismatch`, or `StorageError` for any other tree.
        """
        with host_errors(self._trees), self._opened(digest) as stream:
            if os.fstat(stream.fileno()).st_size > limit + ONE_ENTRY:
                raise too_large(digest, limit)
            return only_file(stream, read_manifest(stream, digest), name, limit=limit)

    def unable(self) -> str | None:
        if not self._trees.is_dir():
            return "its folder isn't there"
        return None if os.access(self._incoming, os.W_OK | os.X_OK) else "its folder can't be written to"

    @property
    def live(self) -> LiveFolder:
        return self._live

    def uri(self, digest: Digest) -> str:
        check_digest(digest)
        return "cas:"

    def _place(self, digest: Digest) -> Path:
        return self._trees / check_digest(digest)[:2] / digest

    @contextmanager
    def _opened(self, digest: Digest) -> Iterator[BufferedReader]:
        place = self._place(digest)
        try:
            stream = _open_stored(place)
        except FileNotFoundError:
            raise AssetUnavailable(
                f"nothing is stored under {digest} in {self._trees.parent}",
                remedy="let its owner store it, or name the storage where it is",
            ) from None
        with stream:
            try:
                yield stream
            except AssetMismatch as error:
                with suppress(OSError, HostError), self._exclusive():  # a reader may lack write permission
                    if os.fstat(stream.fileno()).st_ino == _inode(place):  # not an intact copy stored since
                        self._move_to_quarantine(place)
                raise AssetMismatch(f"tree {digest} in {place}: {error.message}", remedy=error.remedy) from error

    @contextmanager
    def _temporary_file(self, digest: Digest) -> Iterator[BinaryIO]:
        """Yield a temporary file; on success flush it and move it into `trees/`, unless the tree is stored by now."""
        place = self._place(digest)
        beside = self._incoming / f"{digest}.{secrets.token_hex(8)}"
        try:
            with beside.open("xb") as file:
                wait_for_lock(file)  # marks the file as in use, independent of clocks
                yield file
                file.flush()
                os.fchmod(file.fileno(), 0o444)
                os.fsync(file.fileno())
            place.parent.mkdir(exist_ok=True)
            with self._exclusive():
                if not self.has(digest):  # else another process stored it first; its copy may be in use
                    self._move_to_quarantine(place)  # quarantines a damaged copy
                    beside.rename(place)
            _flush_folder(place.parent)
        finally:
            beside.unlink(missing_ok=True)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Hold the store's lock, exclusive among threads and processes: no file moves between check and rename.

        Raises `HostError` after ``LOCK_TIMEOUT``, e.g. when a stopped process holds the lock.
        """
        path, deadline = self._trees.parent / "lock", time.monotonic() + LOCK_TIMEOUT
        with path.open("ab") as lock:
            while not try_lock(lock):
                if time.monotonic() > deadline:
                    raise HostError(
                        f"another process has held {path} for {LOCK_TIMEOUT:g} s, in which nothing can be stored",
                        remedy=f"see which one it is (`fuser {path}`), and end it if it is stopped; then repeat",
                    )
                time.sleep(_CHECK_INTERVAL)
            yield

    def _move_to_quarantine(self, place: Path) -> None:
        with suppress(FileNotFoundError):
            place.rename(self._quarantine / f"{place.name}.{secrets.token_hex(4)}")

    def _sweep(self) -> None:
        for left in self._incoming.iterdir():
            with suppress(OSError):  # its writer finished, or this user lacks write permission
                if time.time() - left.stat().st_mtime > ABANDONED and not _is_written(left):
                    left.unlink()
        with suppress(HostError):
            prune(self._quarantine, MONTH)


def _open_stored(place: Path) -> BufferedReader:
    """Open a stored tree for reading without blocking. Raises `AssetMismatch` for anything but a regular file.

    Other users of the folder may have put a pipe or device there; reading one would block the node forever.
    """
    descriptor = os.open(place, _NONBLOCKING)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise AssetMismatch(f"{place} is not a regular file", remedy="let the tree's owner store it again")
    return os.fdopen(descriptor, "rb")


def _is_written(path: Path) -> bool:
    """Whether a process still writes the file, e.g. one that was stopped for hours."""
    with os.fdopen(os.open(path, _NONBLOCKING), "rb") as file:
        return not try_lock(file, shared=True)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
