"""Health of a daemon: whether its loop turns, and whether chain, storage, engine and funds let it work."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

STALLED = 300.0  # seconds without a turn: longer than a claim waits for finality, and than errors pause the loop
OVERDUE = 30.0  # seconds a check may take before its part counts as unavailable
STATUS_REMEDY = "see 'node-runtime status' and the daemon's log"


class HealthPart(StrEnum):
    """What a daemon needs to take tasks, in the order of its reports."""

    DAEMON = "daemon"
    CHAIN = "chain"
    STORAGE = "storage"
    ENGINE = "engine"
    FUNDS = "funds"


@dataclass(frozen=True, kw_only=True)
class _Known:
    """The latest check of a part: its obstacle, and since when the next one is under way (`time.monotonic`)."""

    obstacle: str
    pending: float | None = None


class Health:
    """Thread-safe. No method waits: what can't be known at once is told as an obstacle.

    Obstacles are shown to whoever reaches the port: they name no address, path or secret.
    """

    def __init__(self, *, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._guard = threading.Lock()
        self._turned: float | None = None
        self._stopping = False
        self._limit = STALLED
        self._parts = {part: _Known(obstacle="not checked yet") for part in HealthPart}
        self._parts[HealthPart.DAEMON] = _Known(obstacle="it starts")

    def turned(self, *, pause: float = 0.0) -> None:
        """Note that the loop goes on, and that it may now pause for as many seconds; nothing once it stops."""
        with self._guard:
            if not self._stopping:
                self._turned, self._limit = self._steady(), STALLED + pause

    def polled(self, obstacle: str | None) -> None:
        """Note what keeps a daemon that has recovered from taking tasks, after each poll; nothing once it stops."""
        with self._guard:
            if not self._stopping:
                self._parts[HealthPart.DAEMON] = _Known(obstacle=obstacle or "")

    def ready(self) -> None:
        """Note that the daemon has recovered and takes tasks."""
        self.checked(HealthPart.DAEMON, None)

    def stopping(self) -> None:
        """Note that the daemon stops: it isn't ready, and its loop needn't turn any more."""
        with self._guard:
            self._stopping, self._turned = True, None
            self._parts[HealthPart.DAEMON] = _Known(obstacle="it stops")

    def begins(self, part: HealthPart) -> None:
        """Note the begin of a check: one that doesn't end is an obstacle too."""
        with self._guard:
            self._parts[part] = _Known(obstacle=self._parts[part].obstacle, pending=self._steady())

    def checked(self, part: HealthPart, obstacle: str | None) -> None:
        with self._guard:
            self._parts[part] = _Known(obstacle=obstacle or "")

    def stalled(self) -> float | None:
        """Return for how many seconds the loop hasn't turned if that is too long; None while it lives.

        A loop that hasn't begun, since the chain is waited for, lives.
        """
        with self._guard:
            if self._turned is None:
                return None
            seconds = self._steady() - self._turned
            return seconds if seconds > self._limit else None

    def obstacles(self) -> dict[HealthPart, str]:
        """Return what keeps the daemon from taking tasks, by part; empty when it is ready."""
        with self._guard:
            told = {part: self._told(known) for part, known in self._parts.items()}
        stalled = self.stalled()
        if stalled is not None:
            told[HealthPart.DAEMON] = f"it has not polled for {stalled:.0f} s"
        return {part: obstacle for part, obstacle in told.items() if obstacle}

    def _told(self, known: _Known) -> str:
        waited = 0.0 if known.pending is None else self._steady() - known.pending
        return f"no answer for {waited:.0f} s" if waited > OVERDUE else known.obstacle
