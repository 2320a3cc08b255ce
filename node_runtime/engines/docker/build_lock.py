"""The lock of one build: an image is built once among this user's nodes and commands."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from node_runtime.platform.files import host_errors
from node_runtime.platform.locks import try_lock
from node_runtime.platform.paths import home

from .build import stopped

_CHECK_INTERVAL = 0.2  # seconds between attempts to take the lock


@contextmanager
def only_builder(tag: str, stop: threading.Event, *, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the build lock of a tag, exclusive among this user's nodes and commands.

    Calls ``waiting`` when another has it. Raises `TaskFailed` at `stop`, `HostError` where the file can't be created.
    """
    path = home() / "locks" / f"build-{tag.rpartition(':')[2]}.lock"
    while True:
        with _opened(path) as lock:
            if not try_lock(lock):
                waiting()
                while not try_lock(lock):
                    if stop.wait(_CHECK_INTERVAL):
                        raise stopped("waiting for another build of the same folder")
            if not _is_still(path, lock):
                continue
            try:
                yield
            finally:
                # removed while held: waiters notice and create a new one
                path.unlink(missing_ok=True)
            return


def _opened(path: Path) -> IO[str]:
    with host_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path.open("w")


def _is_still(path: Path, lock: IO[str]) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(lock.fileno()))
    return False
