"""The ranges of uids that the containers of this machine's nodes run as, and their collisions."""

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from node_runtime.config import MOST_SLOTS, UID_BASE, NodeConfig, load_config
from node_runtime.engines.docker.client import connect, engine_trouble
from node_runtime.engines.docker.settings import (
    NODE_LABEL,
    PAUSE_LABEL,
    USER_LABEL,
    UidRange,
    collisions,
    free_range,
)
from node_runtime.errors import NodeRuntimeError
from node_runtime.localnet.network import NODES
from node_runtime.platform.paths import network_folder
from node_runtime.ports.engine import Confinement
from node_runtime.worker.state_dir import ID

_OF_NETWORKS = 16  # ranges from UID_BASE on, for nodes of local networks
_PASSWD, _SUBUID = Path("/etc/passwd"), Path("/etc/subuid")

UID_REMEDY = "give one of them another sandbox.uid_base in its node.yaml, far from these"


def describe_isolation(confined: Confinement) -> str:
    """Describe the isolation between the containers of one node."""
    uid, _ = confined.user
    if confined.user_per_slot:
        return f"containers of slot N run as uid {uid} + N"
    return (
        f"all containers of a node run as uid {uid}: limits that the kernel counts per user (inotify, pending signals) "
        "are shared, so one task can use up another's; a daemon of root gives each slot a uid of its own"
    )


def ranges_of(configs: Sequence[Path]) -> tuple[UidRange, ...]:
    """Return the uid ranges of these configurations, else of the local network's nodes.

    Raises `ConfigError` for an invalid configuration.
    """
    named = configs or sorted(network_folder().glob(f"{NODES}/*/node.yaml"))
    return tuple(_range(load_config(path)) for path in named)


def collisions_of(ranges: Sequence[UidRange], *, engine: str) -> Iterator[str]:
    """Yield collisions of the ranges with this machine's users, other nodes on the engine, and each other."""
    with closing(connect(engine, timeout=30)) as client, engine_trouble(f"the engine at {engine}"):
        holders = [
            {"node": labels[NODE_LABEL], "user": labels.get(USER_LABEL, "")}
            for labels in _labels(client.containers(filters={"label": PAUSE_LABEL}))
            if labels.get(PAUSE_LABEL) and NODE_LABEL in labels
        ]
    passwd, subuid = _read(_PASSWD), _read(_SUBUID)
    for mine in ranges:
        others = [one for one in ranges if one is not mine]
        known = collisions(mine, passwd=passwd, subuid=subuid, holders=holders, others=others)
        yield from (f"{mine}: {collision}" for collision in known)


def free_uids(account: str) -> UidRange:
    """Return a range of uids for a new node: by its account, so that nodes of one machine, wherever they are, differ.

    It meets neither this machine's users nor the local network's nodes.
    """
    others: tuple[UidRange, ...] = ()
    with suppress(NodeRuntimeError):  # an invalid node.yaml there
        others = ranges_of(())
    return free_range(
        first=UID_BASE + _OF_NETWORKS * MOST_SLOTS,
        count=MOST_SLOTS,
        start=int.from_bytes(sha256(account.encode()).digest()[:4]),
        passwd=_read(_PASSWD),
        subuid=_read(_SUBUID),
        others=others,
    )


def _range(config: NodeConfig) -> UidRange:
    with suppress(OSError):
        name = f"{config.node}-{(config.work / ID).read_text(encoding='ascii').strip()}"
        return UidRange(node=name, first=config.sandbox.uid_base, count=config.slots)
    return UidRange(node=config.node, first=config.sandbox.uid_base, count=config.slots)


def _labels(listed: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    return (one.get("Labels") or {} for one in listed)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
