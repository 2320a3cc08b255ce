"""One attempt of this node at a task: what it runs, and how it is told to stop early."""

import threading
from dataclasses import dataclass, field
from enum import StrEnum

from node_runtime.daemon.pool import Reservation
from node_runtime.document import Document
from node_runtime.errors import FailureCategory, NodeRuntimeError, TaskFailed
from node_runtime.task import Assignment, Spec, Task
from node_runtime.workspace import AttemptId

REPORT_TIME = 20_000  # ms before its due at which an attempt is ended: to stop its container, and for some blocks


def last_moment(hold: Assignment) -> float:
    """When an attempt that still runs is ended, ms since 1970."""
    whole = hold.due - hold.since
    return hold.due - max(min(REPORT_TIME, whole / 4), whole / 50)


class StopReason(StrEnum):
    ENDED_ON_CHAIN = "ended_on_chain"  # lapsed or aborted: nothing is to be sent any more
    OUT_OF_TIME = "out_of_time"  # it would lapse before its container ends: a report costs less than the bond
    HAND_BACK = "hand_back"  # the daemon stops: somebody else shall have the slot


class Ending:
    """Set by the loop, watched by the attempt's thread and its container. The first reason stays.

    ``event`` is set by every reason, ``over`` only when the attempt can bring no result any more.
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
        """Raise `Stopped` once an end was requested, `TaskFailed` when there is still time to tell the chain.

        ``missing`` is what didn't come about in time.
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
    """The attempt ends without a result because its ending was requested."""

    def __init__(self, reason: StopReason) -> None:
        super().__init__(f"the attempt was stopped: {reason}")
        self.reason = reason


@dataclass(frozen=True, kw_only=True, eq=False)
class Attempt:
    """``seen`` is `time.monotonic` when the task was first seen on chain."""

    task: Task
    spec: Spec
    document: Document
    assignment: Assignment
    reservation: Reservation
    seen: float
    ending: Ending = field(default_factory=Ending)

    @property
    def id(self) -> AttemptId:
        """The same after a restart: containers, folders and uploads of the attempt derive from it."""
        return AttemptId(task=self.assignment.task, epoch=self.assignment.epoch)
