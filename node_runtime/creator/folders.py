"""Whose is a folder that results are written to? One command's at a time; what comes whole takes its place last."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node_runtime.errors import InputError
from node_runtime.storage.trouble import host_trouble

_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


def check_new(target: Path) -> None:
    """Raises `InputError` unless it is a new or empty folder, `HostError` where that can't be seen."""
    with host_trouble(target.parent):
        if os.path.lexists(target) and (target.is_symlink() or not target.is_dir() or any(target.iterdir())):
            raise _taken(target)


def take_place(made: Path, target: Path) -> None:
    """The folder ``made``, on the same disk, becomes ``target``. Raises `InputError` when another was faster."""
    try:
        made.replace(target)
    except OSError as error:
        if error.errno in _TAKEN:
            raise _taken(target) from None
        raise


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make the folder if need be, and be the only one who writes there: raises `InputError` while another does.

    The kernel lets go of the lock however this process ends. Where folders can't be locked nobody is kept out.
    """
    with host_trouble(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            f"another command is writing to {folder}", remedy="wait until it has ended, or name another folder"
        ) from None
    except OSError:
        return


def _taken(target: Path) -> InputError:
    return InputError(f"{target} is there and not empty", remedy="name a new folder")
