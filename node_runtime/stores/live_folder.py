"""The live area of a store in a shared folder: one file per object, ``<root>/live/<worker>/<task>-<epoch>/<number>``.

Others may write into the folder: no link is followed, opening never blocks, reads are bounded, and whatever can be no
object is skipped. Files are replaced atomically, by way of the store's ``incoming/``.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from node_runtime.domain.live import MOST_BYTES, ChunkName, check_live_name, check_live_prefix, check_live_size
from node_runtime.platform.files import host_errors

MOST_LISTED = 10_000  # entries of one folder that are looked at
_TRIES = 20  # another process may remove an empty folder between its creation and its use
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_UNUSABLE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.ENXIO, errno.ENODEV, errno.EISDIR)


class LiveFolder:
    """The port `LiveArea` over a store's folder ``root``, whose ``incoming/`` exists."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, content: bytes) -> None:
        check_live_size(check_live_name(name), content)
        part = f"live.{secrets.token_hex(8)}"
        with host_errors(self._root), self._opened(("incoming",)) as incoming:
            with os.fdopen(os.open(part, _WRITE, 0o666, dir_fd=incoming), "wb") as file:
                file.write(content)
            try:
                self._move(part, incoming, name)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(part, dir_fd=incoming)

    def list(self, prefix: str) -> tuple[str, ...]:
        check_live_prefix(prefix)
        parts = tuple(prefix.rstrip("/").split("/"))
        with host_errors(self._root):
            return tuple(sorted(name for name in self._below(parts) if ChunkName.parse(name) is not None))

    def read(self, name: str) -> bytes | None:
        *folders, file = check_live_name(name).split("/")
        with host_errors(self._root):
            try:
                with self._opened(folders) as folder:
                    return _read(os.open(file, _READ, dir_fd=folder))
            except OSError as error:
                if error.errno in _UNUSABLE:
                    return None
                raise

    def delete(self, name: str) -> None:
        *folders, file = check_live_name(name).split("/")
        with host_errors(self._root):
            try:
                with self._opened(folders) as folder:
                    os.unlink(file, dir_fd=folder)
            except FileNotFoundError:
                pass
            for depth in (3, 2):  # folders of an attempt and of a worker
                with suppress(OSError), self._opened(folders[: depth - 1]) as parent:
                    os.rmdir(folders[depth - 1], dir_fd=parent)

    def _move(self, part: str, incoming: int, name: str) -> None:
        *folders, file = name.split("/")
        for left in reversed(range(_TRIES)):
            try:
                with self._opened(folders, create=True) as folder:
                    os.rename(part, file, src_dir_fd=incoming, dst_dir_fd=folder)
                return
            except FileNotFoundError:
                if not left:
                    raise

    def _below(self, parts: tuple[str, ...]) -> Iterator[str]:
        """Yield the names of regular files below the folder ``parts``, at the depth of an object's name."""
        entries = []
        try:
            with self._opened(parts) as folder, os.scandir(folder) as found:
                for entry in islice(found, MOST_LISTED):
                    wanted = entry.is_file if len(parts) == 3 else entry.is_dir
                    if wanted(follow_symlinks=False):
                        entries.append(entry.name)
        except OSError as error:
            if error.errno not in _UNUSABLE:
                raise
        for name in entries:
            if len(parts) == 3:
                yield "/".join((*parts, name))
            else:
                yield from self._below((*parts, name))

    @contextmanager
    def _opened(self, folders: Sequence[str], *, create: bool = False) -> Iterator[int]:
        """Open the folder below the root, following no link below it; ``create`` the missing ones."""
        descriptor = os.open(self._root, _FOLDER & ~os.O_NOFOLLOW)
        try:
            for name in folders:
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(name, dir_fd=descriptor)
                inner = os.open(name, _FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)


def _read(descriptor: int) -> bytes | None:
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        content = file.read(MOST_BYTES + 1)
        return content if len(content) <= MOST_BYTES else None
