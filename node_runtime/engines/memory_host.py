"""The machine of `MemoryEngine`s: images that are Python functions, and containers that are threads.

The state of a `MemoryHost` outlives an engine, as Docker's containers outlive a daemon. Programs access their mounts as
folders of this machine, without a sandbox.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from node_runtime.domain.assets import Digest
from node_runtime.ports.engine import ContainerSpec

CHECK_INTERVAL = 0.005  # seconds between checks of a container: end, timeout, stop request
_KILLED = 128 + 9


class Killed(BaseException):
    """Raised in a killed program by its next call of `Inside`."""


@dataclass(kw_only=True)
class Inside:
    """The environment of a program. ``term`` is set by SIGTERM."""

    spec: ContainerSpec
    term: threading.Event = field(default_factory=threading.Event)
    killed: threading.Event = field(default_factory=threading.Event)
    printed: list[str] = field(default_factory=list)
    out_of_memory: bool = False

    def say(self, line: str) -> None:
        """Print a line, also into the log file where its folder exists."""
        self._check()
        self.printed.append(line)
        with (
            suppress(FileNotFoundError),
            self.spec.log.open("a", encoding="utf-8") as log,
        ):
            log.write(f"{line}\n")

    def folder(self, target: str) -> Path:
        """The folder or file mounted at ``target``."""
        self._check()
        return next(mount.source for mount in self.spec.mounts if mount.target == target)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait for the condition, or until the program is killed."""
        while not condition():
            self._check()
            time.sleep(CHECK_INTERVAL)

    def hold(self, memory: int) -> None:
        """Allocate memory: above the limit the program is killed."""
        self._check()
        if memory > self.spec.memory:
            self.out_of_memory = True
            raise Killed

    def _check(self) -> None:
        if self.killed.is_set():
            raise Killed


Program = Callable[[Inside], int]
"""Returns the exit code."""


class ProgramRun(threading.Thread):
    """A container: its program runs in this thread; it exists until it is removed."""

    def __init__(self, spec: ContainerSpec, node: str, program: Program) -> None:
        super().__init__(daemon=True, name=spec.name)
        self.spec, self.node = spec, node
        self.inside = Inside(spec=spec)
        self.exit_code = _KILLED
        self.began = time.monotonic()
        self.ended: float | None = None
        self.stopped = False  # by its node: its exit code says nothing about the task
        self.by_hand = False
        self._program = program

    def run(self) -> None:
        with suppress(Killed):
            self.exit_code = self._program(self.inside)
        self.ended = time.monotonic()

    @property
    def seconds(self) -> float:
        return (self.ended or time.monotonic()) - self.began


@dataclass(kw_only=True)
class MemoryHost:
    """The state shared by the engines of one machine: programs by image id, built images by folder digest, containers.

    ``trouble`` is the reason why nothing can be run, else None; ``gpus`` are the UUIDs of those it can give.
    """

    programs: dict[str, Program] = field(default_factory=dict)
    sources: dict[Digest, str] = field(default_factory=dict)
    built: set[str] = field(default_factory=set)
    containers: dict[str, ProgramRun] = field(default_factory=dict)
    trouble: str | None = None
    gpus: frozenset[str] = frozenset()
    guard: threading.RLock = field(default_factory=threading.RLock)

    def add(self, image: str, program: Program, *, source: Digest | None = None) -> None:
        """Register a program as an image, which is also the build result of the folder with digest ``source``."""
        self.programs[image] = program
        if source is not None:
            self.sources[source] = image

    def kill(self, name: str, *, remove: bool = False) -> None:
        """Kill a container from outside, as another user of the engine can."""
        with self.guard:
            container = self.containers[name]
            container.by_hand = True
            container.inside.killed.set()
            if remove:
                del self.containers[name]
