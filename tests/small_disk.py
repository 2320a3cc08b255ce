"""Real disks that are full or read-only: small tmpfs mounts, which need root."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE = 4096


@contextmanager
def mounted(folder: Path, *, pages: int = 16, read_only: bool = False) -> Iterator[Path]:
    """Mount a disk with room for ``pages``, the folders' own included, at ``folder``."""
    folder.mkdir()
    options = f"size={pages * PAGE}{',ro' if read_only else ''}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> None:
    """Take all of its room with one file."""
    with (disk / "all").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(PAGE)):
                pass
        except OSError:
            return
