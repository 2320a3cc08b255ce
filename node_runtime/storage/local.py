"""How does a shared folder keep trees by their digest? One file a tree, that appears whole or not at all.

    <root>/trees/ab/abcd…        a packed tree (see `packed`), 0444, never changed
    <root>/incoming/             what is being written; what a killed process left is swept away
    <root>/quarantine/           what was found to be damaged, kept a while for whoever wants to know why
    <root>/lock                  held while a file takes or leaves its place

Several processes may use the same folder: a tree is written beside, flushed, then renamed to its place. Who reads
needs no lock.
"""

import fcntl
import os
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from node_runtime.errors import AssetMismatch, AssetUnavailable, HostError, StorageError
from node_runtime.storage.manifest import MAX_MANIFEST, TreeTooLarge, check_digest
from node_runtime.storage.packed import contents, pack, packed_size, read_manifest, unpack
from node_runtime.storage.prune import MONTH, prune
from node_runtime.storage.walk import manifest_of
from node_runtime.task import Digest
from node_runtime.trouble import host_trouble

ABANDONED = 3600  # seconds without a write, after which nobody is writing it any more
PATIENCE = 60.0  # seconds to wait for another who moves a file, which takes no time
_LOOK = 0.01  # seconds between looks at that lock
_AT_ONCE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # opening waits for nobody
ONE_ENTRY = 2048  # bytes that a manifest of one entry has at most, its path being the longest


