"""Advisory locks on open files and on folders; the kernel releases a lock when its last descriptor closes.

A folder's lock admits one command at a time: others wait or fail with `InputError`. No lock file is left. Where folders
can't be locked, as on some network file systems, the lock has no effect.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from node_runtime.errors import InputError

from .files import host_errors
from .signals import uninterrupted

File = int | IO[Any]
"""A descriptor, or an open file."""


def try_lock(file: File, *, shared: bool = False) -> bool:
    """Try to take the lock; return whether it was taken. Raises `OSError` where files can't be locked."""
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_lock(file: File) -> None:
    """Wait for the lock and take it. Raises `OSError` where files can't be locked."""
    fcntl.flock(file, fcntl.LOCK_EX)


@contextmanager
def try_locked(folder: Path) -> Iterator[None]:
    """Lock the folder, creating it if needed. Raises `InputError` while another command holds the lock."""

    def fail() -> None:
        raise InputError(
            f"another command is writing to {folder}", remedy="wait until it has ended, or name another folder"
        )

    with locked(folder, waiting=fail):
        yield


@contextmanager
def locked(folder: Path, *, waiting: Callable[[], None]) -> Iterator[None]:
    """Lock the folder, creating it if needed; call ``waiting`` before waiting for another command."""
    while True:
        with _opened(folder) as descriptor:
            if not _locked(descriptor):
                waiting()
                with suppress(OSError):
                    wait_for_lock(descriptor)
            if _is_still(folder, descriptor):  # else the previous holder removed the folder
                yield
                return


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = -1
    try:
        with host_errors(folder), uninterrupted():  # a descriptor that a signal kept from `finally` would hold the lock
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        yield descriptor
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _is_still(folder: Path, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(folder.stat(), os.fstat(descriptor))
    return False


def _locked(descriptor: int) -> bool:
    try:
        return try_lock(descriptor)
    except OSError:
        return True
