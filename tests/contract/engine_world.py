"""How do the engine's contract tests say what to run? A shell script in the base image, with small limits."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from node_runtime.containers import DockerEngine
from node_runtime.containers.connection import connect, remove_image
from node_runtime.ports import ContainerRun, ContainerSpec, Mount
from tests.background import wait_until
from tests.docker_engine import DockerHost

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class EngineWorld:
    """One node's engine. ``folder`` is the test's own."""

    host: DockerHost
    node: str
    folder: Path
    engine: DockerEngine
    image: str
    tags: list[str] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)

    def spec(
        self,
        script: str,
        *,
        name: str = "run",
        mounts: tuple[Mount, ...] = (),
        memory: int = 64 * MIB,
        timeout: float = 240,
        slot: int = 0,
        image: str | None = None,
    ) -> ContainerSpec:
        return ContainerSpec(
            name=f"{self.node}-{name}",
            labels=(("epoch", "3"), ("task", "12")),
            image=image or self.image,
            entrypoint=("sh", "-c"),
            arguments=(script,),
            mounts=mounts,
            cpus=1,
            memory=memory,
            timeout=timeout,
            log=self.folder / "logs" / f"{name}.log",
            slot=slot,
        )

    def run(self, spec: ContainerSpec) -> ContainerRun:
        return self.engine.run(spec, stop=threading.Event())

    def says(self, script: str, *, mounts: tuple[Mount, ...] = ()) -> str:
        """What a script that has to succeed prints."""
        spec = self.spec(script, mounts=mounts)
        run = self.run(spec)
        assert run.failure is None, (run, spec.log.read_text())
        return spec.log.read_text()

    def writable(self, name: str, quota: int) -> Path:
        folder = self.folder / name
        self.folders.append(folder)
        self.engine.open_folder(folder, quota=quota)
        return folder

    def restarted(self) -> DockerEngine:
        """The engine of the same node in a new process, as far as Docker can tell."""
        return DockerEngine(self.host.settings(node=self.node, work=self.folder / "node", build=True))

    def kill_container(self, name: str, *, remove: bool = False) -> None:
        """As somebody else with access to Docker would."""
        client = connect(self.host.url)
        client.kill(name)
        if remove:
            client.remove_container(name)
        client.close()

    def clean_up(self) -> None:
        """Remove what the test may have left, however it ended: containers, mounted folders, images."""
        for container in self.engine.list():
            self.engine.remove(container.name)
        for folder in self.folders:
            self.engine.close_folder(folder)
        client = connect(self.host.url)
        for tag in self.tags:
            remove_image(client, tag)
        client.close()


def has_printed(spec: ContainerSpec, word: str = "ready") -> None:
    """Wait until the head of its log has the word."""
    wait_until(lambda: spec.log.exists() and word in spec.log.read_text(errors="replace"), f"{spec.name}: {word}")
