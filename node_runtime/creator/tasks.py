"""A creator's tasks: listing, the result that counts, price of an abort, confirmation of reported failures."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from node_runtime.domain.assets import Account, ObjectiveId, SubmissionId
from node_runtime.domain.clock import current_time
from node_runtime.domain.document import FILE_NAME, Document
from node_runtime.domain.price import pay_when_aborted
from node_runtime.domain.task import (
    Assignment,
    AssignmentState,
    Kind,
    PlanId,
    Spec,
    Submission,
    SubmissionState,
    Task,
    TaskId,
    TaskState,
)
from node_runtime.errors import InputError, NoSuchSubmission, NoSuchTask, StorageError
from node_runtime.kinds import read_document
from node_runtime.ports.chain import ChainReads, CreatorCalls
from node_runtime.ports.store import AssetStore

from .live import AttemptProgress, progress_of

MAX_DOCUMENT = 1 << 20  # bytes
IN_VAIN = (TaskState.CANCELLED, TaskState.FAILED, TaskState.EXPIRED)


class AccountRole(StrEnum):
    """The relation of an account to a task."""

    MINE = "mine"  # the creator
    OPEN = "open"  # may claim it
    WORKER = "worker"  # has an assignment
    JUDGE = "judge"  # has a result of it to review
    ALL = "all"  # any account to any task


@dataclass(frozen=True, kw_only=True)
class TaskFilter:
    """Which tasks are listed; what is None doesn't matter. ``since``: the earliest moment of creation, in ms."""

    kind: Kind | None = None
    state: TaskState | None = None
    plan: PlanId | None = None
    objective: ObjectiveId | None = None
    since: int | None = None

    def admits(self, view: "TaskView") -> bool:
        terms, objectives = view.task.terms, view.spec.objectives if view.spec is not None else ()
        return (
            self.kind in (None, terms.kind)
            and self.state in (None, view.task.state)
            and self.plan in (None, terms.plan)
            and (self.objective is None or self.objective in objectives)
            and (self.since is None or view.task.created >= self.since)
        )


ANY_TASK = TaskFilter()


@dataclass(frozen=True, kw_only=True)
class TaskView:
    """A task with its spec, document, submissions and attempts. ``document`` is None if it is not in storage.

    ``progress`` is that of the live attempts.
    """

    task: Task
    spec: Spec | None
    document: Document | None
    submissions: tuple[Submission, ...]
    attempts: tuple[Assignment, ...]
    progress: tuple[AttemptProgress, ...] = ()

    @property
    def name(self) -> str:
        return self.document.name if self.document is not None else ""


def list_tasks(
    chain: ChainReads, store: AssetStore, *, role: AccountRole, only: TaskFilter = ANY_TASK
) -> tuple[TaskView, ...]:
    """Return the tasks with which the account has this role, oldest first."""
    return tuple(filter(only.admits, _views(chain, store, _numbers(chain, role, only.kind))))


def _views(chain: ChainReads, store: AssetStore, numbers: Sequence[TaskId]) -> Iterator[TaskView]:
    for number in numbers:
        with suppress(NoSuchTask):  # purged since the numbers were read
            yield view_task(chain, store, number)


def view_task(chain: ChainReads, store: AssetStore, number: TaskId) -> TaskView:
    """Return the task with its documents. Raises `NoSuchTask`."""
    task = chain.task(number)
    if task is None:
        raise NoSuchTask(number)
    spec, attempts = chain.spec(number), chain.attempts(number)
    return TaskView(
        task=task,
        spec=spec,
        document=stored_document(spec, store) if spec is not None else None,
        submissions=chain.submissions(number),
        attempts=attempts,
        progress=progress_of(attempts, chain, store),
    )


def _numbers(chain: ChainReads, role: AccountRole, kind: Kind | None) -> list[TaskId]:
    match role:
        case AccountRole.MINE:
            return sorted(chain.tasks_of(chain.account))
        case AccountRole.WORKER:
            return sorted(attempt.task for attempt in chain.assignments(chain.account))
        case AccountRole.JUDGE:
            return sorted({task for task, _ in chain.reviews(chain.account)})
        case AccountRole.ALL:
            return list(chain.every_task())
    kinds = tuple(Kind) if kind is None else (kind,)
    opened = [number for one in kinds for number in chain.open_tasks(one)]
    return sorted({*opened, *chain.offers(chain.account)})


def stored_document(spec: Spec, store: AssetStore) -> Document | None:
    """Return the document of a task; None if it is not in storage."""
    try:
        return read_document(store.read_file(spec.digest, FILE_NAME, limit=MAX_DOCUMENT))
    except (StorageError, ValueError):
        return None


def chosen_result(view: TaskView, number: SubmissionId | None) -> Submission:
    """Return the named submission, else the latest accepted, else the latest under review."""
    task, every = view.task, view.submissions
    if number is not None:
        named = [one for one in every if one.id == number]
    else:
        accepted = [one for one in every if one.state is SubmissionState.ACCEPTED]
        named = accepted or [one for one in every if one.state is SubmissionState.UNDER_REVIEW]
    if named:
        return named[-1]
    if number is not None:
        raise NoSuchSubmission(task.id, number, (one.id for one in every))
    if every:
        last = every[-1]
        why = f": {last.reason}" if last.reason else ""
        raise InputError(
            f"task {task.id} has no result that stands: submission {last.id} was rejected{why}",
            remedy=f"to look at it all the same, run 'node-runtime fetch {task.id}/{last.id} FOLDER'",
        )
    raise InputError(
        f"task {task.id} has no result; it is {task.state}", remedy=f"see 'node-runtime show {task.id}' for why"
    )


@dataclass(frozen=True, kw_only=True)
class AbortPrice:
    """The payment of live attempts: ``now`` for an abort at this moment, ``most`` for a later one."""

    attempts: int
    now: int
    most: int


def abort_price(chain: ChainReads, number: TaskId) -> AbortPrice:
    """Return the price of aborting the task, by the chain's clock. Raises `NoSuchTask`."""
    task = chain.task(number)
    if task is None:
        raise NoSuchTask(number)
    reward, moment = task.terms.reward, current_time(chain)
    live = [one for one in chain.attempts(number) if one.state is AssignmentState.LIVE]
    paid = sum(pay_when_aborted(one, reward, now=moment) for one in live)
    return AbortPrice(attempts=len(live), now=paid, most=len(live) * reward)


def confirm_failures(chain: CreatorCalls, number: TaskId, worker: Account | None = None) -> tuple[Assignment, ...]:
    """Release the fees held for failure reports of one worker or of all; return the attempts as they were before.

    Raises `NoSuchTask`, `InputError` if no fee is held, and `ChainRefused`.
    """
    if chain.task(number) is None:
        raise NoSuchTask(number)
    reported = [one for one in chain.attempts(number) if one.fees and worker in (None, one.worker)]
    if not reported:
        whose = f" of {worker}" if worker is not None else ""
        raise InputError(
            f"nothing is held for reports{whose} at task {number}",
            remedy=f"see 'node-runtime show {number}' for its attempts",
        )
    for one in reported:
        chain.confirm_failure(number, one.worker)
    return tuple(reported)
