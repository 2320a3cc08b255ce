"""The node: its ports, folders, outbox, audit file and resource pool in one object."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from node_runtime.domain.clock import ChainTime
from node_runtime.ports.chain import WorkerCalls
from node_runtime.ports.engine import ContainerEngine
from node_runtime.ports.store import AssetStore
from node_runtime.runner.workspace import Workspaces
from node_runtime.stores.cache import Cache

from .audit import Audit
from .delivery import DeliveryService
from .gpus import GpuPool
from .health import Health
from .live import LiveChannel
from .metrics import Metrics
from .outbox import Outbox
from .resources import ResourcePool
from .state_dir import ChainFiles
from .times import DEFAULTS, Times
from .timings import TimingsFile
from .traces import NoTraces, Traces


@dataclass(frozen=True, kw_only=True)
class Node:
    """Shared by the main loop and the attempts' threads; every part is thread-safe.

    ``private`` stores this node's own samples, which never leave it. ``log_cap`` limits an image's build log, in
    bytes. ``quitting`` is set at shutdown and interrupts waits.
    """

    id: str
    work: Path
    files: ChainFiles
    chain: WorkerCalls
    time: ChainTime
    store: AssetStore
    private: AssetStore
    cache: Cache
    workspaces: Workspaces
    engine: ContainerEngine
    pool: ResourcePool
    gpus: GpuPool
    outbox: Outbox
    delivery_service: DeliveryService
    live: LiveChannel
    audit: Audit
    metrics: Metrics
    health: Health
    timings: TimingsFile
    traces: Traces = field(default_factory=NoTraces)
    share_private_logs: bool = False
    log_cap: int = 1 << 20
    times: Times = DEFAULTS
    quitting: threading.Event = field(default_factory=threading.Event)
