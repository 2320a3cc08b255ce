"""How is a tree removed that somebody hostile may have made? However deep, unreadable or linked, nothing is followed.

Levels are pulled up one by one, so neither Python's stack nor the number of open files grows with the depth, and
paths never get long. Nothing may write to the tree meanwhile.
"""

import os
import secrets
import stat
from pathlib import Path


def remove_tree(path: Path) -> None:
    """Remove a file, link or folder; what is not there is fine. Raises `OSError` when it can't be removed."""
    try:
        _remove(path)
    except FileNotFoundError:
        return


def _remove(path: Path) -> None:
    if not _is_folder(path.lstat()):
        path.unlink()
        return
    path.chmod(0o700)
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        for name in os.listdir(folder):
            child = folder / name
            if not _is_folder(child.lstat()):
                child.unlink()
                continue
            child.chmod(0o700)  # also needed to move it
            raised = path.with_name(f".removing-{secrets.token_hex(8)}")
            child.rename(raised)
            waiting.append(raised)
        folder.rmdir()


def _is_folder(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode)
