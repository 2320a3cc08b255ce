"""The container's configuration for the engine, from its spec and the node's limits. Pure.

A mount needs a mount point. The engine creates missing ones on the container's root and in writable folders, but not in
a read-only folder, so such a folder becomes an empty one with its entries mounted into it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from docker.types import ContainerConfig, Healthcheck, HostConfig, LogConfig, Ulimit
from docker.types import Mount as BindMount

from node_runtime.ports.engine import ContainerSpec, Mount

from .gpus import NVIDIA, device_requests, gpu_environment
from .pause_container import PauseContainer
from .settings import GPUS_LABEL, JOINED_LABEL, LABEL, NODE_LABEL, PAUSE_LABEL


@dataclass(frozen=True, kw_only=True)
class Arranged:
    """``frames`` are the paths of the empty read-only folders that hold other mounts."""

    frames: tuple[str, ...]
    mounts: tuple[Mount, ...]


def arranged(mounts: Sequence[Mount]) -> Arranged:
    """Order outer mounts before inner ones, as the engine mounts them in sequence."""
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


_LOG_FILES = 2
_ROTATED, _CUT = "local", "k8s-file"
_NAME = "task"  # USER and LOGNAME: the uid has no entry in the image's /etc/passwd


@dataclass(frozen=True, kw_only=True)
class Users:
    """The uid and gid of containers; ``per_slot`` adds the number of the slot.

    Some kernel limits count per user (inotify instances, pending signals): containers with one uid can exhaust each
    other's.
    """

    first: tuple[int, int]
    per_slot: bool

    def of(self, slot: int) -> tuple[int, int]:
        uid, gid = self.first
        return (uid + slot, gid + slot) if self.per_slot else self.first


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """Limits of every container of this node. Sizes are in bytes; ``processors`` is the engine's CPU count.

    ``seccomp`` is the seccomp profile as JSON, ``gpu_driver`` and ``log_driver`` the engine's drivers for both.
    """

    node: str
    users: Users
    seccomp: str
    pids: int
    log: int
    processors: int
    api_version: str
    gpu_driver: str = NVIDIA
    log_driver: str = _ROTATED


def container_config(
    spec: ContainerSpec,
    sandbox: Sandbox,
    *,
    pause: PauseContainer,
    volumes: tuple[str, ...] = (),
    terminal: bool = False,
) -> ContainerConfig:
    """The full configuration of one container.

    ``pause`` is the slot's pause container. ``volumes`` are the paths that the image declares as volumes: they would
    be unlimited writable disk, so each becomes a tmpfs. With a ``terminal``, a TTY is allocated and stdin stays open
    until it is closed.
    """
    uid, gid = user_of(spec, sandbox)
    places = arranged(spec.mounts)
    return ContainerConfig(
        sandbox.api_version,
        image=spec.image,
        command=list(spec.arguments),
        entrypoint=None if spec.entrypoint is None else list(spec.entrypoint),
        environment=_environment(spec, sandbox),
        user=f"{uid}:{gid}",
        tty=terminal,
        stdin_open=terminal,
        labels=labels(spec, sandbox.node, pause),
        healthcheck=Healthcheck(test=["NONE"]),  # an image's own check would run beside the task
        host_config=_host_config(spec, sandbox, pause, volumes, places),
    )


def is_relative(target: str) -> bool:
    """Whether the target is below the image's working directory."""
    return not target.startswith("/")


def user_of(spec: ContainerSpec, sandbox: Sandbox) -> tuple[int, int]:
    """The uid and gid of the container: those of its slot unless the spec names others."""
    uid, gid = sandbox.users.of(spec.slot)
    return (uid if spec.user is None else spec.user, gid if spec.group is None else spec.group)


def labels(spec: ContainerSpec, node: str, pause: PauseContainer) -> dict[str, str]:
    """The container's labels. All of ours are set, since a container inherits unset ones from its image."""
    given = {LABEL + name: value for name, value in spec.labels}
    return {**given, PAUSE_LABEL: "", NODE_LABEL: node, JOINED_LABEL: pause.id, GPUS_LABEL: ",".join(spec.gpus)}


