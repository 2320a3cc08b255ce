"""Who may work in a folder just now? One command at a time: another waits for its turn, or is told.

The kernel lets go of a folder's lock however its process ends, and nothing is left in the folder. Where folders can't
be locked, as on some network disks, nobody is kept out.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from node_runtime.errors import InputError
from node_runtime.trouble import host_trouble


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make the folder if need be. Raises `InputError` while another command is in it."""

    def told() -> None:
        raise InputError(
            f"another command is writing to {folder}", remedy="wait until it has ended, or name another folder"
        )

    with in_turn(folder, waiting=told):
        yield


@contextmanager
def in_turn(folder: Path, *, waiting: Callable[[], None]) -> Iterator[None]:
    """Make the folder if need be, and wait until nobody else is in it; ``waiting`` is told when that takes time."""
    while True:
        with _opened(folder) as descriptor:
            if not _locked(descriptor):
                waiting()
                with suppress(OSError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_still(folder, descriptor):  # else who was in it removed it at its end
                yield
                return


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    with host_trouble(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_still(folder: Path, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(folder.stat(), os.fstat(descriptor))
    return False


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
