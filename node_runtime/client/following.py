"""Waiting for tasks, with a line for each change."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from node_runtime.creator.mentions import Mentions
from node_runtime.creator.news import TaskNews, doing
from node_runtime.creator.watch import follow, stall_reason
from node_runtime.domain.task import Assignment, Task, TaskId, TaskState
from node_runtime.errors import NodeRuntimeError, NoSuchTask

from .messages import in_python, translated

if TYPE_CHECKING:
    from .handles import TaskHandle
    from .session import Client


class NotDone(NodeRuntimeError):
    """Tasks that were waited for ended without their results, or nobody goes on with them. ``tasks`` are those."""

    def __init__(self, message: str, *, remedy: str, tasks: Sequence["TaskHandle"]) -> None:
        super().__init__(message, remedy=remedy)
        self.tasks = tuple(tasks)


class TimedOut(NodeRuntimeError):
    """Tasks that were waited for go on after the timeout; they are not cancelled."""


@in_python
def wait_for(
    client: "Client",
    tasks: Sequence["TaskHandle"],
    *,
    timeout: float | None = None,
    stop: threading.Event | None = None,
) -> tuple[TaskState, ...]:
    """Wait until the tasks are final or stalled, ``stop`` is set or ``timeout`` seconds are over; say what changes.

    Return their states. Raises `NotDone`, `TimedOut`, and `NoSuchTask` for one that isn't on chain any more.
    """
    ended, timer = stop or threading.Event(), None
    if timeout is not None:
        timer = threading.Timer(timeout, ended.set)
        timer.daemon = True
        timer.start()
    mentions = Mentions(client.chain, client.store)
    teller = _Teller(client, mentions)
    found = follow(
        client.chain,
        [TaskId(task.id) for task in tasks],
        seen=teller.seen,
        went_wrong=teller.went_wrong,
        stop=ended,
    )
    if timer is not None:
        timer.cancel()
    missing = {task.id for task in tasks} - {task.id for task in found}
    if missing:  # purged from the chain
        raise NoSuchTask(min(missing))
    stalled = {task.id for task in found if _is_stalled(client, task)}
    going_on = [task for task in found if not task.state.final and task.id not in stalled]
    lost = [task.id for task in found if task.id in stalled or (task.state.final and task.state is not TaskState.DONE)]
    if lost:
        raise _not_done([task for task in tasks if task.id in lost])
    if going_on and timeout is not None:
        told = "; ".join(f"{mentions.task(task.id)} is {task.state}" for task in going_on)
        raise TimedOut(f"not final after {timeout:g} s: {told}", remedy="wait again, or cancel what isn't needed")
    return tuple(task.state for task in found)


def _is_stalled(client: "Client", task: Task) -> bool:
    return not task.state.final and stall_reason(task, client.chain, now=client.chain.now()) is not None


def _not_done(lost: Sequence["TaskHandle"]) -> NotDone:
    told = [f"task {task.id} {task.name} is {task.state}{_because(task)}" for task in lost]
    return NotDone("\n".join(told), remedy=f"see client.task({lost[0].id}).logs()", tasks=lost)


def _because(task: "TaskHandle") -> str:
    reasons = task.why()
    return f": {'; '.join(reasons)}" if reasons else ""


class _Teller:
    """Says what each followed task is at whenever that changes."""

    def __init__(self, client: "Client", mentions: Mentions) -> None:
        self._say = client.say
        self._mentions = mentions
        self._news = TaskNews(client.chain, client.store, mentions)
        self._last: dict[TaskId, str] = {}

    def seen(self, tasks: tuple[Task, ...]) -> None:
        for task in tasks:
            told = self._news.of(task, doing)
            if told != self._last.get(task.id):
                self._say(translated(f"{self._mentions.task(task.id)}: {told}"))
            self._last[task.id] = told

    def went_wrong(self, attempt: Assignment) -> None:
        self._say(translated(self._news.went_wrong(attempt)))
