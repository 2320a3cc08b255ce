"""Contention for open tasks: how many other nodes claim them, and an order of claims in which nodes rarely meet.

A node without rivals takes the oldest task first. With rivals it chooses among as many of the oldest tasks as these
have lately taken, in an order of its account's and the block's own, so that no task stays behind for good.
"""

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from hashlib import blake2b

from node_runtime.domain.assets import Account
from node_runtime.domain.task import TaskId

WIDEST = 256
"""The most tasks among which a node chooses, however many rivals it has."""

_HALF_LIFE = 30.0  # seconds
_DECAY = math.log(2) / _HALF_LIFE
_LOST = 64  # tasks that a lost race counts as: the other nodes' claims of the same moment are not in a block yet


class Contention:
    """Estimates how many tasks other nodes have lately taken. Not thread-safe.

    ``clock`` returns seconds. A task that is cancelled, or whose time is over, counts as taken too. ``trust`` is for
    how many seconds a task is passed over because of pending claims: anybody can send claims that the chain refuses.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, trust: float = 5.0) -> None:
        self._clock = clock
        self._trust = trust
        self._taken = 0.0
        self._began = self._counted = self._listed = clock()
        self._open: frozenset[TaskId] = frozenset()
        self._known: set[TaskId] = set()  # open tasks that have been counted already
        self._passed_over: dict[TaskId, float] = {}  # since when, of the open tasks

    def saw_open(self, tasks: Collection[TaskId], own: Collection[TaskId]) -> None:
        """Count the tasks that were open when last seen and aren't any more; ``own`` are this node's doing.

        They went at even intervals since then, as far as this node knows.
        """
        gone = self._open.difference(tasks, own, self._known)
        self._open = frozenset(tasks)
        self._known &= self._open
        self._passed_over = {task: since for task, since in self._passed_over.items() if task in self._open}
        before, self._listed = self._listed, self._clock()
        decay = _DECAY * (self._listed - before)
        self._count(len(gone) * (-math.expm1(-decay) / decay if decay > 0 else 1.0))

    def saw_pending(self, tasks: Collection[TaskId]) -> None:
        """Count open tasks that other nodes are about to take or have just taken, each once while it is listed."""
        new = set(tasks) - self._known
        self._known |= new
        self._count(len(new))

    def leaves_free(self, task: TaskId, *, slots: int, claims: int) -> bool:
        """Return whether one of the free ``slots`` is left by the pending ``claims``.

        Claims that have not filled the task some time after it was first passed over are ignored.
        """
        if slots < 1:
            return False
        if slots > claims:
            return True
        now = self._clock()
        return now >= self._passed_over.setdefault(task, now) + self._trust

    def lost(self) -> None:
        """Count a claim of this node that another one preceded."""
        self._count(_LOST)

    def width(self, opened: int) -> int:
        """Return the number of oldest tasks to choose among, of those that are open: 1 without rivals.

        A node that has just begun can't know its rivals, e.g. where all of them begin again with their chain. Until it
        does, it chooses among an eighth of the open tasks: all alike of a long list, the oldest of a short one.
        """
        self._count(0)
        unknown = opened // 8 if self._counted < self._began + _HALF_LIFE else 0
        return max(1, min(WIDEST, max(1 + int(self._taken), unknown)))

    def _count(self, taken: float) -> None:
        now = self._clock()
        self._taken = self._taken * math.exp(-_DECAY * (now - self._counted)) + taken
        self._counted = now


def claim_order(tasks: Sequence[TaskId], *, account: Account, moment: int, width: int) -> Iterator[TaskId]:
    """Yield the tasks, which are sorted by age, in an order that differs between accounts and moments.

    None precedes one that is ``width`` or more places older.
    """

    def draw(task: TaskId) -> bytes:
        return blake2b(f"{account} {moment} {task}".encode(), digest_size=8).digest()

    for start in range(0, len(tasks), width):
        yield from sorted(tasks[start : start + width], key=draw)
