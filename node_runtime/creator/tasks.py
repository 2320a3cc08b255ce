"""Which tasks are there, how far is each, and why does an open one wait?"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from pydantic import ValidationError

from node_runtime.document import FILE_NAME, Document
from node_runtime.errors import NoSuchTask, StorageError
from node_runtime.ports import AssetStore, Chain
from node_runtime.task import (
    Account,
    Assignment,
    AssignmentState,
    Kind,
    Spec,
    Submission,
    SubmissionState,
    Task,
    TaskId,
    TaskState,
)
from node_runtime.units import amount, duration, moment

MAX_DOCUMENT = 1 << 20  # bytes
JUST_CREATED = 10_000  # ms
LAST_START = 2_000  # ms before the deadline; the chain takes no claims after it


class Role(StrEnum):
    """What an account has to do with a task."""

    MINE = "mine"  # created it
    OPEN = "open"  # may take it
    WORKER = "worker"  # took it
    JUDGE = "judge"  # has a result of it to judge


@dataclass(frozen=True, kw_only=True)
class TaskView:
    """A task with everything that hangs on it. ``document`` is None when storage doesn't have it."""

    task: Task
    spec: Spec | None
    document: Document | None
    submissions: tuple[Submission, ...]
    attempts: tuple[Assignment, ...]

    @property
    def name(self) -> str:
        return self.document.name if self.document is not None else ""


def list_tasks(
    chain: Chain, store: AssetStore, *, role: Role, kind: Kind | None = None, state: TaskState | None = None
) -> tuple[TaskView, ...]:
    """The tasks that the account has this to do with; oldest first."""
    views = _views(chain, store, _numbers(chain, role, kind))
    wanted = (view for view in views if kind is None or view.task.terms.kind is kind)
    return tuple(view for view in wanted if state is None or view.task.state is state)


def _views(chain: Chain, store: AssetStore, numbers: Sequence[TaskId]) -> Iterator[TaskView]:
    for number in numbers:
        with suppress(NoSuchTask):  # purged since the numbers were read
            yield view_task(chain, store, number)


def view_task(chain: Chain, store: AssetStore, number: TaskId) -> TaskView:
    """Raises `NoSuchTask`."""
    task = chain.task(number)
    if task is None:
        raise NoSuchTask(number)
    spec = chain.spec(number)
    return TaskView(
        task=task,
        spec=spec,
        document=_document(spec, store) if spec is not None else None,
        submissions=chain.submissions(number),
        attempts=chain.attempts(number),
    )


def why_it_waits(view: TaskView, chain: Chain, *, now: int) -> tuple[str, ...]:
    """In sentences, as far as it can be known from here: nodes keep their policies to themselves."""
    task = view.task
    if task.state is TaskState.WAITING:
        return tuple(_parents(view, chain))
    reasons = [_paused(view)] if task.state is TaskState.PAUSED else []
    reasons += _reviews(view, chain.account, now)
    if task.state is TaskState.OPEN and task.free_slots > 0:
        reasons += _not_taken(view, now)
    return tuple(reasons)


def _paused(view: TaskView) -> str:
    number = view.task.id
    blamed = sorted({str(one.category) for one in view.attempts if one.category is not None})
    return (
        f"attempts failed ({', '.join(blamed)}): see 'node-runtime show {number}' and 'node-runtime logs {number}', "
        f"then 'node-runtime resume {number}' or 'node-runtime cancel {number}'"
    )


