"""How does somebody get to change files that are stored read-only? By a copy of their own; the original stays."""

import os
import shutil
import stat
from collections.abc import Collection
from pathlib import Path

from node_runtime.storage.manifest import TreeTooLarge

BLOCK = 4096  # bytes that the smallest file takes on a disk


def room_of(source: Path, *, entries: int) -> int:
    """Bytes that a copy of a stored tree takes on a disk: whole blocks, and every name, in folders half full.

    Raises `TreeTooLarge` for more files and folders than ``entries``.
    """
    room = found = 0
    for place, folders, files in os.walk(source):
        found += len(folders) + len(files)
        if found > entries:
            raise TreeTooLarge(f"it has more than {entries:,} files and folders", remedy="pack them into fewer files")
        names = sum(len(os.fsencode(name)) + 12 for name in (*folders, *files))
        sizes = (Path(place, name).stat().st_size for name in files)
        room += _in_blocks(2 * names) + BLOCK + sum(_in_blocks(size) for size in sizes)
    return room


def _in_blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def copy_writable(source: Path, target: Path, *, without: Collection[str] = ()) -> None:
    """Copy a stored tree into the folder ``target``, made if missing, leaving out names at its top. May be repeated.

    Files are 0644, or 0755 when they may be executed, whatever the original's are.
    """
    for place, folders, files in os.walk(source):
        here = Path(place)
        if here == source:
            folders[:] = [name for name in folders if name not in without]
            files = [name for name in files if name not in without]
        there = target / here.relative_to(source)
        there.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name in files:
            executable = (here / name).stat().st_mode & stat.S_IXUSR
            shutil.copyfile(here / name, there / name)
            (there / name).chmod(0o755 if executable else 0o644)