def _environment(spec: ContainerSpec, sandbox: Sandbox) -> dict[str, str]:
    own = {"HOME": "/tmp", "USER": _NAME, "LOGNAME": _NAME}
    return {**own, **dict(spec.environment), **gpu_environment(spec.gpus, sandbox.gpu_driver)}


def _host_config(
    spec: ContainerSpec, sandbox: Sandbox, pause: PauseContainer, volumes: tuple[str, ...], places: Arranged
) -> HostConfig:
    return HostConfig(
        sandbox.api_version,
        network_mode=pause.network,
        ipc_mode="private",
        init=True,  # reaps orphans and forwards TERM
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges", f"seccomp={sandbox.seccomp}"],
        mem_limit=spec.memory,
        memswap_limit=spec.memory,  # no swap
        device_requests=device_requests(spec.gpus, sandbox.gpu_driver),
        nano_cpus=int(max(0.01, min(spec.cpus, sandbox.processors)) * 1e9),
        pids_limit=sandbox.pids,
        oom_score_adj=500,  # when the host runs out of memory, tasks are killed before its services
        ulimits=[Ulimit(name="core", soft=0, hard=0), _file_size(spec)],
        shm_size=_shared(spec),  # counts as memory
        tmpfs={
            **{path: _scratch(spec) for path in ("/tmp", *spec.scratch_folders, *volumes)},
            **dict.fromkeys(places.frames, "ro,noexec,nosuid,nodev,mode=0755,size=64k"),
        },
        mounts=[_bind(mount) for mount in places.mounts],
        log_config=_tail_of_log(sandbox),  # the attached client keeps the head
    )


def log_driver(info: Mapping[str, Any]) -> str:
    """Return the driver of the engine's SystemInfo that keeps a log's end within a size: Podman has its own."""
    drivers = (info.get("Plugins") or {}).get("Log") or ()
    return next((driver for driver in (_ROTATED, _CUT) if driver in drivers), _ROTATED)


def _tail_of_log(sandbox: Sandbox) -> LogConfig:
    """The engine's own log: rotated files, or one that starts anew at its size."""
    rotation = {"max-file": str(_LOG_FILES), "compress": "false"} if sandbox.log_driver == _ROTATED else {}
    return LogConfig(type=sandbox.log_driver, config={"max-size": str(sandbox.log), **rotation})


def _file_size(spec: ContainerSpec) -> Ulimit:
    """The limit of a file's apparent size: a huge sparse file costs no disk, but reading it would never end.

    It exceeds the largest writable place, so that a full place fails first, with the clearer error.
    """
    quotas = (mount.quota for mount in spec.mounts if mount.quota is not None)
    largest = max(scratch_of(spec), _shared(spec), *quotas)
    limit = largest + largest // 4 + (4 << 20)
    return Ulimit(name="fsize", soft=limit, hard=limit)


def scratch_of(spec: ContainerSpec) -> int:
    """Size of /tmp in bytes, which count as memory."""
    return min(spec.scratch, spec.memory)


def _shared(spec: ContainerSpec) -> int:
    """Size of /dev/shm in bytes."""
    return max(1 << 20, spec.memory // 2)


def _scratch(spec: ContainerSpec) -> str:
    """The mount options of /tmp; executable, since Python packages unpack their libraries there."""
    return f"rw,exec,nosuid,nodev,mode=1777,size={scratch_of(spec)}"


def _bind(mount: Mount) -> BindMount:
    """A bind mount, read-only unless it has a quota, without the host's mounts below its source.

    Engines before API 1.44 leave such inner mounts writable, so they are excluded rather than made read-only. The
    propagation is the engine's default, rprivate: within its own folder, where its volumes are, it takes rslave alone.
    """
    bind = BindMount(mount.target, str(mount.source), type="bind", read_only=mount.quota is None)
    bind["BindOptions"] = {"NonRecursive": True}
    return bind