def _reviews(view: TaskView, account: Account, now: int) -> Iterator[str]:
    task, judge = view.task, view.task.terms.review.judge
    waiting = [one for one in view.submissions if one.state is SubmissionState.UNDER_REVIEW]
    for one in waiting:
        until = moment(one.until or 0)
        if now > (one.until or 0):
            yield f"submission {one.id} counts as accepted since {until}: nobody decided it, the chain pays it itself"
        else:
            whom = "you" if judge == account else judge
            yield f"submission {one.id} waits for {whom} until {until}, then it counts as accepted"
    open_still = [f"{task.id}/{one.id}" for one in waiting if now <= (one.until or 0)]
    if judge == account and open_still:
        which, shown = open_still[0], "it" if len(open_still) == 1 else "each"
        yield (
            f"to decide, 'node-runtime validate {task.id}' shows {shown} and asks; or look with 'node-runtime fetch "
            f"{which} FOLDER', then 'node-runtime accept {which}' or 'node-runtime reject {which} --reason ...'"
        )


def _numbers(chain: Chain, role: Role, kind: Kind | None) -> list[TaskId]:
    match role:
        case Role.MINE:
            return sorted(chain.tasks_of(chain.account))
        case Role.WORKER:
            return sorted(attempt.task for attempt in chain.assignments(chain.account))
        case Role.JUDGE:
            return sorted({task for task, _ in chain.reviews(chain.account)})
    kinds = tuple(Kind) if kind is None else (kind,)
    opened = [number for one in kinds for number in chain.open_tasks(one)]
    return sorted({*opened, *chain.offers(chain.account)})


def _document(spec: Spec, store: AssetStore) -> Document | None:
    try:
        return Document.model_validate_json(store.read_file(spec.digest, FILE_NAME, limit=MAX_DOCUMENT))
    except (StorageError, ValidationError):
        return None


def _parents(view: TaskView, chain: Chain) -> Iterator[str]:
    for number in view.spec.parents if view.spec is not None else ():
        parent = chain.task(number)
        if parent is not None and parent.counters.accepted == 0:
            yield f"it waits for the model of task {number}, which is {parent.state}"


def _not_taken(view: TaskView, now: int) -> Iterator[str]:
    task, terms = view.task, view.task.terms
    before = tuple(_earlier(view))
    yield from before
    if now > terms.deadline - LAST_START:
        yield f"its deadline is too near for anybody to start: {moment(terms.deadline)}"
        return
    if view.document is None:
        yield "its document is not in this storage: nodes which use the same storage can't read it either"
    if terms.assignee is not None:
        yield f"it is offered to {terms.assignee} only, which has not taken it{' again' if before else ''}"
    elif view.document is not None and view.document.person:
        yield f"it waits for a person, who does it with 'node-runtime work {task.id}'; nodes leave it alone"
    elif now - task.created < JUST_CREATED:
        yield "it was created moments ago; nodes look every few seconds"
    elif not any(one.state is AssignmentState.LIVE for one in view.attempts):
        yield (
            f"{_nobody(view, now)}: is one running whose policy allows this creator and {terms.kind} tasks for "
            f"{amount(terms.reward)}, with {amount(terms.bond)} for the bond and room for its limits? "
            "A node's own reasons stand in its log"
        )


def _nobody(view: TaskView, now: int) -> str:
    """Each slot is another account's, so whoever has a result here can't take the rest."""
    if view.submissions:
        return "a slot is free, and no other node has taken it"
    if view.attempts:
        return "no other node has taken it since"
    return f"no node has taken it in {duration(now - view.task.created)}"


def _earlier(view: TaskView) -> Iterator[str]:
    """What became of those who took it, where that left the slot free."""
    for one in view.submissions:
        if one.state is SubmissionState.REJECTED:
            reason = f": {one.reason}" if one.reason else ""
            yield f"submission {one.id} of {one.worker} was rejected{reason}; the slot is free for another node"
    for attempt in view.attempts:
        if attempt.state in (AssignmentState.FAILED, AssignmentState.LAPSED, AssignmentState.HANDED_BACK):
            cause = f" ({attempt.category})" if attempt.category is not None else ""
            look = f": see 'node-runtime logs {attempt.task}'" if attempt.state is AssignmentState.FAILED else ""
            yield f"{attempt.worker} took it, but its attempt {attempt.state.replace('_', ' ')}{cause}{look}"
