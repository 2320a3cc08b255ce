"""How does the port `ContainerEngine` come to a Docker Engine? Every effect on it starts here."""

import os
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from node_runtime.containers.connection import connect, engine_trouble, remove_container
from node_runtime.containers.folders import Folders, QuotaMode
from node_runtime.containers.holder import Holders
from node_runtime.containers.images import Images
from node_runtime.containers.peer import unix_socket
from node_runtime.containers.run import Room, run_container
from node_runtime.containers.sandbox import HOLDER_LABEL, NODE_LABEL, Sandbox, labels_given
from node_runtime.containers.settings import EngineSettings
from node_runtime.containers.stopped import StoppedMarks
from node_runtime.containers.terminal import PersonsTerminal
from node_runtime.containers.which_engine import answers, require_engine
from node_runtime.ports import ContainerRun, ContainerSpec, ImageSource, RunningContainer
from node_runtime.task import Digest

TASK_USER = (10001, 10001)
LOOK_SECONDS = 5  # for an answer to whoever wants to know before anything is begun
LAST_SECONDS = 30  # for an answer when all is closed: what the engine doesn't hear now stays until the next start


class DockerEngine:
    """A `ContainerEngine` on a Docker Engine (API 1.40 or later). Raises `HostError` when none answers."""

    def __init__(self, settings: EngineSettings) -> None:
        url = self._url = settings.docker_host or require_engine()
        self._client = connect(url)
        with engine_trouble(f"the container engine at {url}"):
            info = self._client.info()
        user = settings.user or _user(info.get("SecurityOptions") or [])
        self._node = settings.node
        self._folders = Folders(
            settings.work / "quotas",
            owner=user,
            files=settings.files,
            socket=unix_socket(url) if settings.mount_quotas else None,
        )
        self._holders = Holders(self._client, node=settings.node, architecture=info["Architecture"])
        self._images = Images(self._client, settings, url=url, storage=Path(info["DockerRootDir"]))
        self._room = Room(
            client=self._client,
            sandbox=Sandbox(
                node=settings.node,
                user=user,
                pids=settings.pids,
                tmp=settings.tmp,
                log=settings.log,
                processors=int(info["NCPU"]),
                api_version=self._client.api_version,
            ),
            holders=self._holders,
            folders=self._folders,
            stopped=StoppedMarks(settings.work / "stopped"),
            volumes=lru_cache(maxsize=256)(self._images.volumes),
            grace=settings.stop_grace,
        )

    def quota_mode(self) -> QuotaMode:
        """How this host keeps outputs within their quota."""
        return self._folders.mode()

    def image(self, source: ImageSource, *, log: Callable[[str], None], stop: threading.Event | None = None) -> str:
        with engine_trouble(f"image of {source.digest}"):
            return self._images.image(source, log, stop or threading.Event())

    def answers(self) -> bool:
        return answers(self._url, within=LOOK_SECONDS, version=self._client.api_version)

    def can_have_image(self, digest: Digest, ready: str | None) -> bool:
        with engine_trouble(f"image of {digest}"):
            return self._images.can_have(digest, ready)

    def prune(self) -> int:
        with engine_trouble("removing built images"):
            return self._images.prune()

    def open_folder(self, folder: Path, *, quota: int) -> None:
        self._folders.open(folder, quota)

    def close_folder(self, folder: Path) -> None:
        self._folders.close(folder)

    def run(self, container: ContainerSpec, *, stop: threading.Event) -> ContainerRun:
        with engine_trouble(f"container {container.name}"):
            return run_container(self._room, container, stop)

    def run_with_terminal(
        self, container: ContainerSpec, *, keyboard: int, screen: int, stop: threading.Event
    ) -> ContainerRun:
        log, cap = container.log, self._room.sandbox.log
        with (
            engine_trouble(f"container {container.name}"),
            PersonsTerminal(self._client, keyboard=keyboard, screen=screen, log=log, cap=cap, stop=stop) as terminal,
        ):
            return run_container(self._room, container, stop, terminal.join)

    def list(self) -> tuple[RunningContainer, ...]:
        with engine_trouble("listing containers"):
            found = self._client.containers(all=True, filters={"label": f"{NODE_LABEL}={self._node}"})
        return tuple(
            RunningContainer(
                name=item["Names"][0].removeprefix("/"),
                labels=labels_given(item["Labels"]),
                running=item["State"] == "running",
            )
            for item in found
            if _is_a_runs(item, self._node)
        )

    def remove(self, name: str) -> None:
        with engine_trouble(f"removing container {name}"):
            remove_container(self._client, name)
        self._room.stopped.clear(name)

    def close(self) -> None:
        self._client.timeout = LAST_SECONDS
        with engine_trouble("closing the container engine"):
            self._holders.close()
        self._client.close()


def _is_a_runs(listed: dict[str, Any], node: str) -> bool:
    """Whether this node started it for a task. Labels alone don't tell: containers take over those of their image."""
    named = any(name.startswith(f"/{node}-") for name in listed["Names"] or ())
    return named and not listed["Labels"].get(HOLDER_LABEL)


def _user(security: list[str]) -> tuple[int, int]:
    """Who runs in containers, unless the operator says: never root of the host."""
    if any("name=rootless" in option for option in security):
        return 0, 0  # inside a rootless engine that is its own, unprivileged user
    return TASK_USER if os.geteuid() == 0 else (os.getuid(), os.getgid())
