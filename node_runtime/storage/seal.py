"""Has a folder been touched since its bytes were verified? Told from sizes and times alone, without reading a file.

A seal that still fits means: the same files, with the same inodes, modes, sizes and times of change. The kernel moves
the time of change (ctime) forward with every write, chmod or link, and nobody can set it back. Only a power cut or bad
memory goes unnoticed, so a seal is trusted no longer than until the next boot.
"""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, kw_only=True)
class Seal:
    """``bytes`` is what the files hold together, ``print`` a hash over their names and status, ``boot`` names when."""

    bytes: int
    print: str
    boot: str


def seal_of(folder: Path) -> Seal | None:
    """The folder's seal now; None when there is no such folder."""
    found = hashlib.blake2b(digest_size=32)
    total = 0
    waiting = [str(folder)]
    try:
        while waiting:
            with os.scandir(waiting.pop()) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                line = (
                    entry.path,
                    status.st_ino,
                    status.st_mode,
                    status.st_size,
                    status.st_mtime_ns,
                    status.st_ctime_ns,
                )
                found.update(repr(line).encode())
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(entry.path)
                else:
                    total += status.st_size
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Seal(bytes=total, print=found.hexdigest(), boot=_boot())


def make_read_only(folder: Path) -> None:
    """Folders 0555, files 0444, or 0555 when their owner may execute them. May be repeated."""
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(place, name)
            _set_mode(path, 0o555 if path.lstat().st_mode & stat.S_IXUSR else 0o444)
        _set_mode(Path(place), 0o555)


def _set_mode(path: Path, mode: int) -> None:
    if stat.S_IMODE(path.lstat().st_mode) != mode:
        path.chmod(mode)


def _boot() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"{psutil.boot_time():.0f}"
