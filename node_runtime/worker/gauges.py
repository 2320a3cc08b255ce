"""Gauges that are read from a node's parts at each scrape: pool, GPUs, cache, outbox and readiness.

A part that can't be read now, as at a full disk, is left out of the scrape.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from node_runtime.errors import NodeRuntimeError
from node_runtime.stores.cache import Cache

from .gpus import GpuPool
from .health import Health, HealthPart
from .metrics import Metrics
from .node import Node
from .outbox import Outbox
from .resources import ResourcePool

Read = Callable[[], Iterable[Metric]]


class _PartCollector(Collector):
    """Calls ``read`` at each scrape."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Return nothing: registering must not read."""
        return ()

    def collect(self) -> Iterable[Metric]:
        try:
            return tuple(self._read())
        except (NodeRuntimeError, OSError):
            return ()


@contextmanager
def observed(node: Node) -> Iterator[None]:
    """Add the gauges of the node's parts to its metrics until exit."""
    registry = node.metrics.registry
    reads: tuple[Read, ...] = (
        lambda: pool_gauges(node.pool),
        lambda: gpu_gauges(node.gpus, node.pool),
        lambda: cache_gauges(node.cache),
        lambda: outbox_gauges(node.outbox),
    )
    collectors = [_PartCollector(read) for read in reads]
    for collector in collectors:
        registry.register(collector)
    try:
        yield
    finally:
        for collector in collectors:
            registry.unregister(collector)


def observe_health(metrics: Metrics, health: Health) -> None:
    """Add the readiness of each part to the metrics."""
    metrics.registry.register(_PartCollector(lambda: health_gauges(health)))


def health_gauges(health: Health) -> Iterator[Metric]:
    obstacles = health.obstacles()
    ready = GaugeMetricFamily("node_runtime_ready", "Whether this part lets the node take tasks", labels=["part"])
    for part in HealthPart:
        ready.add_metric([part], 0 if part in obstacles else 1)
    yield ready


def pool_gauges(pool: ResourcePool) -> Iterator[Metric]:
    """Slots and resources. A resource of another kind is one more line here, and in docs/monitoring.md."""
    use = pool.use()
    yield _gauge("slots", "Tasks that may run at the same time", use.slots)
    yield _gauge("slots_used", "Slots that attempts have taken", use.slots_used)
    yield _gauge("cpus", "Processors for all tasks together", use.room.cpus)
    yield _gauge("cpus_reserved", "Processors that attempts have reserved", use.reserved.cpus)
    yield _gauge("memory_bytes", "Memory for all tasks together", use.room.memory)
    yield _gauge("memory_reserved_bytes", "Memory that attempts have reserved", use.reserved.memory)
    yield _gauge("disk_reserved_bytes", "Disk that attempts have reserved", use.reserved.disk)
    yield _gauge("disk_free_bytes", "Bytes free on the work folder's disk", use.free_disk)
    yield _gauge("disk_floor_bytes", "Bytes that stay free: with less nothing is claimed", use.disk_floor)


def gpu_gauges(gpus: GpuPool, pool: ResourcePool) -> Iterator[Metric]:
    """The GPUs that tasks may get; none where the operator gives none."""
    labels, reserved = ("index", "name", "uuid"), pool.use().gpus
    whole = GaugeMetricFamily("node_runtime_gpu_memory_bytes", "Memory of a GPU", labels=labels)
    free = GaugeMetricFamily("node_runtime_gpu_memory_free_bytes", "Memory of it that is free", labels=labels)
    used = GaugeMetricFamily("node_runtime_gpu_reserved", "1 while an attempt has it, else 0", labels=labels)
    for gpu in gpus.found():
        named = (gpu.index, gpu.name, gpu.uuid)
        for family, value in ((whole, gpu.memory), (free, gpu.free), (used, gpu.uuid in reserved)):
            family.add_metric(named, value)
    yield from (whole, free, used)


def cache_gauges(cache: Cache) -> Iterator[Metric]:
    yield _gauge("cache_bytes", "Size of the fetched assets that are kept", cache.size())
    yield _gauge("cache_limit_bytes", "Size above which those used longest ago are dropped", cache.limit)
    requests = CounterMetricFamily(
        "node_runtime_cache_requests", "Inputs by whether the cache had them", labels=["result"]
    )
    requests.add_metric(["hit"], cache.hits)
    requests.add_metric(["miss"], cache.misses)
    yield requests


def outbox_gauges(outbox: Outbox) -> Iterator[Metric]:
    deliveries = GaugeMetricFamily(
        "node_runtime_outbox_deliveries", "Results and failure reports by the last step that is done", labels=["step"]
    )
    for step, count in outbox.counts().items():
        deliveries.add_metric([step], count)
    yield deliveries


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"node_runtime_{name}", what, value=value)
