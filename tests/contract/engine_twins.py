"""Programs for the engine's contract: each as a shell script for Docker and a function for the in-memory engine."""

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from node_runtime.engines import open_engine
from node_runtime.engines.docker.client import connect
from node_runtime.engines.memory import MemorySettings
from node_runtime.engines.memory_host import Inside, MemoryHost, Program
from node_runtime.ports.engine import ContainerEngine, ContainerSpec, Mount
from tests.background import wait_until
from tests.contract.engine_world import MIB, EngineWorld

GO = "/gate/go"  # the file that a waiting program polls


@dataclass(frozen=True, kw_only=True)
class Twin:
    """One behaviour in both forms."""

    script: str
    program: Program


def exits(code: int) -> Twin:
    return Twin(script=f"exit {code}", program=lambda _inside: code)


def prints(*said: str) -> Twin:
    def program(inside: Inside) -> int:
        for each in said:
            inside.say(each)
        return 0

    return Twin(script="; ".join(f"echo {each}" for each in said), program=program)


def waits(code: int = 0, *, term: int | None = None) -> Twin:
    """Start, then exit with ``code`` once released; exit with ``term`` at TERM, or ignore it when None."""

    def program(inside: Inside) -> int:
        (inside.folder("/gate") / "ready").touch()
        inside.wait(lambda: (inside.folder("/gate") / "go").exists() or (term is not None and inside.term.is_set()))
        return code if (inside.folder("/gate") / "go").exists() else term or 0

    trap = "''" if term is None else f"'exit {term}'"
    script = f"trap {trap} TERM; touch /gate/ready; until test -e {GO}; do sleep 0.05; done; exit {code}"
    return Twin(script=script, program=program)


def needs_memory(amount: int) -> Twin:
    def program(inside: Inside) -> int:
        inside.hold(amount)
        return 0

    return Twin(script=f"exec python3 -c 'bytearray({amount})'", program=program)


def writes(target: str, amount: int) -> Twin:
    def program(inside: Inside) -> int:
        (inside.folder(target) / "written").write_bytes(b"x" * amount)
        return 0

    return Twin(script=f"head -c {amount} /dev/zero > {target}/written; true", program=program)


class Machine(Protocol):
    """A machine and one node's engine on it."""

    @property
    def node(self) -> str: ...
    @property
    def folder(self) -> Path: ...
    @property
    def engine(self) -> ContainerEngine: ...
    @property
    def gate(self) -> "Gate": ...

    def spec(self, twin: Twin, *, name: str = "run", timeout: float = 240, memory: int = 64 * MIB) -> ContainerSpec: ...
    def reopened(self, *, node: str | None = None, grace: float = 60.0) -> ContainerEngine: ...
    def kill(self, name: str, *, remove: bool = False) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The folder through which a test releases a program of `waits`."""

    folder: Path

    def wait_until_ready(self) -> None:
        wait_until((self.folder / "ready").exists, "the program to begin")

    def open(self) -> None:
        (self.folder / "go").touch()


@dataclass(kw_only=True)
class MemoryMachine:
    node: str
    folder: Path
    engine: ContainerEngine
    host: MemoryHost
    gate: Gate

    def spec(self, twin: Twin, *, name: str = "run", timeout: float = 240, memory: int = 64 * MIB) -> ContainerSpec:
        image = f"memory:{name}"
        self.host.add(image, twin.program)
        return _spec(self, image, twin, name, timeout, memory)

    def reopened(self, *, node: str | None = None, grace: float = 60.0) -> ContainerEngine:
        return open_engine(MemorySettings(host=self.host, node=node or self.node, grace=grace))

    def kill(self, name: str, *, remove: bool = False) -> None:
        self.host.kill(name, remove=remove)


@dataclass(kw_only=True)
class DockerMachine:
    world: EngineWorld
    gate: Gate

    @property
    def node(self) -> str:
        return self.world.node

    @property
    def folder(self) -> Path:
        return self.world.folder

    @property
    def engine(self) -> ContainerEngine:
        return self.world.engine

    def spec(self, twin: Twin, *, name: str = "run", timeout: float = 240, memory: int = 64 * MIB) -> ContainerSpec:
        return _spec(self, self.world.image, twin, name, timeout, memory)

    def reopened(self, *, node: str | None = None, grace: float = 60.0) -> ContainerEngine:
        settings = self.world.host.settings(node=node or self.node, work=self.folder / (node or "node"))
        return open_engine(replace(settings, stop_grace=grace))

    def kill(self, name: str, *, remove: bool = False) -> None:
        with closing(connect(self.world.host.url)) as client:
            if remove:
                client.remove_container(name, force=True)  # force: the node may remove it concurrently
            else:
                client.kill(name)


def _spec(machine: Machine, image: str, twin: Twin, name: str, timeout: float, memory: int) -> ContainerSpec:
    gate = Mount(source=machine.folder / "gate", target="/gate", quota=MIB)
    return ContainerSpec(
        name=f"{machine.node}-{name}",
        labels=(("epoch", "3"), ("task", "12")),
        image=image,
        entrypoint=("sh", "-c"),
        arguments=(twin.script,),
        mounts=(gate,),
        cpus=1,
        memory=memory,
        timeout=timeout,
        log=machine.folder / "logs" / f"{name}.log",
    )


def docker_machine(world: EngineWorld) -> DockerMachine:
    return DockerMachine(world=world, gate=Gate(folder=world.writable("gate", MIB)))


def memory_machine(folder: Path) -> MemoryMachine:
    host = MemoryHost()
    engine = open_engine(MemorySettings(host=host, node="twin", grace=60.0))
    engine.open_folder(folder / "gate", quota=MIB)
    return MemoryMachine(node="twin", folder=folder, engine=engine, host=host, gate=Gate(folder=folder / "gate"))
