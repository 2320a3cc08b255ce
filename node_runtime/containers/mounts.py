"""What is mounted where inside a container? A place for every mount, even in read-only folders.

A mount needs a place to lie on. The engine makes missing ones on the container's root and in writable folders; in a
read-only folder it cannot, so such a folder is shown as an empty one with the folder's entries mounted into it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from node_runtime.ports import Mount


@dataclass(frozen=True, kw_only=True)
class Arranged:
    """``frames`` are the paths of the empty read-only folders that hold other mounts."""

    frames: tuple[str, ...]
    mounts: tuple[Mount, ...]


def arranged(mounts: Sequence[Mount]) -> Arranged:
    """Outer mounts before what lies in them, as the engine makes them in their order."""
    frames: list[str] = []
    placed: list[Mount] = []
    for mount in sorted(mounts, key=lambda one: PurePosixPath(one.target).parts):
        if mount.quota is None and mount.source.is_dir() and _lacks_a_place(mount, mounts):
            frames.append(mount.target)
            placed.extend(
                Mount(source=entry, target=f"{mount.target}/{entry.name}") for entry in sorted(mount.source.iterdir())
            )
        else:
            placed.append(mount)
    return Arranged(frames=tuple(frames), mounts=tuple(placed))


def _lacks_a_place(outer: Mount, mounts: Sequence[Mount]) -> bool:
    inside = outer.target.rstrip("/") + "/"
    within = (mount.target.removeprefix(inside) for mount in mounts if mount.target.startswith(inside))
    return any(not (outer.source / place).exists() for place in within)
