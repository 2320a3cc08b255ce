"""How does a creator wait for tasks? Looks at the chain again and again until they are final, or need the creator."""

import threading
from collections.abc import Callable, Sequence

from node_runtime.ports import Chain
from node_runtime.task import Assignment, AssignmentState, Task, TaskId, TaskState

LOOK_AGAIN = 0.3  # seconds
_WENT_WRONG = (AssignmentState.FAILED, AssignmentState.LAPSED, AssignmentState.HANDED_BACK, AssignmentState.ABORTED)

Seen = Callable[[tuple[Task, ...]], None]
WentWrong = Callable[[Assignment], None]


def follow(
    chain: Chain, tasks: Sequence[TaskId], *, seen: Seen, went_wrong: WentWrong, stop: threading.Event
) -> tuple[Task, ...]:
    """Until every task is final or paused, or `stop` is set. Returns the last look.

    `seen` is told of each look, `went_wrong` once of each attempt that brought no result.
    """
    told: set[tuple[TaskId, int]] = set()
    while True:
        found = tuple(task for task in map(chain.task, tasks) if task is not None)
        for attempt in _attempts(chain, found):
            if attempt.state in _WENT_WRONG and (attempt.task, attempt.epoch) not in told:
                told.add((attempt.task, attempt.epoch))
                went_wrong(attempt)
        seen(found)
        if all(task.state.final or task.state is TaskState.PAUSED for task in found) or stop.wait(LOOK_AGAIN):
            return found


def _attempts(chain: Chain, tasks: Sequence[Task]) -> list[Assignment]:
    """Of each worker the latest: one that takes a task again within a look hides how its last attempt ended."""
    return [attempt for task in tasks if task.state is not TaskState.WAITING for attempt in chain.attempts(task.id)]
