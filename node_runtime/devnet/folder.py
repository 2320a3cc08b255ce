"""Which devnet may use this folder? One at a time: a lock that the system drops when its process ends, however."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node_runtime.errors import HostError

DATABASE = "chain.sqlite"
_LOCK = "devnet.lock"


@contextmanager
def locked_folder(base_path: Path, *, fresh: bool) -> Iterator[Path]:
    """Make and lock the folder; yields the path of the chain's database. ``fresh`` removes a stored chain first.

    Raises `HostError` when another devnet runs there or the folder cannot be written.
    """
    try:
        base_path.mkdir(parents=True, exist_ok=True)
        lock = os.open(base_path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as failure:
        raise HostError(
            f"cannot use {base_path} for the devnet: {failure.strerror}", remedy="choose a folder you may write"
        ) from failure
    try:
        _lock(lock, base_path)
        if fresh:
            for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
                (base_path / name).unlink(missing_ok=True)
        yield base_path / DATABASE
    finally:
        os.close(lock)


def _lock(lock: int, base_path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as taken:
        owner = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
        raise HostError(
            f"another devnet (process {owner}) is running on {base_path}",
            remedy="stop it first, or start this one with another folder",
        ) from taken
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
