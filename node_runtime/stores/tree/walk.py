"""A safe walk over an untrusted folder: follows no links, limits bytes, entries and depth.

The folder may be a container's output, so it is read through descriptors relative to the parent folder (``openat`` with
``O_NOFOLLOW``): a name that is swapped for a link between stat and open is refused, never followed.
"""

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from node_runtime.domain.units import size
from node_runtime.errors import HostError, StorageError

from .manifest import (
    MAX_DEPTH,
    MAX_ENTRIES,
    Entry,
    Manifest,
    TreeMissing,
    TreeRefused,
    TreeTooLarge,
    check_path,
    empty_folder,
    manifest,
    shown,
)

CHUNK = 1 << 20  # bytes read at once

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TRUSTED_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# errors that the folder's contents can cause: no read permission, a link swapped in after stat
_THEIRS = (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.ENAMETOOLONG)
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True, kw_only=True)
class Caps:
    """Limits of a tree. ``bytes`` counts apparent sizes, including holes."""

    bytes: int = 1 << 62
    entries: int = MAX_ENTRIES
    depth: int = MAX_DEPTH

    def with_bytes(self, amount: int) -> "Caps":
        return replace(self, bytes=amount)


ANY = Caps()
FOUND_AFTER_RUN = Caps(entries=100_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenFile:
    """A regular file of a tree, open until the walk moves on. ``path`` is relative to the tree."""

    path: str
    place: str  # for messages
    descriptor: int
    status: os.stat_result
    stop: threading.Event | None

    @property
    def executable(self) -> bool:
        return bool(self.status.st_mode & stat.S_IXUSR)

    @property
    def size(self) -> int:
        return self.status.st_size

    def chunks(self) -> Iterator[memoryview]:
        """Yield the contents; each chunk is valid until the next.

        Raises `TreeRefused` when the file changes during the read, `StorageError` once the walk's ``stop`` is set.
        """
        buffer = memoryview(bytearray(min(CHUNK, self.size + 1)))
        left = self.size
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        while (count := self._read_into(buffer)) > 0:
            _check_wanted(self.stop)
            left -= count
            if left < 0:
                break
            yield buffer[:count]
        after = os.fstat(self.descriptor)
        before = self.status
        if left or (before.st_mtime_ns, before.st_ctime_ns) != (after.st_mtime_ns, after.st_ctime_ns):
            raise TreeRefused(f"{self.place} changed while it was read", remedy="try again when nothing writes to it")

    def _read_into(self, buffer: memoryview) -> int:
        with _reading(self.place):
            return os.readv(self.descriptor, [buffer])

    def entry(self) -> Entry:
        """Hash the contents and return the manifest entry."""
        sha256 = hashlib.sha256()
        for chunk in self.chunks():
            sha256.update(chunk)
        return Entry(path=self.path, executable=self.executable, size=self.size, sha256=sha256.hexdigest())


@dataclass(frozen=True, kw_only=True, slots=True)
class EmptyFolder:
    """A folder with nothing in it. ``path`` is relative to the tree."""

    path: str

    def entry(self) -> Entry:
        return empty_folder(self.path)


def manifest_of(source: Path, *, caps: Caps = ANY, stop: threading.Event | None = None) -> Manifest:
    """Compute the manifest of a folder or a single file. Raises what `tree_entries` raises."""
    return manifest([found.entry() for found in tree_entries(source, caps=caps, stop=stop)])


def tree_files(source: Path, *, caps: Caps = ANY, stop: threading.Event | None = None) -> Iterator[OpenFile]:
    """Yield the files among the `tree_entries`, in manifest order."""
    return (found for found in tree_entries(source, caps=caps, stop=stop) if isinstance(found, OpenFile))


def tree_entries(
    source: Path, *, caps: Caps = ANY, stop: threading.Event | None = None
) -> Iterator[OpenFile | EmptyFolder]:
    """Yield every file and empty folder in a folder, or the single file; files are in manifest order.

    A folder that is empty itself has no entries.

    Raises `TreeMissing`, `TreeTooLarge`, or `TreeRefused` for links, devices, sockets, pipes, invalid names, and hard
    links to files outside the tree; `StorageError` soon after ``stop`` is set.
    """
    source = source.absolute()
    walk = _Walk(root=source, caps=caps, stop=stop)
    with (
        _reading(shown(str(source))),
        _opened(source.parent, _TRUSTED_FOLDER, None) as parent,
    ):
        found = os.stat(source.name, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            yield from walk.folder(parent, source.name, prefix="", depth=0)
        else:
            yield from walk.file(parent, source.name, path=source.name)
    walk.check_links()


@dataclass(kw_only=True)
class _Walk:
    """One pass over a tree, with its counters."""

    root: Path
    caps: Caps
    stop: threading.Event | None
    bytes: int = 0
    entries: int = 0
    links: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    link_counts: dict[tuple[int, int], int] = field(default_factory=dict)

    def folder(self, parent: int, name: str, *, prefix: str, depth: int) -> Iterator[OpenFile | EmptyFolder]:
        if depth >= self.caps.depth:
            raise TreeTooLarge(
                f"{self._place(prefix)} is deeper than {self.caps.depth} folders", remedy="use fewer folders"
            )
        with _reading(self._place(prefix)), _opened(name, _FOLDER, parent) as folder:
            names = self._names(folder, prefix)
            if prefix and not names:
                yield EmptyFolder(path=prefix.removesuffix("/"))
            for child, is_folder in names:
                path = prefix + child
                check_path(path)
                if is_folder:
                    yield from self.folder(folder, child, prefix=path + "/", depth=depth + 1)
                else:
                    yield from self.file(folder, child, path=path)

    def file(self, folder: int, name: str, *, path: str) -> Iterator[OpenFile]:
        _check_wanted(self.stop)
        check_path(path)
        place = self._place(path)
        with _reading(place):
            seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(seen.st_mode):
            # opening a device or pipe can have side effects: check the type first
            raise TreeRefused(
                f"{place} is a {file_type(seen.st_mode)}", remedy="only regular files and folders are kept"
            )
        with _reading(place), _opened(name, _FILE, folder) as descriptor:
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) != (seen.st_dev, seen.st_ino):
                raise TreeRefused(f"{place} was replaced while it was read", remedy="try again when nothing writes")
            self._count(status, path)
            yield OpenFile(path=path, place=place, descriptor=descriptor, status=status, stop=self.stop)

    def check_links(self) -> None:
        for identity, paths in self.links.items():
            if self.link_counts[identity] != len(paths):
                raise TreeRefused(
                    f"{self._place(paths[0])} is hard-linked to a file elsewhere", remedy="put a copy there instead"
                )

    def _names(self, folder: int, prefix: str) -> list[tuple[str, bool]]:
        """List the names in manifest order, where a folder sorts with its slash. Checks the limit while listing."""
        names: list[tuple[str, bool]] = []
        with os.scandir(folder) as found:
            for entry in found:
                self.entries += 1
                if self.entries > self.caps.entries:
                    raise TreeTooLarge(
                        f"{self._place(prefix)}: more than {self.caps.entries} files and folders",
                        remedy="pack them into fewer files",
                    )
                names.append((entry.name, entry.is_dir(follow_symlinks=False)))
        return sorted(names, key=lambda one: os.fsencode(one[0]) + (b"/" if one[1] else b""))

    def _count(self, status: os.stat_result, path: str) -> None:
        self.bytes += status.st_size
        if self.bytes > self.caps.bytes:
            raise TreeTooLarge(
                f"{self._place(path)}: the files claim more than {size(self.caps.bytes)} together",
                remedy="write less, or let the creator raise the task's limits.outputs",
            )
        if status.st_nlink > 1:
            identity = (status.st_dev, status.st_ino)
            self.links.setdefault(identity, []).append(path)
            self.link_counts[identity] = status.st_nlink

    def _place(self, path: str) -> str:
        return shown(f"{self.root.name}/{path}" if path != self.root.name else path)


def _check_wanted(stop: threading.Event | None) -> None:
    if stop is not None and stop.is_set():
        raise StorageError("reading was cancelled on request", remedy="repeat it")


@contextmanager
def _opened(name: str | Path, flags: int, folder: int | None) -> Iterator[int]:
    descriptor = os.open(name, flags, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _reading(place: str) -> Iterator[None]:
    """Convert `OSError` of the walk's own reads to `StorageError` or `HostError` with the place."""
    try:
        yield
    except FileNotFoundError as error:
        raise TreeMissing(f"{place} is not there", remedy="check the path") from error
    except OSError as error:
        if error.errno in _THEIRS:
            remedy = "make it readable for this user"
            raise TreeRefused(f"{place} can't be read: {error.strerror}", remedy=remedy) from error
        raise HostError(f"{place} can't be read: {error.strerror}", remedy="check the disk and its limits") from error


def file_type(mode: int) -> str:
    kinds = {stat.S_IFLNK: "symbolic link", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
    return kinds.get(stat.S_IFMT(mode), "device")
