"""The port `ContainerEngine` over a Docker Engine: assembly of the parts, and the port's methods."""

import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from node_runtime.domain.assets import Digest
from node_runtime.platform.paths import cache_folder
from node_runtime.ports.engine import (
    Confinement,
    ContainerRun,
    ContainerSpec,
    ImageSource,
    ReadyImage,
    RunningContainer,
)

from .build import BuildLimits
from .build_environment import BuildCgroup
from .client import connect, engine_info, engine_trouble, remove_container, shares_mounts
from .control import CONTROL, BuildControl, Controls, any_start
from .device_scan import DeviceSearch
from .discovery import answers, require_engine
from .gpus import HOOK, gpu_driver, gpu_obstacle
from .host_config import Sandbox, Users, log_driver
from .image_config import ImageConfigs
from .image_removal import remove_built, remove_unfinished
from .images import BUILT, Images, build_arguments
from .pause_container import PauseContainers
from .pull import Puller
from .quota import Folders
from .run import RunContext, run_container
from .seccomp import profile
from .settings import GPUS_LABEL, NODE_LABEL, PAUSE_LABEL, EngineSettings, gpus_given, labels_given
from .socket_access import unix_socket
from .supervisor import StopMarkers
from .triggers import TriggerProbe
from .tty import PersonsTerminal

TASK_USER = (10001, 10001)
_VERDICTS = "images-1"  # folder of image verdicts; the number is the format's version