class LocalStore:
    """The port `AssetStore` over a folder. Safe to share between threads and processes."""

    def __init__(self, root: Path) -> None:
        self._trees = root / "trees"
        self._incoming = root / "incoming"
        self._quarantine = root / "quarantine"
        with host_trouble(root):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self._trees, self._incoming, self._quarantine):
                folder.mkdir(exist_ok=True)
            self._sweep()

    @classmethod
    def existing(cls, root: Path) -> "LocalStore":
        """The store that is there. Who only reads must not make one where its name was mistyped: `StorageError`."""
        with host_trouble(root):
            if not (root / "trees").is_dir():
                raise StorageError(f"there is no storage in {root}", remedy="name the folder where the assets are")
        return cls(root)

    def put(self, source: Path, *, stop: threading.Event | None = None) -> Digest:
        """Store a folder or a single regular file. What is there already is not written again.

        Raises `StorageError` for what can't be a tree, also soon after ``stop`` is set, `HostError` when the disk is
        full; then nothing is stored.
        """
        found = manifest_of(source, stop=stop)
        if len(found.encoded) >= MAX_MANIFEST:
            raise TreeTooLarge(f"{source} has too many files", remedy="pack them into fewer files")
        if self.has(found.digest):
            return found.digest
        with host_trouble(self._trees), self._arriving(found.digest) as file:
            for chunk in pack(source, found, stop=stop):
                file.write(chunk)
        return found.digest

    def fetch(
        self, digest: Digest, target: Path, *, stop: threading.Event | None = None, most: int | None = None
    ) -> None:
        """Write the tree to `target`, which must not exist: all of it, verified, or nothing.

        Raises `AssetUnavailable`, also soon after ``stop`` is set, `AssetMismatch` (the damaged copy is put aside, so
        that it can be stored again), `TreeTooLarge` for more than ``most`` files, before the first is written, or
        `HostError` when there is no room for it.
        """
        if os.path.lexists(target):
            raise StorageError(f"{target} is already there", remedy="name a folder that does not exist yet")
        with host_trouble(target.parent), self._opened(digest) as stream:
            found = read_manifest(stream, digest)
            if most is not None and len(found.entries) > most:
                raise TreeTooLarge(
                    f"tree {digest} has {len(found.entries):,} files, more than {most:,}",
                    remedy="leave it alone, or let its owner pack it into fewer files",
                )
            if shutil.disk_usage(target.parent).free < found.size:
                raise HostError(
                    f"tree {digest} has {found.size} bytes, more than are free at {target.parent}",
                    remedy="free disk space there",
                )
            beside = target.parent / f".{target.name}.{secrets.token_hex(8)}"
            try:
                unpack(stream, found, beside, stop=stop or threading.Event())
                beside.rename(target)
            finally:
                shutil.rmtree(beside, ignore_errors=True)

    def has(self, digest: Digest) -> bool:
        """Whether the tree is here, whole as far as its length tells; `fetch` looks at every byte."""
        with host_trouble(self._trees):
            try:
                with _open_stored(self._place(digest)) as stream:
                    return os.fstat(stream.fileno()).st_size == packed_size(read_manifest(stream, digest))
            except (FileNotFoundError, AssetMismatch):
                return False

    def size(self, digest: Digest) -> int:
        """Bytes of its files. Raises `AssetUnavailable` unless it is here whole, `AssetMismatch` for a damaged one."""
        with host_trouble(self._trees), self._opened(digest) as stream:
            found = read_manifest(stream, digest)
            if os.fstat(stream.fileno()).st_size != packed_size(found):
                raise AssetUnavailable(
                    f"tree {digest} in {self._trees.parent} is not as long as its manifest says",
                    remedy="let its owner store it again",
                )
            return found.size

    def read_file(self, digest: Digest, name: str, *, limit: int) -> bytes:
        """The tree's only file, which has that name and at most ``limit`` bytes; nothing larger is looked into.

        Raises `AssetUnavailable`, `AssetMismatch`, or `StorageError` for another tree than that.
        """
        with host_trouble(self._trees), self._opened(digest) as stream:
            if os.fstat(stream.fileno()).st_size > limit + ONE_ENTRY:
                raise TreeTooLarge(f"tree {digest} is larger than {limit} bytes", remedy="store a smaller one")
            found = read_manifest(stream, digest)
            if [entry.path for entry in found.entries] != [name]:
                raise StorageError(f"tree {digest} has no {name}, or more than that", remedy=f"store {name} alone")
            if found.size > limit:
                raise TreeTooLarge(f"tree {digest} is larger than {limit} bytes", remedy="store a smaller one")
            return b"".join(contents(stream, found))

    def uri(self, digest: Digest) -> str:
        check_digest(digest)
        return "cas:"

    def _place(self, digest: Digest) -> Path:
        return self._trees / check_digest(digest)[:2] / digest

    @contextmanager
    def _opened(self, digest: Digest) -> Iterator[BinaryIO]:
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
                with suppress(OSError, HostError), self._moving():  # who only reads may not be able to
                    if os.fstat(stream.fileno()).st_ino == _inode(place):  # not a good copy that came meanwhile
                        self._put_aside(place)
                raise AssetMismatch(f"tree {digest} in {place}: {error.message}", remedy=error.remedy) from error

    @contextmanager
    def _arriving(self, digest: Digest) -> Iterator[BinaryIO]:
        """A file that takes its place when all went well; flushed first, so that a crash can't leave half of it."""
        place = self._place(digest)
        beside = self._incoming / f"{digest}.{secrets.token_hex(8)}"
        try:
            with beside.open("xb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # says that somebody is writing, whatever the clocks say
                yield file
                file.flush()
                os.fchmod(file.fileno(), 0o444)
                os.fsync(file.fileno())
            place.parent.mkdir(exist_ok=True)
            with self._moving():
                if not self.has(digest):  # else another was first, and its copy may be in use by now
                    self._put_aside(place)  # a damaged one makes room
                    beside.rename(place)
            _flush_folder(place.parent)
        finally:
            beside.unlink(missing_ok=True)

    @contextmanager
    def _moving(self) -> Iterator[None]:
        """One thread of one process at a time: what is looked at is still there when it is moved.

        Raises `HostError` where another doesn't let go, e.g. one that was stopped.
        """
        path, give_up = self._trees.parent / "lock", time.monotonic() + PATIENCE
        with path.open("ab") as lock:
            while not _taken(lock):
                if time.monotonic() > give_up:
                    raise HostError(
                        f"another process has held {path} for {PATIENCE:g} s, in which nothing can be stored",
                        remedy=f"see which one it is (`fuser {path}`), and end it if it is stopped; then repeat",
                    )
                time.sleep(_LOOK)
            yield

    def _put_aside(self, place: Path) -> None:
        with suppress(FileNotFoundError):
            place.rename(self._quarantine / f"{place.name}.{secrets.token_hex(4)}")

    def _sweep(self) -> None:
        for left in self._incoming.iterdir():
            with suppress(OSError):  # its writer was done, or who only reads may not be able to
                if time.time() - left.stat().st_mtime > ABANDONED and not _is_written(left):
                    left.unlink()
        with suppress(HostError):
            prune(self._quarantine, MONTH)


def _taken(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open_stored(place: Path) -> BinaryIO:
    """Raises `AssetMismatch` for anything but a file: whoever shares the folder may have put a pipe or a device there.

    Reading those would never end, and with it every node that only looks whether the tree is there.
    """
    descriptor = os.open(place, _AT_ONCE)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise AssetMismatch(f"{place} is not a regular file", remedy="let the tree's owner store it again")
    return os.fdopen(descriptor, "rb")


def _is_written(path: Path) -> bool:
    """Whether a process is still writing the file, e.g. one that was stopped for hours."""
    with os.fdopen(os.open(path, _AT_ONCE), "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


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
