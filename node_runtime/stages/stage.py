"""What is one container of a task: which image, what it sees, what it leaves. No I/O."""

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from node_runtime.document import Limits
from node_runtime.ports import ImageSource, Mount


class Keeps(Enum):
    """What of a writable folder becomes an output."""

    ALL = auto()  # but mount points
    ENTRY = auto()  # nothing beside the entry
    INSIDE = auto()  # what is inside the entry, a folder


@dataclass(frozen=True, kw_only=True)
class Writable:
    """A folder a stage writes into, empty when the stage starts, or a copy of ``copied`` without its ``entry``.

    When the stage has ended, ``entry`` has to be in it: a regular file or a folder. What is collected as the output
    ``output`` is what ``keeps`` says of the folder.
    """

    name: str  # the folder's name in the workspace
    target: str  # where the container sees it
    output: str
    entry: str
    keeps: Keeps = Keeps.ALL
    copied: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What an earlier stage left: the ``entry`` of one of its writable folders, seen read-only at ``target``."""

    stage: str
    name: str
    entry: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One container. ``reads`` are mounts known beforehand; a quota on one of them makes it writable."""

    name: str
    image: ImageSource
    arguments: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    environment: tuple[tuple[str, str], ...] = ()
    reads: tuple[Mount, ...] = ()
    writes: tuple[Writable, ...] = ()
    carries: tuple[Carried, ...] = ()
    limits: Limits

    def mount_points(self, writable: Writable) -> tuple[str, ...]:
        """The names in `writable` that are mounts of their own, e.g. in-models beside the model that is written."""
        targets = [mount.target for mount in self.reads] + [carried.target for carried in self.carries]
        inside = writable.target + "/"
        return tuple(target.removeprefix(inside) for target in targets if target.startswith(inside))
