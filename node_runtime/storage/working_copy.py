"""How does somebody get to change files that are stored read-only? By a copy of their own; the original stays."""

import os
import shutil
import stat
from collections.abc import Collection
from pathlib import Path


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
