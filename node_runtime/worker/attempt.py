"""An attempt under way: its task, its share of the node's resources, its cancellation and its progress."""

import threading
from dataclasses import dataclass, field
from enum import StrEnum

from node_runtime.domain.admission import Admitted
from node_runtime.domain.document import Document
from node_runtime.domain.task import Assignment, Task
from node_runtime.errors import FailureCategory, NodeRuntimeError, TaskFailed
from node_runtime.runner.attempt_id import AttemptId

from .resources import Reservation

REPORT_TIME = 20_000  # ms before its due at which an attempt is cancelled: time to stop its container and to submit


def report_time(assignment: Assignment) -> float:
    """Return how many milliseconds before its due a running attempt is cancelled."""
    whole = assignment.due - assignment.since
    return max(min(REPORT_TIME, whole / 4), whole / 50)


class StopReason(StrEnum):
    ENDED_ON_CHAIN = "ended_on_chain"  # lapsed or aborted: nothing can be submitted any more
    OUT_OF_TIME = "out_of_time"  # the report deadline passed: a failure report costs less than the bond
    HAND_BACK = "hand_back"  # the daemon stops: the slot goes back to the task


class Cancellation:
    """Cancellation of an attempt: set by the main loop, observed by the attempt's thread. The first reason stays.

    Every reason sets ``event``; ``over`` is set only when the attempt can't deliver a result any more.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self.over = threading.Event()
        self._reason: StopReason | None = None
        self._guard = threading.Lock()

    @property
    def reason(self) -> StopReason | None:
        return self._reason

    def request(self, reason: StopReason) -> None:
        with self._guard:
            self._reason = self._reason or reason
        if self._reason is not StopReason.HAND_BACK:
            self.over.set()
        self.event.set()

    def check(self, *, missing: str = "its inputs and images were ready") -> None:
        """Raise `Stopped` once cancelled, `TaskFailed` when there is still time to report a failure.

        ``missing`` names the step that didn't finish in time.
        """
        if self._reason is StopReason.OUT_OF_TIME:
            raise TaskFailed(
                FailureCategory.NODE_ERROR,
                f"the attempt's time was over before {missing}",
                remedy="give the task a longer timeout, or the node a faster connection",
            )
        if self._reason is not None:
            raise Stopped(self._reason)


class Stopped(NodeRuntimeError):
    """The attempt was cancelled and ends without a result."""

    def __init__(self, reason: StopReason) -> None:
        super().__init__(f"the attempt was stopped: {reason}")
        self.reason = reason


@dataclass(kw_only=True)
class Progress:
    """The step that an attempt is at: set by the attempt's thread, read by the main loop."""

    step: str = ""

    def begin(self, step: str) -> None:
        self.step = step


@dataclass(frozen=True, kw_only=True, eq=False)
class Attempt:
    """A claimed task with its resources. ``seen`` is `time.monotonic` when the task was first seen on chain.

    ``admitted`` holds what the chain knows of the document's inputs, which never changes once a task can be claimed.
    ``began`` is when its claim was sent, on the steady clock in ms, which alone measures the attempt's time.
    """

    task: Task
    document: Document
    admitted: Admitted
    assignment: Assignment
    reservation: Reservation
    seen: float
    began: int
    cancellation: Cancellation = field(default_factory=Cancellation)
    progress: Progress = field(default_factory=Progress)

    @property
    def due(self) -> int:
        """The assignment's due, on the steady clock, ms."""
        return self.began + self.assignment.due - self.assignment.since

    @property
    def report_deadline(self) -> float:
        """When it is cancelled if it still runs, on the steady clock, ms."""
        return self.due - report_time(self.assignment)

    @property
    def id(self) -> AttemptId:
        """The attempt's identity, stable across restarts: names of containers and folders derive from it."""
        return AttemptId(task=self.assignment.task, epoch=self.assignment.epoch)
