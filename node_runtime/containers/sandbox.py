"""What may a container do? What to run and the node's limits → what the engine is told, without effects."""

from dataclasses import dataclass

from docker.types import ContainerConfig, Healthcheck, HostConfig, LogConfig, Ulimit
from docker.types import Mount as BindMount

from node_runtime.containers.mounts import Arranged, arranged
from node_runtime.ports import ContainerSpec, Mount

LABEL = "node-runtime."
NODE_LABEL = f"{LABEL}node"
HOLDER_LABEL = f"{LABEL}holder"  # the slot, empty for a task's container
BUILT_LABEL = f"{LABEL}built"  # on an image: the node that built it; its containers have it too

_NOT_GIVEN = (NODE_LABEL, HOLDER_LABEL, BUILT_LABEL)
_LOG_FILES = 2


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """What holds for every container of this node. Sizes in bytes; ``processors`` is how many the engine has."""

    node: str
    user: tuple[int, int]
    pids: int
    tmp: int
    log: int
    processors: int
    api_version: str


def container_config(
    spec: ContainerSpec, sandbox: Sandbox, *, holder: str, volumes: tuple[str, ...] = (), terminal: bool = False
) -> ContainerConfig:
    """Everything the engine is told about one container.

    ``holder`` is the id of the container whose network namespace it joins. ``volumes`` are the paths that the image
    declares as volumes: they would be writable disk without a limit, so a tmpfs stands in for each. With
    a ``terminal`` a person sits at it: what they type is its input until they hang up.
    """
    uid, gid = sandbox.user
    places = arranged(spec.mounts)
    return ContainerConfig(
        sandbox.api_version,
        image=spec.image,
        command=list(spec.arguments),
        entrypoint=None if spec.entrypoint is None else list(spec.entrypoint),
        environment={"HOME": "/tmp", **dict(spec.environment)},
        user=f"{uid}:{gid}",
        tty=terminal,
        stdin_open=terminal,
        labels=labels(spec, sandbox.node),
        healthcheck=Healthcheck(test=["NONE"]),  # an image's own would run beside the task
        host_config=_host_config(spec, sandbox, holder, volumes, places),
    )


def labels(spec: ContainerSpec, node: str) -> dict[str, str]:
    """Those of ours that an image could bring along are always set: a container's own win over its image's."""
    return {**{LABEL + name: value for name, value in spec.labels}, HOLDER_LABEL: "", NODE_LABEL: node}


def labels_given(written: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """The labels of the spec, as they were given."""
    ours = (item for item in written.items() if item[0].startswith(LABEL) and item[0] not in _NOT_GIVEN)
    return tuple(sorted((name.removeprefix(LABEL), value) for name, value in ours))


def _host_config(
    spec: ContainerSpec, sandbox: Sandbox, holder: str, volumes: tuple[str, ...], places: Arranged
) -> HostConfig:
    return HostConfig(
        sandbox.api_version,
        network_mode=f"container:{holder}",
        ipc_mode="private",
        init=True,  # reaps what the task leaves, and passes TERM on
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        mem_limit=spec.memory,
        memswap_limit=spec.memory,  # no swap beyond memory
        nano_cpus=int(max(0.01, min(spec.cpus, sandbox.processors)) * 1e9),
        pids_limit=sandbox.pids,
        oom_score_adj=500,  # when the machine itself runs out, tasks go before its services
        ulimits=[Ulimit(name="core", soft=0, hard=0), *_file_size(spec.mounts)],
        shm_size=max(1 << 20, spec.memory // 2),  # counts as memory
        tmpfs={
            **{path: _tmpfs(spec, sandbox) for path in ("/tmp", *volumes)},
            **dict.fromkeys(places.frames, "ro,noexec,nosuid,nodev,mode=0755,size=64k"),
        },
        mounts=[_bind(mount) for mount in places.mounts],
        # the engine keeps the tail in a ring of files; the head is kept by who is attached
        log_config=LogConfig(
            type="local", config={"max-size": str(sandbox.log), "max-file": str(_LOG_FILES), "compress": "false"}
        ),
    )


def _file_size(mounts: tuple[Mount, ...]) -> list[Ulimit]:
    """No file much longer than the largest quota: a sparse one costs no disk, but whoever reads it would never end.

    Somewhat more than the quota, so that it is the quota that is met first and tells what happened.
    """
    largest = max((mount.quota for mount in mounts if mount.quota is not None), default=None)
    if largest is None:
        return []
    limit = largest + largest // 4 + (4 << 20)
    return [Ulimit(name="fsize", soft=limit, hard=limit)]


def _tmpfs(spec: ContainerSpec, sandbox: Sandbox) -> str:
    return f"rw,noexec,nosuid,nodev,mode=1777,size={min(sandbox.tmp, spec.memory)}"


def _bind(mount: Mount) -> BindMount:
    """Read-only unless it has a quota; what is mounted below the source on the host isn't shown.

    Engines before API 1.44 leave such inner mounts writable, so they are left out rather than made read-only.
    """
    bind = BindMount(
        mount.target, str(mount.source), type="bind", read_only=mount.quota is None, propagation="rprivate"
    )
    bind["BindOptions"]["NonRecursive"] = True
    return bind
