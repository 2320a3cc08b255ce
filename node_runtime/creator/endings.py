"""How attempts and tasks ended without a result: the last line of a failure's log, the cause of a task's end."""

from collections.abc import Iterator

from node_runtime.domain.task import AssignmentState, Task, TaskId, TaskState
from node_runtime.domain.units import moment
from node_runtime.platform.printable import one_line
from node_runtime.ports.chain import ChainReads
from node_runtime.ports.store import AssetStore

from .mentions import MentionTask
from .results import failure_words
from .tasks import TaskView

_ENDED = (AssignmentState.FAILED, AssignmentState.LAPSED, AssignmentState.HANDED_BACK)
_LONGEST = 200  # characters of a log's line
MOST_ANCESTORS = 16


def failures(view: TaskView, store: AssetStore | None) -> Iterator[str]:
    """Yield a sentence for each failed attempt that freed its slot, with the last line of its log."""
    for attempt in view.attempts:
        if attempt.state not in _ENDED:
            continue
        cause = f" ({attempt.category})" if attempt.category is not None else ""
        told = f"{attempt.worker} took it, but its attempt {attempt.state.replace('_', ' ')}{cause}"
        if attempt.state is AssignmentState.FAILED:
            message, last = failure_words(attempt, store) if store is not None else ("", "")
            told += f": {_cut(message)}" if message else ""
            told += f"; its last line: {_cut(last)}" if last else ""
            told += f"; see 'node-runtime logs {attempt.task}'"
        yield told


def _cut(text: str) -> str:
    shown = one_line(text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} ..."


def why_it_ended(view: TaskView, chain: ChainReads, store: AssetStore | None, *, mention: MentionTask) -> Iterator[str]:
    """Yield why a final task has not all its results; nothing for one that is done."""
    task = view.task
    if task.state is TaskState.CANCELLED:
        yield from failures(view, store)
        yield _cancelled(task, view.spec.parents if view.spec is not None else (), chain, mention)
    elif task.state is TaskState.FAILED:
        yield from failures(view, store)
        yield f"it failed{_at(task)}: too many attempts reported that the task itself is broken"
    elif task.state is TaskState.EXPIRED:
        yield from failures(view, store)
        yield f"its deadline passed{_at(task)}"


def _cancelled(task: Task, parents: tuple[TaskId, ...], chain: ChainReads, mention: MentionTask) -> str:
    parent = _cause(task, parents, chain)
    if parent is None:
        declined = ", or declined by the account it was offered to" if task.terms.assignee is not None else ""
        return f"it was cancelled{_at(task)} by its creator{declined}"
    told = f"it was cancelled{_at(task)} with {mention(parent.id)}, whose model it needs"
    for _ in range(MOST_ANCESTORS):
        spec = chain.spec(parent.id)
        above = _cause(parent, spec.parents if spec is not None else (), chain)
        if parent.state is not TaskState.CANCELLED or above is None:
            break
        told, parent = f"{told}; that one with {mention(above.id)}", above
    outcome = {TaskState.CANCELLED: "was cancelled by its creator"}.get(parent.state, parent.state.value)
    return f"{told}: {mention(parent.id)} {outcome}{_at(parent)}; see 'node-runtime show {parent.id}'"


def _cause(task: Task, parents: tuple[TaskId, ...], chain: ChainReads) -> Task | None:
    """Return the parent that ended without a model no later than the task did; a later end is not its cause."""
    for number in parents:
        parent = chain.task(number)
        ended = parent is not None and parent.state.final and parent.counters.accepted == 0
        if parent is not None and ended and (parent.ended or 0) <= (task.ended or 0):
            return parent
    return None


def _at(task: Task) -> str:
    return f" at {moment(task.ended)}" if task.ended is not None else ""
