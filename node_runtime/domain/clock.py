"""The machine's wall clock and steady clock, and estimates of the chain's clock.

The wall clock may be wrong and may be set at any moment. The steady clock counts milliseconds since boot, suspended
time included, and can't be set; it measures the elapsed time of an attempt.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

import psutil

from node_runtime.ports.chain import ChainReads

from .task import Assignment, AssignmentState
from .units import duration

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TOLD = 5_000  # ms of skew beyond which a warning is logged
WRONG = 30_000  # ms of skew beyond which the wall clock is not trusted
CLOCK_REMEDY = "set this machine's clock, e.g. 'timedatectl set-ntp true'"
LATE = 30_000  # ms after a limit by which the chain has acted on it
_TIED_FOR = 3_600_000  # ms for which a reading is valid: the steady clock stops in a paused virtual machine


def wall_clock() -> int:
    """Return this machine's time, ms since 1970."""
    return time.time_ns() // 1_000_000


def steady_clock() -> int:
    """Return milliseconds since boot, the same for all processes."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


@cache
def boot_id() -> str:
    """Return an id of this boot, to which readings of the steady clock belong."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"{psutil.boot_time():.0f}"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Both clocks at one moment, ms."""

    wall: int
    steady: int


@dataclass(frozen=True, kw_only=True)
class Clock:
    """This machine's clocks."""

    wall: Callable[[], int] = wall_clock
    steady: Callable[[], int] = steady_clock

    def read(self) -> Reading:
        return Reading(wall=self.wall(), steady=self.steady())


def current_time(chain: ChainReads) -> int:
    """Estimate the next block's timestamp in ms, assuming that this machine's clock is right.

    The chain's own timestamp is old between transactions on a chain that makes blocks on demand.
    """
    return max(chain.now(), wall_clock())


def time_before(limit: int, *, estimate: int, head: int) -> int:
    """Return the chain's time for an object that the chain still shows as open, live or under review until ``limit``.

    ``estimate`` is this machine's estimate, ``head`` the newest block's timestamp. The chain acts by itself at a limit,
    so an object unchanged long after it shows that this machine's clock is ahead; then ``head`` alone counts.
    """
    return head if estimate > limit + LATE else max(estimate, head)


def time_left(assignment: Assignment, *, estimate: int, head: int) -> int:
    """Return milliseconds until the assignment is due, negative afterwards; see `time_before`."""
    live = assignment.state is AssignmentState.LIVE
    return assignment.due - (time_before(assignment.due, estimate=estimate, head=head) if live else max(estimate, head))


@dataclass(frozen=True, kw_only=True)
class _Tie:
    """A bound of the chain's clock: its timestamp ``stamp`` at ``steady`` on the steady clock."""

    stamp: int
    steady: int

    def at(self, steady: int) -> int:
        return self.stamp + steady - self.steady


class ChainTime:
    """Estimates the chain's time between two bounds: its newest block, and the block with this node's latest claim.

    A block is made before it is seen and after its transactions were sent; its timestamp may be up to ``slot`` ms
    earlier. Thread-safe; makes no chain calls.
    """

    def __init__(self, clock: Clock, *, slot: int) -> None:
        self.clock = clock
        self._slot = slot
        self._guard = threading.Lock()
        self._head: _Tie | None = None
        self._claim: _Tie | None = None

    def saw_head(self, stamp: int) -> None:
        """Record the timestamp of the newest finalised block."""
        with self._guard:
            if self._head is None or stamp > self._head.stamp:
                self._head = _Tie(stamp=stamp, steady=self.clock.steady())

    def saw_claim(self, stamp: int, *, sent: int) -> None:
        """Record the timestamp of the block with a claim sent at ``sent`` on the steady clock."""
        with self._guard:
            self._claim = _Tie(stamp=stamp + 2 * self._slot, steady=sent)

    @contextmanager
    def sending(self, chain: ChainReads) -> Iterator[None]:
        """Wrap a call that sends a transaction; record the newest block afterwards as the one that contains it."""
        sent = self.clock.steady()
        yield
        stamp = chain.now()
        self.saw_head(stamp)
        self.saw_claim(stamp, sent=sent)

    def at_least(self) -> int:
        """Return the lower bound of the chain's time: the newest block's timestamp plus the time since it was seen."""
        with self._guard:
            return self._head.at(self.clock.steady()) if self._head is not None else 0

    def now(self) -> int:
        """Return the best estimate, ms since 1970: the wall clock, limited by the bounds."""
        reading = self.clock.read()
        return reading.wall - self._skew(reading)

    def skew(self) -> int:
        """Return the least possible skew in ms: positive when the wall clock is ahead of the chain's."""
        return self._skew(self.clock.read())

    def _skew(self, reading: Reading) -> int:
        with self._guard:
            head, claim = self._head, self._claim
        low = head.at(reading.steady) if head is not None else None
        if low is not None and reading.wall < low:
            return reading.wall - low
        if claim is None or reading.steady > claim.steady + _TIED_FOR:
            return 0
        high = claim.at(reading.steady)
        return max(0, reading.wall - max(high, low or high))


class ClockStanding(StrEnum):
    """The classes of clock skew."""

    RIGHT = "right"
    OFF = "off"
    WRONG = "wrong"


def standing_of(skew: int) -> ClockStanding:
    off = abs(skew)
    return ClockStanding.WRONG if off > WRONG else ClockStanding.OFF if off > TOLD else ClockStanding.RIGHT


def describe_skew(skew: int) -> str:
    return f"this machine's clock is {duration(abs(skew))} {'ahead of' if skew > 0 else 'behind'} the chain's"
