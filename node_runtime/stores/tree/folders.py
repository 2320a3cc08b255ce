"""Trees as folders on disk: writable copies, read-only modes, removal, retention by age and size.

`remove_tree` moves nested folders up to the top level, so stack, open files and path lengths don't grow with the depth.
No process may write to the tree during the removal; another one may remove it concurrently.
"""

import os
import secrets
import shutil
import stat
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from node_runtime.domain.clock import wall_clock
from node_runtime.platform.files import host_errors

from .manifest import TreeTooLarge

BLOCK = 4096  # bytes: the smallest allocation of a file on disk


def room_of(source: Path, *, entries: int) -> int:
    """Estimate the disk space of a copy in bytes: whole blocks, plus half-full folders for the names.

    Raises `TreeTooLarge` for more than ``entries`` files and folders.
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
    """Copy a stored tree into ``target``, created if missing, except the top-level names ``without``. Idempotent.

    Files get mode 0644, or 0755 when executable.
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


def make_read_only(folder: Path) -> None:
    """Set folders to 0555 and files to 0444, or 0555 when executable by their owner. Idempotent."""
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(place, name)
            _set_mode(path, 0o555 if path.lstat().st_mode & stat.S_IXUSR else 0o444)
        _set_mode(Path(place), 0o555)


def _set_mode(path: Path, mode: int) -> None:
    if stat.S_IMODE(path.lstat().st_mode) != mode:
        path.chmod(mode)


def remove_tree(path: Path) -> None:
    """Remove a file, link or folder. Idempotent. Raises `OSError` when it can't be removed."""
    while os.path.lexists(path):
        with suppress(FileNotFoundError):  # removed concurrently: continue with the rest
            _remove(path)


def remove_empty_folders(top: Path) -> None:
    """Remove the folders below `top` in which there are no files. Follows no link."""
    for place, folders, _ in os.walk(top, topdown=False):
        for name in folders:
            with suppress(OSError):  # it isn't empty, or a link
                Path(place, name).rmdir()


def _remove(top: Path) -> None:
    if not _is_folder(top):
        top.unlink()
        return
    top.chmod(0o700)
    while entries := list(top.iterdir()):
        for entry in entries:
            if _is_folder(entry):
                _dissolve(entry, top)
            else:
                entry.unlink()
    top.rmdir()


def _dissolve(folder: Path, top: Path) -> None:
    """Remove one level, moving its folders up to `top`."""
    folder.chmod(0o700)
    for entry in folder.iterdir():
        if _is_folder(entry):
            entry.chmod(0o700)  # renaming a folder needs write permission on it
            entry.rename(top / f".removing-{secrets.token_hex(8)}")
        else:
            entry.unlink()
    folder.rmdir()


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)


@dataclass(frozen=True, kw_only=True)
class Bound:
    """Retention limits: entries younger than ``age`` seconds, the newest first, up to ``size`` bytes."""

    age: float
    size: int


MONTH = Bound(age=30 * 86_400, size=1 << 30)
"""The default: 30 days and 1 GiB."""


def prune(folder: Path, bound: Bound, *, now: int | None = None) -> int:
    """Remove the files and trees in `folder` beyond `bound`; return their number. The newest entry always stays.

    ``now``, in ms since 1970, overrides this machine's clock. Safe while other processes add to or prune the folder.
    Raises `HostError`.
    """
    if not folder.is_dir():
        return 0
    removed, kept = 0, 0
    oldest = (wall_clock() if now is None else now) / 1000 - bound.age
    with host_errors(folder):
        # by ctime: a moved file keeps its modification time
        entries = sorted(_entries(folder), reverse=True)
        for number, (since, path) in enumerate(entries):
            kept += size_on_disk(path)
            if number and (since < oldest or kept > bound.size):
                remove_tree(path)
                removed += 1
    return removed


def _entries(folder: Path) -> list[tuple[float, Path]]:
    found = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            found.append((path.lstat().st_ctime, path))
    return found


def size_on_disk(path: Path) -> int:
    """Allocated bytes of a file, or of a folder with its contents."""
    with suppress(FileNotFoundError):
        own = path.lstat().st_blocks * 512
        inside = (Path(place, name) for place, _, files in os.walk(path) for name in files)
        return own + sum(size_on_disk(one) for one in inside)
    return 0
