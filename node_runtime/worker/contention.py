"""Contention for open tasks: how many other nodes claim them, and an order of claims in which nodes rarely meet.

A node without rivals takes the oldest task first. With rivals it chooses among as many of the oldest tasks as these
have lately taken, in an order of its account's and the block's own, so that no task stays behind for good.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from hashlib import blake2b

from node_runtime.domain.assets import Account
from node_runtime.domain.task import TaskId

WIDEST = 256
"""The most tasks among which a node chooses, however many rivals it has."""

_HALF_LIFE = 30.0  # seconds
_LOST = 64  # tasks that a lost race counts as: the other nodes' claims of the same moment are not in a block yet


class Contention:
    """Estimates how many tasks other nodes have lately taken. Not thread-safe.

    ``clock`` returns seconds. A task that is cancelled, or whose time is over, counts as taken too.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._taken = 0.0
        self._began = self._counted = clock()
        self._open: frozenset[TaskId] = frozenset()

    def saw_open(self, tasks: Collection[TaskId], own: Collection[TaskId]) -> None:
        """Count the tasks that were open when last seen and aren't any more; ``own`` are this node's doing."""
        gone = self._open.difference(tasks, own)
        self._open = frozenset(tasks)
        self._count(len(gone))

    def saw_pending(self, claims: int) -> None:
        """Count claims of other nodes that no block contains yet."""
        self._count(claims)

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

    def _count(self, taken: int) -> None:
        now = self._clock()
        self._taken = self._taken * 0.5 ** ((now - self._counted) / _HALF_LIFE) + taken
        self._counted = now


def claim_order(tasks: Sequence[TaskId], *, account: Account, moment: int, width: int) -> Iterator[TaskId]:
    """Yield the tasks, which are sorted by age, in an order that differs between accounts and moments.

    None precedes one that is ``width`` or more places older.
    """

    def draw(task: TaskId) -> bytes:
        return blake2b(f"{account} {moment} {task}".encode(), digest_size=8).digest()

    for start in range(0, len(tasks), width):
        yield from sorted(tasks[start : start + width], key=draw)
