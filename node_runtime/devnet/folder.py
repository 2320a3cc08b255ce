"""A chain's folder: its lock, and the removal of blocks with timestamps later than this machine's clock.

Blocks made while the clock was ahead delay the chain: timestamps are strictly increasing, so chain time advances by one
millisecond per block until the clock catches up, and no agenda entry falls due.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from node_runtime.devnet.state.store import Store
from node_runtime.domain.units import duration
from node_runtime.errors import HostError, InputError
from node_runtime.platform.locks import try_lock

from .blocks import timestamp

DATABASE = "chain.sqlite"
_LOCK = "devnet.lock"
TOLERATED = 60_000  # ms of difference without a warning


@contextmanager
def locked_folder(base_path: Path, *, fresh: bool) -> Iterator[Path]:
    """Create and lock the folder; yield the path of the chain's database. ``fresh`` removes a stored chain first.

    Raises `HostError` when another devnet holds the lock or the folder is not writable.
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


def has_chain(base_path: Path) -> bool:
    """Return whether a chain is stored in the folder."""
    return (base_path / DATABASE).exists()


def _lock(lock: int, base_path: Path) -> None:
    if not try_lock(lock):
        owner = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
        raise HostError(
            f"another devnet (process {owner}) is running on {base_path}",
            remedy="stop it first, or start this one with another folder",
        )
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def future_warning(store: Store, now: int) -> str | None:
    """Return the warning for a chain whose newest block is later than ``now``, ms since 1970; None without one."""
    newest = timestamp(store.state_at(store.head_number))
    if newest <= now + TOLERATED:
        return None
    return (
        f"its newest block is of {_shown(newest)}, {duration(newest - now)} after this machine's clock: time on chain "
        "passes by a millisecond a block until then, and nothing falls due. If the clock is right, --cut-future drops "
        "the blocks that are later than it, after a copy"
    )


def drop_future_blocks(path: Path, store: Store, now: int) -> str:
    """Back up the store at ``path``, then drop the blocks later than ``now``; return a report.

    Raises `InputError` where the states back to then are discarded, `HostError` where the disk is full.
    """
    if store.head_number < 0 or timestamp(store.state_at(store.head_number)) <= now:
        return "no block is later than this machine's clock: nothing was dropped"
    last = _last_until(store, now)
    copy = path.with_name(f"{path.stem}-before-cut-{datetime.fromtimestamp(now / 1000, UTC):%Y%m%dT%H%M%S}.sqlite")
    _copy(path, copy)
    dropped = store.head_number - last
    store.cut(last)
    several = "s that were" if dropped > 1 else " that was"
    return f"dropped {dropped} block{several} later than this machine's clock; the chain before is in {copy}"


def _last_until(store: Store, now: int) -> int:
    """Return the last block not later than ``now``, by binary search: timestamps ascend."""
    low, high = store.oldest, store.head_number  # invariant: block `high` is later
    if timestamp(store.state_at(low)) > now:
        raise InputError(
            f"the last {high - low} blocks are all later than this machine's clock, and the states before them are not "
            "kept any more",
            remedy="set the clock right if it is behind, or begin anew with --fresh (the stored chain is lost)",
        )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if timestamp(store.state_at(middle)) <= now else (low, middle)
    return low


def _copy(path: Path, copy: Path) -> None:
    if copy.exists():
        raise HostError(f"{copy} is there already", remedy="move it away, then repeat")
    part = copy.with_suffix(".part")
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as target:
            source.backup(target)
        part.replace(copy)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise HostError(
            f"the chain can't be copied to {copy}: {error}",
            remedy=f"see that {path.stat().st_size >> 20} MiB are free there",
        ) from error


def _shown(time: int) -> str:
    return f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%d %H:%M} UTC"
