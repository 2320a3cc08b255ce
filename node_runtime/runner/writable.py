"""The folders that a stage writes: their quotas, the copy of a bundle in one, and the mount points inside it."""

import os
import stat
from pathlib import Path

from node_runtime.domain.document import MOST_IN_BUNDLE
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.kinds import Keeps, Stage, Writable
from node_runtime.platform.files import host_errors
from node_runtime.ports.engine import Outputs
from node_runtime.stores.tree.folders import copy_writable, room_of
from node_runtime.stores.tree.manifest import TreeTooLarge

_ROOM_FOR_NUMBERS = 1 << 20  # bytes


def quota(writable: Writable, stage: Stage) -> int:
    """Return the folder's quota: outputs, plus a bundle's working copy and its scratch space.

    Raises `TaskFailed` for a bundle with too many files.
    """
    limits = stage.limits
    if writable.keeps is Keeps.NUMBERS:
        return min(limits.outputs, _ROOM_FOR_NUMBERS)
    if writable.copied is None:
        return limits.outputs
    try:
        return limits.outputs + limits.scratch + room_of(writable.copied, entries=MOST_IN_BUNDLE)
    except TreeTooLarge as error:
        raise _unfit(f"the bundle can't be copied: {error.message}") from error


def outputs(writable: Writable, stage: Stage) -> Outputs | None:
    return None if writable.copied is None else Outputs(entry=writable.entry, most=stage.limits.outputs)


def copy_into(folder: Path, writable: Writable, *, without: tuple[str, ...]) -> None:
    """Copy a bundle into the folder, without its output entry, so that only this run's files become outputs.

    Raises `TaskFailed` when the bundle contains one of the mount points in ``without``.
    """
    if writable.copied is None:
        return
    for name in without:
        if os.path.lexists(writable.copied / name):
            raise _unfit(f"the bundle's own {name} is in the way of the task's")
    with host_errors(folder):
        copy_writable(writable.copied, folder, without={writable.entry})
        (folder / writable.entry).mkdir(exist_ok=True)


def _unfit(message: str) -> TaskFailed:
    return TaskFailed(FailureCategory.INPUT_MISMATCH, message, remedy="it is for the task's creator to mend the bundle")


def make_mount_point(point: Path, source: Path) -> None:
    """Create the mount point as this process, not the engine, so that it can be removed before collecting."""
    if point.is_symlink() or point.exists():
        return
    if stat.S_ISDIR(source.stat().st_mode):
        point.mkdir(mode=0o755, parents=True)
    else:
        point.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        point.touch(mode=0o644)
