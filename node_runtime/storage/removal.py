"""How is a tree removed that somebody hostile may have made? However deep, unreadable or linked, nothing is followed.

Levels are pulled up to the top one by one, so neither Python's stack nor the number of open files grows with the depth,
and paths never get long. Nothing may write to the tree meanwhile; somebody else may remove it too.
"""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path


def remove_tree(path: Path) -> None:
    """Remove a file, link or folder; what is not there is fine. Raises `OSError` when it can't be removed."""
    while os.path.lexists(path):
        with suppress(FileNotFoundError):  # somebody else removed a part of it: the rest is left to do
            _remove(path)


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
    """Remove one level; the folders in it move up to `top`."""
    folder.chmod(0o700)
    for entry in folder.iterdir():
        if _is_folder(entry):
            entry.chmod(0o700)  # a folder has to be writable to be moved elsewhere
            entry.rename(top / f".removing-{secrets.token_hex(8)}")
        else:
            entry.unlink()
    folder.rmdir()


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)
