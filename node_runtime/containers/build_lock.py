"""Who builds an image that several want at once? One of them; the others wait, and find it built."""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from node_runtime.containers.build import stopped
from node_runtime.home import home
from node_runtime.trouble import host_trouble

_LOOK = 0.2  # seconds between looks at a lock that another builder has


@contextmanager
def only_builder(tag: str, stop: threading.Event, *, waiting: Callable[[], None]) -> Iterator[None]:
    """One a tag among this user's nodes and commands: each opens the file for itself.

    ``waiting`` is told when another has it. Raises `TaskFailed` at `stop`, `HostError` where there can be no file.
    """
    path = home() / "locks" / f"build-{tag.rpartition(':')[2]}.lock"
    while True:
        with _opened(path) as lock:
            if not _taken(lock):
                waiting()
                while not _taken(lock):
                    if stop.wait(_LOOK):
                        raise stopped("waiting for another build of the same folder")
            if not _is_still(path, lock):
                continue
            try:
                yield
            finally:
                # while it is held, so that whoever waits for it notices, and makes the next one
                path.unlink(missing_ok=True)
            return


def _opened(path: Path) -> IO[str]:
    with host_trouble(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path.open("w")


def _taken(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still(path: Path, lock: IO[str]) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(lock.fileno()))
    return False
