"""How does a creator wait for tasks? Looks at the chain again and again until they are final, or need the creator."""

import threading
from collections.abc import Callable, Sequence

from node_runtime.ports import Chain
from node_runtime.task import Task, TaskId, TaskState

LOOK_AGAIN = 0.3  # seconds

Seen = Callable[[tuple[Task, ...]], None]


def follow(chain: Chain, tasks: Sequence[TaskId], *, seen: Seen, stop: threading.Event) -> tuple[Task, ...]:
    """Until every task is final or paused, or `stop` is set; `seen` is told of each look. Returns the last look."""
    while True:
        found = tuple(task for task in map(chain.task, tasks) if task is not None)
        seen(found)
        if all(task.state.final or task.state is TaskState.PAUSED for task in found) or stop.wait(LOOK_AGAIN):
            return found
