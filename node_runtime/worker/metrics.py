"""Metrics of a node for Prometheus: what its attempts, claims and polls count. docs/monitoring.md explains each.

What is read from the node's parts at each scrape is in `gauges`.
"""

from enum import StrEnum

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from node_runtime import __version__
from node_runtime.domain.task import UNIT, Balance
from node_runtime.errors import FailureCategory

from .attempt import StopReason
from .reasons import Reason

BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400)

DONE, FAILED, UNWANTED, INTERRUPTED = "done", "failed", "unwanted", "interrupted"
OUTCOMES = (DONE, FAILED, UNWANTED, INTERRUPTED, StopReason.ENDED_ON_CHAIN, StopReason.HAND_BACK)
"""How attempts end; each failed one has a category."""


class ClaimOutcome(StrEnum):
    CLAIMED = "claimed"
    REFUSED = "refused"  # the chain refused it, e.g. since another node was first
    UNANSWERED = "unanswered"  # the chain didn't answer: it may still take effect


class ReviewOutcome(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Metrics:
    """One node's metrics in their own registry, so that a process may run several nodes. Thread-safe.

    No label names a task, an account or an asset: every set of labels is bounded.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # `resets()` tells what they say
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        Info("node_runtime_build", "The release that runs", registry=self.registry).info({"version": __version__})
        self._steps = Histogram(
            "node_runtime_step_seconds",
            "Seconds a step of a task took, spans included",
            ["step"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._attempts = self._counter("attempts", "Attempts by how they ended", "outcome", OUTCOMES)
        self._failures = self._counter("failures", "Failed attempts by category", "category", FailureCategory)
        self._refusals = self._counter("refusals", "Tasks refused by reason", "reason", Reason)
        self._claims = self._counter("claims", "Claims by the chain's answer", "outcome", ClaimOutcome)
        self._reviews = self._counter("reviews", "Submitted results by their review", "verdict", ReviewOutcome)
        self._paid = Counter("node_runtime_paid_units", "UNIT paid to this node", registry=self.registry)
        self._poll_errors = Counter("node_runtime_poll_errors", "Polls that an error ended", registry=self.registry)
        self._polled = self._gauge("poll_timestamp_seconds", "When a poll of the chain last succeeded")
        self._head = self._gauge("chain_head_timestamp_seconds", "Timestamp of the newest finalised block")
        self._skew = self._gauge(
            "clock_skew_seconds", "Seconds this machine's clock is ahead of the chain's, as far as that is certain"
        )
        self._free = self._gauge("balance_free_units", "UNIT that the account may spend")
        self._held = self._gauge("balance_held_units", "UNIT of the account that the chain holds, bonds included")
        self._bonds = self._gauge("bonds_units", "UNIT of bonds of the attempts under way")

    def step(self, name: str, seconds: float) -> None:
        self._steps.labels(name).observe(seconds)

    def ended(self, outcome: str) -> None:
        """Count an attempt that ended with one of `OUTCOMES`, or failed with this category."""
        failed = outcome in tuple(FailureCategory)
        self._attempts.labels(FAILED if failed else outcome).inc()
        if failed:
            self._failures.labels(outcome).inc()

    def refused(self, reason: Reason) -> None:
        self._refusals.labels(reason).inc()

    def claimed(self, outcome: ClaimOutcome) -> None:
        self._claims.labels(outcome).inc()

    def reviewed(self, verdict: ReviewOutcome) -> None:
        self._reviews.labels(verdict).inc()

    def paid(self, amount: int) -> None:
        """``amount`` in base units."""
        self._paid.inc(amount / UNIT)

    def polled(self) -> None:
        self._polled.set_to_current_time()

    def poll_failed(self) -> None:
        self._poll_errors.inc()

    def head(self, stamp: int) -> None:
        """``stamp`` in ms since 1970."""
        self._head.set(stamp / 1000)

    def clock_skew(self, seconds: float) -> None:
        self._skew.set(seconds)

    def balance(self, balance: Balance) -> None:
        self._free.set(balance.free / UNIT)
        self._held.set(balance.held / UNIT)

    def bonds(self, amount: int) -> None:
        """``amount`` in base units."""
        self._bonds.set(amount / UNIT)

    def _counter(self, name: str, what: str, label: str, values: "type[StrEnum] | tuple[str, ...]") -> Counter:
        """Make a counter with each of its series at 0: the rate of one that appears at 1 lacks its first event."""
        counter = Counter(f"node_runtime_{name}", what, [label], registry=self.registry)
        for value in values:
            counter.labels(value)
        return counter

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(f"node_runtime_{name}", what, registry=self.registry)
