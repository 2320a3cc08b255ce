"""An in-memory container engine with the behaviour of `DockerEngine`, whose programs are Python functions.

An engine that is opened again on the same `MemoryHost` adopts containers by name.
"""

import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from node_runtime.domain.assets import Digest
from node_runtime.engines.docker.exit_status import ExitStatus, Stop, classify_exit
from node_runtime.errors import EngineUnavailable, FailureCategory, HostError, TaskFailed
from node_runtime.platform.files import host_errors
from node_runtime.ports.engine import (
    Confinement,
    ContainerRun,
    ContainerSpec,
    ImageSource,
    Mount,
    ReadyImage,
    RunningContainer,
)

from .memory_host import CHECK_INTERVAL, MemoryHost, ProgramRun


@dataclass(frozen=True, kw_only=True)
class MemorySettings:
    """Settings of an engine: machine, node, and ``grace`` between SIGTERM and SIGKILL in seconds."""

    host: MemoryHost
    node: str
    grace: float = 3.0


class MemoryEngine:
    """The port `ContainerEngine` over a `MemoryHost`."""

    def __init__(self, settings: MemorySettings) -> None:
        self._host = settings.host
        self._node = settings.node
        self._grace = settings.grace
        self._quotas: dict[Path, int] = {}

    def image(
        self, source: ImageSource, *, log: Callable[[str], None], stop: threading.Event | None = None
    ) -> ReadyImage:
        self._check_answers()
        if stop is not None and stop.is_set():
            raise TaskFailed(FailureCategory.NODE_ERROR, "building was stopped by this node before its end")
        if source.image is not None:
            if source.image not in self._host.programs:
                raise TaskFailed(FailureCategory.IMAGE_UNAVAILABLE, f"{source.image} is not available")
            return ReadyImage(id=source.image)
        built = self._host.sources.get(source.digest)
        if built is None:
            raise TaskFailed(FailureCategory.BUILD_FAILED, f"no image can be built of {source.digest}")
        log(f"built {built}")
        self._host.built.add(built)
        return ReadyImage(id=built)

    def unable(self) -> str | None:
        return self._host.trouble

    def confinement(self) -> Confinement:
        return Confinement(quotas="counted", build_obstacle="", user=(os.getuid(), os.getgid()), user_per_slot=False)

    def gpu_obstacle(self) -> str:
        self._check_answers()
        return "" if self._host.gpus else "the engine has no GPU to give to containers"

    def gpus_in_use(self) -> frozenset[str]:
        self._check_answers()
        with self._host.guard:
            running = tuple(one for one in self._host.containers.values() if one.ended is None)
        return frozenset(uuid for one in running for uuid in one.spec.gpus)

    def can_have_image(self, digest: Digest, ready: str | None) -> bool:
        self._check_answers()
        return ready in self._host.programs or digest in self._host.sources

    def prune(self) -> int:
        with self._host.guard:
            unused = self._host.built - {container.spec.image for container in self._host.containers.values()}
            self._host.built -= unused
            return len(unused)

    def open_folder(self, folder: Path, *, quota: int) -> None:
        with host_errors(folder):
            folder.mkdir(mode=0o700, exist_ok=True)
        self._quotas[folder] = quota

    def reopen_folder(self, folder: Path) -> None:
        """Check that the folder is there: no reboot takes away what it holds."""
        with host_errors(folder):
            folder.stat()

    def close_folder(self, folder: Path) -> None:
        self._quotas.pop(folder, None)
        with host_errors(folder):
            if folder.exists():
                shutil.rmtree(folder)

    def run(self, container: ContainerSpec, *, stop: threading.Event) -> ContainerRun:
        self._check_answers()
        with self._host.guard:
            known = self._host.containers.get(container.name)
            running, adopted = (known, True) if known is not None else (self._started(container), False)
        self._check_may_adopt(running)
        stopped = self._await(running, container, stop)
        self._keep_log(running)
        return self._judged(running, container, stopped, adopted=adopted)

    def run_with_terminal(
        self, container: ContainerSpec, *, keyboard: int, screen: int, stop: threading.Event
    ) -> ContainerRun:
        """Run without input from the ``keyboard``; the output is written to ``screen`` at the end."""
        del keyboard
        run = self.run(container, stop=stop)
        with host_errors(container.log), container.log.open("rb") as printed:
            os.write(screen, printed.read())
        return run

    def list(self) -> tuple[RunningContainer, ...]:
        self._check_answers()
        with self._host.guard:
            return tuple(
                RunningContainer(
                    name=one.spec.name, labels=one.spec.labels, running=one.ended is None, gpus=one.spec.gpus
                )
                for one in self._host.containers.values()
                if one.node == self._node
            )

    def remove(self, name: str) -> None:
        self._check_answers()
        with self._host.guard:
            container = self._host.containers.pop(name, None)
        if container is not None:
            container.inside.killed.set()
            container.join(self._grace)

    def close(self) -> None:
        """Do nothing: all state belongs to the host."""

    def _check_answers(self) -> None:
        if self._host.trouble is not None:
            raise EngineUnavailable(self._host.trouble, remedy="see that the engine runs")

    def _started(self, spec: ContainerSpec) -> ProgramRun:
        program = self._host.programs.get(spec.image)
        if program is None:
            raise HostError(f"image {spec.image} is not there any more", remedy="repeat: it is then created again")
        missing = next((mount.source for mount in spec.mounts if not mount.source.exists()), None)
        if missing is not None:
            raise HostError(f"container {spec.name}: {missing} isn't there to be mounted", remedy="repeat")
        if not self._host.gpus.issuperset(spec.gpus):
            raise HostError(f"container {spec.name} could not be started: a GPU is missing", remedy="repeat")
        container = ProgramRun(spec, self._node, program)
        self._host.containers[spec.name] = container
        container.start()
        return container

    def _check_may_adopt(self, container: ProgramRun) -> None:
        if container.node != self._node:
            told = f"a container {container.spec.name} exists already and belongs to node {container.node}"
            raise HostError(told, remedy="give each node of an engine its own id, or remove that container")
        if container.stopped:
            raise self._to_be_repeated(container, "was stopped by this node's earlier process, which then ended")

    def _await(self, container: ProgramRun, spec: ContainerSpec, stop: threading.Event) -> Stop | None:
        """Wait for the end; return the reason for stopping it, or None when it exited by itself."""
        stopped = None
        while container.is_alive():
            if stop.is_set() or container.seconds > spec.timeout:
                stopped = Stop.REQUESTED if stop.is_set() else Stop.TIMEOUT
                container.stopped = stopped is Stop.REQUESTED
                container.inside.term.set()
                container.join(self._grace)
                container.inside.killed.set()
                container.join()
                break
            container.join(CHECK_INTERVAL)
        return stopped

    def _judged(
        self, container: ProgramRun, spec: ContainerSpec, stopped: Stop | None, *, adopted: bool
    ) -> ContainerRun:
        if container.by_hand or self._host.containers.get(spec.name) is not container:
            raise self._to_be_repeated(container, "was ended by somebody on this machine, not by the task")
        observed = ExitStatus(
            exit_code=container.exit_code,
            out_of_memory=container.inside.out_of_memory,
            seconds=container.seconds,
            full=any(_is_over(mount) for mount in spec.mounts),
            stopped=stopped,
        )
        failure, message = classify_exit(observed, timeout=spec.timeout, memory=spec.memory)
        return ContainerRun(
            image=spec.image,
            exit_code=container.exit_code,
            seconds=round(container.seconds, 3),
            peak_memory=None,
            failure=failure,
            message=message,
            adopted=adopted,
            stopped=stopped is Stop.REQUESTED,
        )

    def _keep_log(self, container: ProgramRun) -> None:
        path = container.spec.log
        with host_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{line}\n" for line in container.inside.printed), encoding="utf-8")

    def _to_be_repeated(self, container: ProgramRun, how: str) -> HostError:
        with self._host.guard:
            if self._host.containers.get(container.spec.name) is container:
                del self._host.containers[container.spec.name]
        return HostError(f"container {container.spec.name} {how}", remedy="the run is repeated")


def _is_over(mount: Mount) -> bool:
    if mount.quota is None:
        return False
    return sum(path.lstat().st_size for path in mount.source.rglob("*") if path.is_file()) > mount.quota
