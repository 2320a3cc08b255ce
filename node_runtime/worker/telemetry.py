"""What a daemon tells of itself to its operator's tools: metrics, health and traces, made before its node is opened."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from node_runtime.config import NodeConfig

from .checks import checking
from .endpoint import Endpoint
from .gauges import observed
from .health import Health
from .metrics import Metrics
from .node import Node
from .state_dir import only_daemon_in
from .traces import NoTraces, Traces, open_traces


@dataclass(frozen=True, kw_only=True)
class Telemetry:
    """Each part is thread-safe. Metrics and health collect whether they are served or not."""

    metrics: Metrics = field(default_factory=Metrics)
    health: Health = field(default_factory=Health)
    traces: Traces = field(default_factory=NoTraces)


@contextmanager
def open_telemetry(config: NodeConfig) -> Iterator[Telemetry]:
    """Serve the endpoint and send traces, each if it is configured.

    Raises `ConfigError` for a port that can't be bound, for traces without the packages that send them, and where the
    node's daemon runs already: it would be taken for a port that is in use.
    """
    with closing(open_traces(config.traces, node=config.node)) as traces:
        telemetry = Telemetry(traces=traces)
        if config.metrics_port is not None:
            with only_daemon_in(config.work):
                Endpoint(telemetry.metrics, telemetry.health).serve(config.metrics_port, config.metrics_address)
        yield telemetry


@contextmanager
def watched(node: Node, config: NodeConfig) -> Iterator[None]:
    """Add the node's parts to what the endpoint tells, if it is configured, until exit."""
    if config.metrics_port is None:
        yield
        return
    with observed(node), checking(node):
        yield