class DockerEngine:
    """A `ContainerEngine` on a Docker Engine (API 1.40 or later). Raises `HostError` when none answers."""

    def __init__(self, settings: EngineSettings) -> None:
        url = self._url = settings.docker_host or require_engine()
        self._client = connect(url)
        with engine_trouble(f"the container engine at {url}"):
            info = engine_info(self._client)
        users = _users(settings, info.get("SecurityOptions") or [])
        self._node = settings.node
        self._times = settings.times
        self._folders = Folders(
            settings.work / "quotas",
            files=settings.files,
            socket=unix_socket(url) if settings.mount_quotas else None,
        )
        self._pause_containers = PauseContainers(
            self._client, node=settings.node, architecture=info["Architecture"], user=users.of
        )
        self._cgroup = BuildCgroup(
            settings.node, info, url=url, processes=settings.build_pids, named=settings.build_cgroup
        )
        self._build_timeout = settings.build_timeout
        sandbox = Sandbox(
            node=settings.node,
            users=users,
            seccomp=profile(info["Architecture"]),
            pids=settings.pids,
            log=settings.log,
            processors=int(info["NCPU"]),
            api_version=self._client.api_version,
            gpu_driver=gpu_driver(info, settings.gpu_driver, hook=self._has_hook()),
            log_driver=log_driver(info),
        )
        with engine_trouble(f"the container engine at {url}"):
            limits = self._build_limits(settings, info)
        self._image_configs = ImageConfigs(
            self._client, node=settings.node, architecture=info["Architecture"], users=users
        )
        self._controls = self._controls_of(settings, sandbox, limits)
        self._images = self._images_of(settings, limits, info["Architecture"])
        self._devices = DeviceSearch(
            self._client,
            node=settings.node,
            architecture=info["Architecture"],
            verdicts=cache_folder() / _VERDICTS,
            local=_is_local(url),
        )
        self._run_context = RunContext(
            client=self._client,
            sandbox=sandbox,
            controls=self._controls,
            pause_containers=self._pause_containers,
            folders=self._folders,
            stopped=StopMarkers(settings.work / "stopped"),
            images=self._image_configs,
            grace=settings.stop_grace,
            end_request=settings.times.end_request,
        )

    def _controls_of(self, settings: EngineSettings, sandbox: Sandbox, limits: BuildLimits) -> Controls:
        build = BuildControl(
            node=settings.node,
            image=settings.base_image,
            arguments=build_arguments(settings),
            limits=replace(limits, timeout=settings.times.control_build),
        )
        return Controls(
            self._client,
            node=settings.node,
            build=build,
            times=settings.times,
            any_start=lambda: any_start(sandbox, work=settings.work, pause=self._pause_containers.of_none()),
        )

    def _images_of(self, settings: EngineSettings, limits: BuildLimits, architecture: str) -> Images:
        puller = Puller(
            self._client,
            url=self._url,
            storage=limits.disk,
            silence=settings.pull_silence,
            answer=settings.times.registry,
            floor=settings.disk_floor,
        )
        triggers = TriggerProbe(self._client, node=settings.node, architecture=architecture, limits=limits)
        return Images(self._client, settings, puller=puller, limits=limits, controls=self._controls, triggers=triggers)

    def _build_limits(self, settings: EngineSettings, info: dict[str, Any]) -> BuildLimits:
        """The limits of builds. RUN steps use the engine's bridge, or the host's network where there is no bridge."""
        bridges = {network["Name"] for network in self._client.networks(names=["bridge"])} if settings.build else set()
        return BuildLimits(
            network=settings.build_network or (None if "bridge" in bridges else "host"),
            memory=settings.build_memory,
            cpus=settings.build_cpus or float(info["NCPU"]),
            cgroup=self._cgroup,
            timeout=settings.build_timeout,
            first_output=settings.times.first_output,
            disk=Path(info["DockerRootDir"]),
            disk_floor=settings.disk_floor,
        )

    def confinement(self) -> Confinement:
        users = self._run_context.sandbox.users
        return Confinement(
            quotas=self._folders.mode(),
            build_obstacle=self._cgroup.look(),
            user=users.first,
            user_per_slot=users.per_slot,
        )

    def image(
        self, source: ImageSource, *, log: Callable[[str], None], stop: threading.Event | None = None
    ) -> ReadyImage:
        wanted_until = stop or threading.Event()
        with engine_trouble(f"image of {source.digest}"):
            image = self._images.image(source, log, wanted_until)
            self._devices.check(image.id, stop=wanted_until)
            if source.exec_form:
                self._image_configs.check_exec_form(image.id, log)
        return image

    def unable(self) -> str | None:
        if not answers(self._url, within=self._times.check, version=self._client.api_version):
            return "the container engine doesn't answer"
        return self._controls.unable()

    def gpu_obstacle(self) -> str:
        with engine_trouble("asking the engine for GPUs"):
            info = self._client.info()
        return gpu_obstacle(info, self._run_context.sandbox.gpu_driver, hook=self._has_hook())

    def _has_hook(self) -> bool:
        return unix_socket(self._url) is not None and shutil.which(HOOK) is not None

    def gpus_in_use(self) -> frozenset[str]:
        with engine_trouble("listing containers with GPUs"):
            found = self._client.containers(filters={"label": GPUS_LABEL})
        runs = (item["Labels"] for item in found if _is_a_runs(item, item["Labels"].get(NODE_LABEL, "")))
        return frozenset(uuid for labels in runs for uuid in gpus_given(labels))

    def can_have_image(self, digest: Digest, ready: str | None) -> bool:
        with engine_trouble(f"image of {digest}"):
            return self._images.can_have(digest, ready)

    def prune(self) -> int:
        with engine_trouble("removing built images"):
            removed = remove_built(self._client, node=self._node, repositories=(BUILT, CONTROL))
            remove_unfinished(self._client, older=2 * self._build_timeout)
        return removed

    def open_folder(self, folder: Path, *, quota: int) -> None:
        self._folders.open(folder, quota)

    def reopen_folder(self, folder: Path) -> None:
        self._folders.reopen(folder)

    def close_folder(self, folder: Path) -> None:
        self._folders.close(folder)

    def run(self, container: ContainerSpec, *, stop: threading.Event) -> ContainerRun:
        with engine_trouble(f"container {container.name}"):
            return run_container(self._run_context, container, stop)

    def run_with_terminal(
        self, container: ContainerSpec, *, keyboard: int, screen: int, stop: threading.Event
    ) -> ContainerRun:
        log, cap = container.log, self._run_context.sandbox.log
        with (
            engine_trouble(f"container {container.name}"),
            PersonsTerminal(self._client, keyboard=keyboard, screen=screen, log=log, cap=cap, stop=stop) as terminal,
        ):
            return run_container(self._run_context, container, stop, terminal.join)

    def list(self) -> tuple[RunningContainer, ...]:
        with engine_trouble("listing containers"):
            found = self._client.containers(all=True, filters={"label": f"{NODE_LABEL}={self._node}"})
        return tuple(
            RunningContainer(
                name=item["Names"][0].removeprefix("/"),
                labels=labels_given(item["Labels"]),
                running=item["State"] == "running",
                gpus=gpus_given(item["Labels"]),
            )
            for item in found
            if _is_a_runs(item, self._node)
        )

    def remove(self, name: str) -> None:
        with engine_trouble(f"removing container {name}"):
            remove_container(self._client, name)
        self._run_context.stopped.clear(name)

    def close(self) -> None:
        self._client.timeout = self._times.close
        with engine_trouble("closing the container engine"):
            self._pause_containers.close()
            self._devices.close()
            self._image_configs.close()
        self._cgroup.close()
        self._client.close()


def _is_local(url: str) -> bool:
    """Whether the engine's folders are on this machine."""
    socket = unix_socket(url)
    return socket is not None and shares_mounts(socket)


def _is_a_runs(listed: dict[str, Any], node: str) -> bool:
    """Whether that node started the container for a task. Labels alone prove nothing: images can set them."""
    named = any(name.startswith(f"/{node}-") for name in listed["Names"] or ())
    return named and not listed["Labels"].get(PAUSE_LABEL)


def _users(settings: EngineSettings, security: list[str]) -> Users:
    """The users of containers, never root of the host, unless the operator configures one."""
    if settings.user is not None:
        return Users(first=settings.user, per_slot=False)
    if any("name=rootless" in option for option in security):
        return Users(first=(0, 0), per_slot=False)  # root inside a rootless engine is its own, unprivileged user
    if os.geteuid() != 0:
        return Users(first=(os.getuid(), os.getgid()), per_slot=False)
    if settings.uid_base is None or any("name=userns" in option for option in security):
        return Users(first=TASK_USER, per_slot=False)  # an engine's user namespace has few uids
    return Users(first=(settings.uid_base, settings.uid_base), per_slot=True)
