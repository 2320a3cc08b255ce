"""What a daemon works with: the three ports, and this node's own room, box, books and rules."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from node_runtime.daemon.audit import Audit
from node_runtime.daemon.chain_files import ChainFiles
from node_runtime.daemon.deliver import Courier
from node_runtime.daemon.metrics import Metrics
from node_runtime.daemon.outbox import Outbox
from node_runtime.daemon.pool import Pool
from node_runtime.daemon.timings import TimingsFile
from node_runtime.ports import AssetStore, Chain, ContainerEngine
from node_runtime.storage.cache import Cache
from node_runtime.workspace import Workspaces


@dataclass(frozen=True, kw_only=True)
class Node:
    """Shared by the loop and the attempts' threads; every part of it may be used from any of them.

    ``private`` holds the bytes of this node's own samples, which never leave it. ``log_cap`` is the most that is kept
    of what building an image says, in bytes. ``quitting`` is set when the daemon ends and cuts waits short.
    """

    id: str
    work: Path
    files: ChainFiles
    chain: Chain
    store: AssetStore
    private: AssetStore
    cache: Cache
    workspaces: Workspaces
    engine: ContainerEngine
    pool: Pool
    outbox: Outbox
    courier: Courier
    audit: Audit
    metrics: Metrics
    timings: TimingsFile
    share_private_logs: bool = False
    log_cap: int = 1 << 20
    quitting: threading.Event = field(default_factory=threading.Event)
