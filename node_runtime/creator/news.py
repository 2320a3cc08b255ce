"""What followed tasks are at, in words."""

from collections.abc import Callable, Sequence

from node_runtime.domain.assets import short
from node_runtime.domain.task import Assignment, AssignmentState, Task, TaskId, TaskState
from node_runtime.ports.chain import ChainReads
from node_runtime.ports.store import AssetStore
from node_runtime.runner.live_chunk import in_words

from .endings import message_of
from .live import AttemptProgress, progress_of
from .mentions import Mentions

_ENDED = {
    AssignmentState.FAILED: "failed",
    AssignmentState.LAPSED: "brought nothing in time",
    AssignmentState.HANDED_BACK: "was handed back by its node",
    AssignmentState.ABORTED: "was stopped by you",
}

AtWork = Callable[[AttemptProgress], str]
"""Describes an attempt at work."""


class TaskNews:
    """What followed tasks are at; `failed` are those of which an attempt went wrong."""

    def __init__(self, chain: ChainReads, store: AssetStore, mentions: Mentions) -> None:
        self.failed: set[TaskId] = set()
        self._chain = chain
        self._store = store
        self._mentions = mentions
        self._parents: dict[TaskId, tuple[TaskId, ...]] = {}

    def of(self, task: Task, at_work: AtWork) -> str:
        """Return what the task is at."""
        attempts = self._chain.attempts(task.id) if task.counters.live else ()
        progress = progress_of(attempts, self._chain, self._store)
        waits_for = self._awaited(task) if task.state is TaskState.WAITING else ()
        awaited = tuple(map(self._mentions.task, waits_for))
        return describe_task(task, progress, waits_for=awaited, failed=task.id in self.failed, at_work=at_work)

    def went_wrong(self, attempt: Assignment) -> str:
        """Note an attempt that ended without a result; return how, e.g. ``task 3 iris: attempt 1 of 5FHn…94ty failed``.

        With its category, and the message of its node where that can be read.
        """
        self.failed.add(attempt.task)
        category = f", {attempt.category}" if attempt.category is not None else ""
        message = message_of(attempt, self._store)
        told = f"attempt {attempt.epoch} of {short(attempt.worker)} {_ENDED[attempt.state]}{category}"
        return f"{self._mentions.task(attempt.task)}: {told}" + (f": {message}" if message else "")

    def _awaited(self, task: Task) -> tuple[TaskId, ...]:
        """Return the tasks whose models the task waits for."""
        if task.id not in self._parents:
            spec = self._chain.spec(task.id)
            self._parents[task.id] = spec.parents if spec is not None else ()
        parents = ((number, self._chain.task(number)) for number in self._parents[task.id])
        return tuple(number for number, parent in parents if parent is not None and not parent.counters.accepted)


def doing(progress: AttemptProgress) -> str:
    """Return the stage alone, e.g. ``train``; ``at work`` while the worker publishes none."""
    return in_words(progress.stage) if progress.stage is not None else "at work"


def describe_task(
    task: Task, progress: Sequence[AttemptProgress], *, waits_for: Sequence[str], failed: bool, at_work: AtWork = doing
) -> str:
    """Return what a task is at; an open one is at work, under review, or waits for a node."""
    if task.state is TaskState.WAITING:
        return f"waits for the model of {' and '.join(waits_for)}" if waits_for else "about to open"
    if task.state is not TaskState.OPEN:
        return task.state
    parts = list(map(at_work, progress))
    parts += ["at work"] if task.counters.live and not progress else []
    several, counters = task.terms.slots > 1, task.counters
    if counters.submitted:
        parts.append(f"{counters.submitted} under review" if several else "under review")
    if several:
        parts.append(f"{counters.accepted} of {task.terms.slots} accepted")
    if task.free_slots and not (counters.live or counters.submitted):
        parts.append(describe_untaken(task, failed=failed))
    return "; ".join(parts) or "its last result is being settled"


def describe_untaken(task: Task, *, failed: bool) -> str:
    """Return what an open task waits for that nobody is at work on."""
    if failed:
        number = task.id
        return f"open for another try; see 'node-runtime logs {number}', or give up with 'node-runtime cancel {number}'"
    if task.terms.assignee is not None:
        return f"waits for {short(task.terms.assignee)} to take it"
    return "waits for a node to take it"
