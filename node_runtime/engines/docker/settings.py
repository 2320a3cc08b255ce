"""Settings of the Docker adapter: the operator's limits, the labels it writes, collisions of its uids. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

GIB = 1 << 30
MIB = 1 << 20

LABEL = "node-runtime."
NODE_LABEL = f"{LABEL}node"
PAUSE_LABEL = f"{LABEL}holder"  # the slot, empty for a task's container
JOINED_LABEL = f"{LABEL}joined"  # on a task's container: the id of its slot's pause container
GPUS_LABEL = f"{LABEL}gpus"  # on a task's container: the UUIDs of its GPUs, separated by commas
USER_LABEL = f"{LABEL}user"  # on a pause container: the uid of the slot's containers
BUILT_LABEL = f"{LABEL}built"  # on an image and its containers: the node that built it
SOURCE_LABEL = f"{LABEL}source"  # on a built image: its folder and build arguments, see `images.source_of`

_NOT_GIVEN = (NODE_LABEL, PAUSE_LABEL, JOINED_LABEL, GPUS_LABEL, BUILT_LABEL, SOURCE_LABEL)


@dataclass(frozen=True, kw_only=True)
class EngineTimes:
    """The adapter's own timeouts and intervals, in seconds. Those of tasks and operators are in `EngineSettings`."""

    check: int = 5  # timeout of checks before any work begins
    close: int = 30  # timeout when closing; leftovers are removed at the next start
    registry: int = 5  # timeout of a registry's answer; short, since the caller checks many tasks
    end_request: float = 60.0  # between requests for the end of a container
    first_output: float = 300.0  # until a build's first line of output; it can be cancelled only from then on
    control_build: float = 90.0  # timeout of a control build
    control_kept: float = 20.0  # for which a successful control is reused
    control_again: float = 10.0  # until a failed control is repeated


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """Settings that are independent of a task. Sizes are in bytes, durations in seconds.

    ``node`` distinguishes the containers of nodes that share one engine. ``user`` runs inside containers; None means
    this process's own user, or for root ``uid_base`` plus the slot, or without that uid and gid 10001.
    ``build_network`` is the network of RUN steps; None means the engine's bridge, or the host's network where there is
    no bridge.
    """

    node: str
    work: Path  # the node's folder for locks and quota images
    docker_host: str | None = None  # e.g. unix:///var/run/docker.sock; None: the first engine that answers
    base_image: str = "python:3.11-slim-bookworm"
    image_aliases: tuple[tuple[str, str | Path], ...] = ()  # see `aliases`
    user: tuple[int, int] | None = None
    uid_base: int | None = None

    # sandbox
    pids: int = 256
    log: int = MIB  # cap of each container's log, half head and half tail
    files: int = 20_000  # entries in a folder with a quota
    mount_quotas: bool = True  # False: folders are watched even where mounting works
    gpu_driver: str | None = None  # nvidia or cdi; None: what the engine has
    stop_grace: float = 3.0  # between SIGTERM and SIGKILL

    # a build runs untrusted code with network access: only where the operator allows it
    build: bool = False
    build_memory: int = 4 * GIB
    build_timeout: float = 1800.0
    build_cpus: float | None = None  # None: all of the engine's
    build_pids: int = 1024  # process limit of one build, where this node can set it
    build_cgroup: str | None = None  # the parent cgroup of builds, where the operator made one
    build_arguments: tuple[tuple[str, str], ...] = ()  # for every RUN step, e.g. PIP_INDEX_URL
    build_network: str | None = None
    pull_silence: int = 60  # timeout between progress lines of a pull
    disk_floor: int = 2 * GIB  # free disk where the engine keeps images; below it nothing is built
    times: EngineTimes = EngineTimes()


def labels_given(written: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Extract the labels that a container's spec gave from all that were written."""
    ours = (item for item in written.items() if item[0].startswith(LABEL) and item[0] not in _NOT_GIVEN)
    return tuple(sorted((name.removeprefix(LABEL), value) for name, value in ours))


def gpus_given(written: Mapping[str, str]) -> tuple[str, ...]:
    """Extract the UUIDs of a container's GPUs from its labels."""
    return tuple(filter(None, written.get(GPUS_LABEL, "").split(",")))


_MOST_RANGES = 100_000  # among which a new node's is chosen


@dataclass(frozen=True, kw_only=True)
class UidRange:
    """The uids of a node's slots; ``node`` is its name on the engine, empty before its first run."""

    node: str
    first: int
    count: int

    def __contains__(self, uid: int) -> bool:
        return self.first <= uid < self.first + self.count

    def meets(self, first: int, count: int) -> bool:
        return self.first < first + count and first < self.first + self.count

    def __str__(self) -> str:
        return f"{self.first}-{self.first + self.count - 1}" if self.count > 1 else str(self.first)


def collisions(
    mine: UidRange, *, passwd: str, subuid: str, holders: Iterable[Mapping[str, str]], others: Iterable[UidRange] = ()
) -> Iterator[str]:
    """Describe each conflict with the range. ``passwd`` and ``subuid`` are file contents, see passwd(5) and subuid(5).

    ``holders`` are (node, user) of the pause containers on the engine, ``others`` the ranges of further nodes.
    """
    for fields in _lines(passwd, 3):
        if fields[2].isdecimal() and int(fields[2]) in mine:
            yield f"uid {fields[2]} is {fields[0]}'s"
    for name, first, count, *_ in _lines(subuid, 3):
        if first.isdecimal() and count.isdecimal() and mine.meets(int(first), int(count)):
            yield f"{first}-{int(first) + int(count) - 1} are given to {name} in /etc/subuid"
    for holder in holders:
        if holder["node"] != mine.node and holder["user"].isdecimal() and int(holder["user"]) in mine:
            yield f"uid {holder['user']} is used by node {holder['node']} on this engine"
    for other in others:
        if other.node != mine.node and mine.meets(other.first, other.count):
            yield f"{other} are those of node {other.node}"


def free_range(
    *, first: int, count: int, start: int, passwd: str, subuid: str, others: Iterable[UidRange] = ()
) -> UidRange:
    """Return a range of ``count`` uids from ``first`` on without a collision: the first from number ``start`` on."""
    known = tuple(others)
    for step in range(_MOST_RANGES):
        tried = UidRange(node="", first=first + count * ((start + step) % _MOST_RANGES), count=count)
        if not any(collisions(tried, passwd=passwd, subuid=subuid, holders=(), others=known)):
            return tried
    return tried


def _lines(text: str, least: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        fields = line.strip().split(":")
        if len(fields) >= least and not line.startswith("#"):
            yield fields
