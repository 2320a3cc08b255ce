"""Which tasks may this node hold without anybody at work on them, and when is the chain asked about them again?"""

import time
from dataclasses import dataclass

from node_runtime.task import TaskId

WAIT = 2.0  # seconds between two looks at one task
DOUBT = 900.0  # seconds; longer than a transaction lives, so a claim without an answer has happened by then or never


@dataclass(frozen=True, kw_only=True)
class _Loose:
    again: float  # time.monotonic
    until: float  # time.monotonic


class LooseHolds:
    """Claims whose answer was lost, and attempts that were left: by an earlier process, or for want of disk or storage.

    Attempts' threads may add to it; the rest is for the loop's thread alone.
    """

    def __init__(self) -> None:
        self._known: dict[TaskId, _Loose] = {}

    def add(self, task: TaskId, *, wait: float = WAIT) -> None:
        """The chain shows the hold, and nobody works on it."""
        now = time.monotonic()
        self._known[task] = _Loose(again=now + wait, until=now)

    def doubt(self, task: TaskId) -> None:
        """It was asked for, but the chain went away before it answered."""
        now = time.monotonic()
        self._known[task] = _Loose(again=now, until=now + DOUBT)

    def in_doubt(self, task: TaskId) -> bool:
        """Whether it was asked for, and the chain's answer is still out."""
        known = self._known.get(task)
        return known is not None and known.until > time.monotonic()

    def ready(self) -> tuple[TaskId, ...]:
        """Those to be looked at now."""
        now = time.monotonic()
        return tuple(task for task, known in tuple(self._known.items()) if known.again <= now)

    def not_held(self, task: TaskId) -> None:
        """The chain shows no hold: forget the task, unless its claim may still get there."""
        known, now = self._known[task], time.monotonic()
        if now >= known.until:
            del self._known[task]
        else:
            self._known[task] = _Loose(again=now + WAIT, until=known.until)

    def forget(self, task: TaskId) -> None:
        self._known.pop(task, None)
