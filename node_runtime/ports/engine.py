"""The port to a container engine: what to run, how it ended, and the images and folders for it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from node_runtime.domain.assets import Digest
from node_runtime.errors import FailureCategory


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The part of a writable folder that is output: an entry of it, and how many bytes that may have."""

    entry: str
    most: int


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A folder or file of the host seen by a container; read-only unless it has a quota.

    A relative ``target`` is below the image's working directory; what the image has there itself takes precedence.

    With ``outputs`` the rest of a writable folder is scratch; without, all of it is output.
    """

    source: Path
    target: str
    quota: int | None = None  # bytes a container may write there; None: read-only
    outputs: Outputs | None = None


@dataclass(frozen=True, kw_only=True)
class ImageSource:
    """A folder with a Dockerfile and its tree digest, or a ready image by digest (then the folder isn't built).

    ``exec_form``: the image is unfit unless its ENTRYPOINT is a list, to which arguments can be added.
    """

    folder: Path
    digest: Digest
    image: str | None = None
    exec_form: bool = False


@dataclass(frozen=True, kw_only=True)
class ReadyImage:
    """An image that containers can be made of, by its id; ``built_on`` are the ids behind its Dockerfile's names.

    ``aliased`` are those of its names, each with its id, for which the node has images of its own.
    """

    id: str
    built_on: tuple[str, ...] = ()
    aliased: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """What to run. `name` is the run's identity: the same name again means the same run, adopted or read back.

    It begins with the node's name and a dash: so the node knows what it started, whatever labels an image brings.
    """

    name: str
    labels: tuple[tuple[str, str], ...]
    image: str  # image id
    arguments: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    environment: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()
    cpus: float
    memory: int  # bytes
    scratch: int = 256 << 20  # bytes of /tmp and of each of ``scratch_folders``, which count as memory
    scratch_folders: tuple[str, ...] = ()  # a relative one is as a mount's target
    user: int | None = None  # uid instead of the slot's
    group: int | None = None  # gid instead of the slot's; an image whose USER is this number gets that uid as well
    timeout: float  # seconds
    log: Path  # where its capped output is written on the host
    slot: int = 0  # which of the node's slots it runs in
    gpus: tuple[str, ...] = ()  # UUIDs of the GPUs that it gets


@dataclass(frozen=True, kw_only=True)
class ContainerRun:
    """How a container ended. `failure` is None when it exited 0 within its limits.

    ``stopped``: its caller asked for its end by `stop`; the exit code says nothing of the task.
    """

    image: str
    exit_code: int | None
    seconds: float
    peak_memory: int | None  # bytes, the largest sample
    failure: FailureCategory | None
    message: str  # one line for a person, empty when all went well
    adopted: bool = False
    stopped: bool = False
    engine_said: str = ""  # of a start that failed, for whoever this machine belongs to and nobody else


@dataclass(frozen=True, kw_only=True)
class RunningContainer:
    """A container of this node. ``gpus`` are the UUIDs of its GPUs."""

    name: str
    labels: tuple[tuple[str, str], ...] = field(default=())
    running: bool
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """How well a host keeps containers within bounds, for its operator.

    ``quotas`` names how outputs are kept within theirs. ``build_obstacle`` says why processes of image builds have no
    limit, empty where they have one. ``user`` is the uid and gid of slot 0, and of every slot unless ``user_per_slot``.
    """

    quotas: str
    build_obstacle: str
    user: tuple[int, int]
    user_per_slot: bool


class ContainerEngine(Protocol):
    """Runs containers in the sandbox. Safe to share between threads; one `run` per name at a time.

    Our own trouble (no engine, disk full) raises `HostError`; what the task does wrong is told in `ContainerRun`.
    """

    def image(
        self, source: ImageSource, *, log: Callable[[str], None], stop: threading.Event | None = None
    ) -> ReadyImage:
        """Built or pulled once. Raises `TaskFailed` image_unavailable, build_failed or image_refused.

        Setting `stop` ends building and pulling early (category node_error).
        """
        ...

    def unable(self) -> str | None:
        """Why nothing can be run here now, within seconds: it doesn't answer, or the node's own image fails too."""
        ...

    def confinement(self) -> Confinement:
        """How containers are kept within bounds here."""
        ...

    def gpu_obstacle(self) -> str:
        """Why containers get no GPUs here; empty where they do, as far as it can be known without a run."""
        ...

    def gpus_in_use(self) -> frozenset[str]:
        """The UUIDs of the GPUs that running containers have, those of this machine's other nodes among them."""
        ...

    def can_have_image(self, digest: Digest, ready: str | None) -> bool:
        """Whether `image` may answer for a folder of this digest with that ready image, as far as it can be known now.

        Asked before the folder is fetched: an image is here or offered by a registry, or this node builds.
        """
        ...

    def prune(self) -> int:
        """Remove the images this node built, but those a container uses; how many were. The next task rebuilds.

        What failed builds left on the engine goes too.
        """
        ...

    def open_folder(self, folder: Path, *, quota: int) -> None:
        """Make `folder` one that cannot outgrow `quota` bytes, as far as this host can. May be repeated."""
        ...

    def reopen_folder(self, folder: Path) -> None:
        """Open a folder again with what was written into it, e.g. after a reboot. May be repeated.

        Raises `HostError` where what it holds can't be had here or now; it never empties the folder.
        """
        ...

    def close_folder(self, folder: Path) -> None:
        """Undo `open_folder`: the folder and its contents are gone afterwards. May be repeated."""
        ...

    def run(self, container: ContainerSpec, *, stop: threading.Event) -> ContainerRun:
        """Run to the end, or adopt the run of that name. Setting `stop` stops it early (category node_error).

        Raises `HostError`, having removed it, where the end of the container that an earlier process began would say
        nothing of the task: it is to be run again, in folders that are opened anew.
        """
        ...

    def run_with_terminal(
        self, container: ContainerSpec, *, keyboard: int, screen: int, stop: threading.Event
    ) -> ContainerRun:
        """The same with a person at a terminal: descriptors of what they type and of what they see.

        The terminal is as it was afterwards, however this ends. One run at a time on one terminal. Ctrl-] three times
        in a row sets ``stop``.
        """
        ...

    def list(self) -> tuple[RunningContainer, ...]:
        """The containers of this node, running or ended, found by label."""
        ...

    def remove(self, name: str) -> None:
        """Kill and remove; a name that is not there is success."""
        ...

    def close(self) -> None:
        """Remove what the engine keeps for itself (namespace holders)."""
        ...
