"""How attempts and tasks ended without a result: a failure's words and steps, the cause of a task's end."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from node_runtime.domain.task import Assignment, AssignmentState, Task, TaskId, TaskState
from node_runtime.domain.units import moment
from node_runtime.errors import NodeRuntimeError
from node_runtime.platform.printable import one_line
from node_runtime.ports.chain import ChainReads
from node_runtime.ports.store import AssetStore
from node_runtime.runner.result_document import FAILURE_FILE, STEPS_FILE, ReachedSteps
from node_runtime.runner.untrusted import read_bytes

from .mentions import MentionTask
from .results import fetched_logs, read_logs
from .tasks import TaskView

_ENDED = (AssignmentState.FAILED, AssignmentState.LAPSED, AssignmentState.HANDED_BACK)
_LONGEST = 200  # characters of a log's line
MOST_ANCESTORS = 16
_MOST_STEPS = 4096  # bytes of a steps.json
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # colours and cursor movements


@dataclass(frozen=True, kw_only=True)
class FailedAttempt:
    """A failed attempt and the steps that it reached; None where its node doesn't tell them."""

    attempt: Assignment
    steps: ReachedSteps | None


def failed_attempts(view: TaskView, store: AssetStore) -> tuple[FailedAttempt, ...]:
    failed = (one for one in view.attempts if one.state is AssignmentState.FAILED)
    return tuple(FailedAttempt(attempt=one, steps=_steps_of(one, store)) for one in failed)


def _steps_of(attempt: Assignment, store: AssetStore) -> ReachedSteps | None:
    if attempt.log is None:
        return None
    try:
        with fetched_logs(attempt.log, store) as folder:
            return ReachedSteps.model_validate_json(read_bytes(folder / STEPS_FILE, most_bytes=_MOST_STEPS))
    except (NodeRuntimeError, ValueError):  # private, of an earlier release, or not what its name says
        return None


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


def failure_words(attempt: Assignment, store: AssetStore) -> tuple[str, str]:
    """Return the node's failure message of the attempt and the last line of the stage's log, each empty if unknown."""
    if attempt.log is None:
        return "", ""
    try:
        logs = {log.name: log.text for log in read_logs("", attempt.log, store)}
    except NodeRuntimeError:
        return "", ""
    told = logs.pop(FAILURE_FILE, "")
    named = [text for name, text in logs.items() if name in told] or list(logs.values())
    lines = [line for line in named[-1].splitlines() if line.strip()] if named else []
    return _first_line(told, attempt), _ESCAPES.sub("", lines[-1]).strip() if lines else ""


def message_of(attempt: Assignment, store: AssetStore) -> str:
    """Return the node's failure message of the attempt; empty when its log is private or not in storage."""
    if attempt.log is None:
        return ""
    try:
        logs = read_logs("", attempt.log, store)
    except NodeRuntimeError:
        return ""
    told = next((log.text for log in logs if log.name == FAILURE_FILE), "")
    return _first_line(told, attempt)


def _first_line(told: str, attempt: Assignment) -> str:
    first, more, _ = told.strip().partition("\n")
    return first.removeprefix(f"{attempt.category}: ") + (" ..." if more else "")


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
