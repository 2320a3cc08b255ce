"""Timeouts, poll intervals and backoff of a daemon, in seconds."""

from dataclasses import dataclass

from tenacity import wait_exponential_jitter


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Exponential backoff with jitter: the first and the longest pause between tries."""

    first: float
    longest: float


@dataclass(frozen=True, kw_only=True)
class Times:
    """``full_poll``: interval between full polls while the chain's head stays the same.

    ``journey``: backoff of a whole journey and of its inputs; ``delivery``: of each step of a delivery; ``refusal``:
    until a task is checked again after a refusal that isn't lasting. ``plan_rest``: how long the local folder of a plan
    stays whose tasks are all done. ``longest_selection``: limit of one pass over open
    tasks, as storage or a registry may be slow. ``approval``: interval of checks for the operator's approval.
    """

    full_poll: float = 10.0
    settle: float = 0.1  # between a poll and the report of what it found
    longest_selection: float = 10.0
    journey: Backoff = Backoff(first=0.5, longest=10.0)
    delivery: Backoff = Backoff(first=0.2, longest=30.0)
    refusal: Backoff = Backoff(first=5.0, longest=300.0)
    approval: float = 2.0
    resume_interval: float = 2.0  # interval of checks of an assignment that no thread is working on
    confirmation: float = 900.0  # longer than a transaction's lifetime: after it an unanswered claim has no effect
    drain_timeout: float = 60.0  # timeout of cancelled attempts at shutdown: to remove containers and hand tasks back
    poll_timeout: float = 20.0  # timeout of a running poll at shutdown: its claim can still be handed back
    plan_rest: float = 600.0
    check: float = 10.0  # interval of the checks of chain, funds, storage and engine, where the endpoint is served
    live: float = 5.0  # interval at which the logs of running stages are read and published in storage
    log_interval: float = 10.0  # interval of log lines that list the pending threads


DEFAULTS = Times()


@dataclass(frozen=True, kw_only=True)
class Pace:
    """``poll``: seconds between polls; ``grace``: seconds that running attempts may continue after `Daemon.stop`."""

    poll: float = 1.0
    grace: float = 10.0


def backoff(pauses: Backoff) -> wait_exponential_jitter:
    """Convert the backoff to tenacity's wait strategy."""
    return wait_exponential_jitter(multiplier=pauses.first, max=pauses.longest, jitter=min(1.0, pauses.longest))
