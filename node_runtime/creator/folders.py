"""Where do results that come whole take their place? In a new or empty folder, and only there."""

import errno
import os
from pathlib import Path

from node_runtime.errors import InputError
from node_runtime.trouble import host_trouble

_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


def check_new(target: Path) -> None:
    """Raises `InputError` unless it is a new or empty folder, `HostError` where that can't be seen."""
    with host_trouble(target.parent):
        if os.path.lexists(target) and (target.is_symlink() or not target.is_dir() or any(target.iterdir())):
            raise _taken(target)


def take_place(made: Path, target: Path) -> None:
    """The folder ``made``, on the same disk, becomes ``target``. Raises `InputError` when another was faster."""
    try:
        made.replace(target)
    except OSError as error:
        if error.errno in _TAKEN:
            raise _taken(target) from None
        raise


def _taken(target: Path) -> InputError:
    return InputError(f"{target} is there and not empty", remedy="name a new folder")
