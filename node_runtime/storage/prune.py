"""What is thrown away of a folder that would grow for ever? What is old, and the oldest of what is too much."""

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from node_runtime.storage.removal import remove_tree
from node_runtime.trouble import host_trouble


@dataclass(frozen=True, kw_only=True)
class Bound:
    """How much is kept: what came within ``age`` seconds, of that the newest up to ``size`` bytes."""

    age: float
    size: int


MONTH = Bound(age=30 * 86_400, size=1 << 30)
"""Long enough to be asked about it."""


def prune(folder: Path, bound: Bound) -> int:
    """Remove entries of `folder`, files and trees, beyond `bound`; how many were. The newest one stays, however large.

    Safe while other processes add to the folder or prune it too. Raises `HostError`.
    """
    if not folder.is_dir():
        return 0
    removed, kept = 0, 0
    with host_trouble(folder):
        # the change of its inode tells when it came here: a file that is moved keeps its modification time
        entries = sorted(_entries(folder), reverse=True)
        for number, (since, path) in enumerate(entries):
            kept += _size(path)
            if number and (time.time() - since > bound.age or kept > bound.size):
                remove_tree(path)
                removed += 1
    return removed


def _entries(folder: Path) -> list[tuple[float, Path]]:
    found = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            found.append((path.lstat().st_ctime, path))
    return found


def _size(path: Path) -> int:
    """Bytes on disk, of all that is in it."""
    with suppress(FileNotFoundError):
        own = path.lstat().st_blocks * 512
        inside = (Path(place, name) for place, _, files in os.walk(path) for name in files)
        return own + sum(_size(one) for one in inside)
    return 0
