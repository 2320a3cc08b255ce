"""What does the engine adapter need to know about this node? Filled in by the operator's configuration."""

from dataclasses import dataclass
from pathlib import Path

GIB = 1 << 30
MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """Everything that is not said by a task. Sizes in bytes, durations in seconds.

    ``node`` tells the containers of two nodes that share one engine apart. ``user`` is who runs inside containers; None
    is uid and gid 10001 when this process is root, else its own. ``build_network`` is for RUN steps of Dockerfiles:
    None is the engine's bridge, or the host's network when it has no bridge.
    """

    node: str
    work: Path  # of this node: locks and quota images lie here
    docker_host: str | None = None  # e.g. unix:///var/run/docker.sock; None: the first engine that answers
    base_image: str = "python:3.11-slim-bookworm"
    user: tuple[int, int] | None = None

    # sandbox
    pids: int = 256
    tmp: int = 256 * MIB  # /tmp, counts as memory
    log: int = MIB  # of each container's output, half from its head and half from its tail
    files: int = 20_000  # entries in a folder with a quota
    mount_quotas: bool = True  # False: folders are watched even where they could be mounted
    stop_grace: float = 3.0  # between TERM and KILL

    # building a Dockerfile runs foreign code with network: only where the operator allows it
    build: bool = False
    build_memory: int = 4 * GIB
    build_timeout: float = 1800.0
    build_network: str | None = None
    pull_silence: int = 60  # without a word from a registry
    disk_floor: int = 2 * GIB  # free where the engine keeps images; below it nothing is built
