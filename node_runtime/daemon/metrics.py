"""What this node measures for Prometheus: seconds a step, attempts by outcome, refusals, money."""

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from node_runtime.errors import ConfigError
from node_runtime.task import UNIT

log = structlog.get_logger()

BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)


class Metrics:
    """A registry of its own, so that several nodes may live in one process. Safe to share between threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._steps = Histogram(
            "node_runtime_step_seconds",
            "Seconds a step of a task took, spans included",
            ["step"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._attempts = Counter(
            "node_runtime_attempts", "Attempts by how they ended", ["outcome"], registry=self.registry
        )
        self._refusals = Counter("node_runtime_refusals", "Tasks refused by reason", ["reason"], registry=self.registry)
        self._running = Gauge("node_runtime_running", "Attempts under way", registry=self.registry)
        self._paid = Counter("node_runtime_paid_units", "UNIT paid to this node", registry=self.registry)

    def step(self, name: str, seconds: float) -> None:
        self._steps.labels(name).observe(seconds)

    def ended(self, outcome: str) -> None:
        self._attempts.labels(outcome).inc()

    def refused(self, reason: str) -> None:
        self._refusals.labels(reason).inc()

    def running(self, count: int) -> None:
        self._running.set(count)

    def paid(self, amount: int) -> None:
        """``amount`` in base units."""
        self._paid.inc(amount / UNIT)

    def serve(self, port: int, address: str = "127.0.0.1") -> None:
        """Answer ``/metrics`` from a thread of its own until the process ends. Port 0 is any that is free.

        Raises `ConfigError` for a port that can't be had.
        """
        try:
            server, _ = start_http_server(port, addr=address, registry=self.registry)
        except OSError as error:
            raise ConfigError(
                f"metrics_port: {address}:{port} can't be listened at: {error.strerror}",
                remedy="name another one, or 0 for any that is free",
            ) from error
        log.info("metrics_served", url=f"http://{address}:{server.server_port}/metrics")
