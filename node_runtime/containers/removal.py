"""How does a folder go in which something may be mounted, or which a container closed to others?"""

import os
from pathlib import Path

import psutil

from node_runtime.containers.tools import need_tool, run_tool, tool_failed


def remove_folder(folder: Path) -> None:
    """The folder and what is in it are gone. May be repeated. Raises `HostError`, e.g. when something is mounted in it.

    With `rm`, which copes with trees of any depth.
    """
    remove = ["rm", "-rf", "--one-file-system", "--", str(folder)]
    if run_tool(remove).returncode != 0:
        run_tool(["chmod", "-R", "u+rwX", "--", str(folder)])
        need_tool(remove, f"folder {folder}")


def unmount(folder: Path) -> None:
    """What is mounted there isn't any more. Lazily: who still looks into it may do so, but nobody finds it any more."""
    while folder.is_mount():
        ended = run_tool(["umount", "--lazy", str(folder)])
        if ended.returncode != 0 and folder.is_mount():  # else somebody else was faster
            raise tool_failed(ended, f"unmounting {folder}")


def unmount_below(folder: Path) -> None:
    """As far as this user may, nothing is mounted on the folder or below it any more."""
    inside = os.fspath(folder.resolve())
    points = [part.mountpoint for part in psutil.disk_partitions(all=True)]
    for point in sorted(points, key=len, reverse=True):  # inner ones first
        if point == inside or point.startswith(f"{inside}/"):
            run_tool(["umount", "--lazy", point])
