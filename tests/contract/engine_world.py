"""Helpers to run shell scripts in the base image with small limits, for the engine's contract tests."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from node_runtime.engines.docker.client import connect, remove_image
from node_runtime.engines.docker.engine import DockerEngine
from node_runtime.engines.docker.settings import SOURCE_LABEL
from node_runtime.ports.engine import ContainerRun, ContainerSpec, Mount
from tests.background import wait_until
from tests.docker_engine import DockerHost

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class EngineWorld:
    """One node's engine; ``folder`` is for the test alone."""

    host: DockerHost
    node: str
    folder: Path
    engine: DockerEngine
    image: str
    tags: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)  # digests of possibly built folders, by this node or another
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
        """Run a script that must succeed; return its output."""
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
        """Reopen the node's engine, which to Docker looks like a new process."""
        return DockerEngine(self.host.settings(node=self.node, work=self.folder / "node", build=True))

    def kill_container(self, name: str, *, remove: bool = False) -> None:
        """Kill a container from outside, as another client of Docker can."""
        client = connect(self.host.url)
        client.kill(name)
        if remove:
            client.remove_container(name)
        client.close()

    def pause_containers(self) -> list[str]:
        """The names of the node's pause containers."""
        client = connect(self.host.url)
        found = client.containers(all=True, filters={"name": f"node-runtime-{self.node}-holder-"})
        client.close()
        return [str(one["Names"][0]).removeprefix("/") for one in found]

    def kill_pause_container(self, *, remove: bool = False) -> None:
        """Kill the only pause container, as a stopping engine does."""
        (pause,) = self.pause_containers()
        self.kill_container(pause, remove=remove)

    def clean_up(self) -> None:
        """Remove the test's containers, mounts and images, even after a failure."""
        for container in self.engine.list():
            self.engine.remove(container.name)
        for folder in self.folders:
            self.engine.close_folder(folder)
        client = connect(self.host.url)
        for source in self.sources:
            for image in client.images(filters={"label": f"{SOURCE_LABEL}={source}"}):
                self.tags.extend(image["RepoTags"] or ())
        for tag in self.tags:
            remove_image(client, tag)
        client.close()


def has_printed(spec: ContainerSpec, word: str = "ready") -> None:
    """Wait until the head of the log contains the word."""
    wait_until(lambda: spec.log.exists() and word in spec.log.read_text(errors="replace"), f"{spec.name}: {word}")
