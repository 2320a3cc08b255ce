"""Compute plans: their tasks with ranks, states, times and performances, and how they are cancelled."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from node_runtime.domain.assets import Account
from node_runtime.domain.document import Document
from node_runtime.domain.parameters import ROUND
from node_runtime.domain.task import (
    Assignment,
    AssignmentState,
    Plan,
    PlanId,
    Spec,
    Submission,
    SubmissionState,
    Task,
    TaskId,
    TaskState,
)
from node_runtime.errors import InputError, NoSuchPlan
from node_runtime.ports.chain import ChainReads, TaskRecord
from node_runtime.ports.store import AssetStore
from node_runtime.spec.plan import ExtendedPlan

from .live import AttemptProgress, progress_of
from .tasks import IN_VAIN, AbortPrice, abort_price, stored_document


class PlanState(StrEnum):
    WAITING = "waiting"  # nothing of it was taken yet
    DOING = "doing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class PlanTask:
    """A task of a plan. ``document`` is None if it is not in storage, ``progress`` is that of live attempts."""

    task: Task
    parents: tuple[TaskId, ...]
    rank: int
    document: Document | None
    attempts: tuple[Assignment, ...]
    submissions: tuple[Submission, ...]
    progress: tuple[AttemptProgress, ...]

    @property
    def name(self) -> str:
        return self.document.name if self.document is not None else ""

    @property
    def doer(self) -> Assignment | None:
        """The attempt that brought the first accepted result, else the one at work or under review."""
        accepted = [one.worker for one in self.submissions if one.state is SubmissionState.ACCEPTED]
        brought = (one for one in self.attempts if one.worker in accepted[:1])
        going_on = (one for one in self.attempts if one.state in (AssignmentState.LIVE, AssignmentState.SUBMITTED))
        return next(brought, None) or next(going_on, None)

    @property
    def round(self) -> int | None:
        """The round by the task's parameter of that name."""
        given = (self.document.parameters or {}).get(ROUND) if self.document is not None else None
        return given if isinstance(given, int) else None


@dataclass(frozen=True, kw_only=True)
class Performance:
    """A number that a scoring of a plan brought, as a row of Substra's table; times in ms."""

    plan_key: PlanId
    tag: str
    status: PlanState
    start: int | None
    end: int | None
    worker: Account
    task_key: TaskId
    task_rank: int
    round: int | None
    identifier: str
    performance: Decimal


@dataclass(frozen=True, kw_only=True)
class PlanView:
    """A plan with its tasks, oldest first. ``name`` is empty if it has none; times in ms."""

    plan: Plan
    name: str
    state: PlanState
    start: int | None
    end: int | None
    tasks: tuple[PlanTask, ...]

    def performances(self) -> Iterator[Performance]:
        """Yield the numbers of the accepted results."""
        for one in self.tasks:
            for result in one.submissions:
                for perf in result.result.perfs if result.state is SubmissionState.ACCEPTED else ():
                    yield Performance(
                        plan_key=self.plan.id,
                        tag=self.name,
                        status=self.state,
                        start=self.start,
                        end=self.end,
                        worker=result.worker,
                        task_key=one.task.id,
                        task_rank=one.rank,
                        round=one.round,
                        identifier=perf.name,
                        performance=perf.value,
                    )


@dataclass(kw_only=True)
class PlanReader:
    """Reads one plan, again and again: of tasks that are final nothing is read twice."""

    chain: ChainReads
    store: AssetStore
    number: PlanId
    _others: set[TaskId] = field(default_factory=set)
    _final: dict[TaskId, PlanTask] = field(default_factory=dict)
    _documents: dict[TaskId, Document | None] = field(default_factory=dict)

    def read(self) -> PlanView:
        """Return the plan as it is now. Raises `NoSuchPlan`."""
        plan = self.chain.plan(self.number)
        if plan is None:
            raise NoSuchPlan(self.number)
        wanted = [one for one in self.chain.tasks_of(plan.creator) if one not in self._others | self._final.keys()]
        records = self.chain.records(wanted)
        self._others |= {one.task.id for one in records if one.task.terms.plan != self.number}
        tasks, ranks = dict(self._final), {number: one.rank for number, one in self._final.items()}
        for record in (one for one in records if one.task.terms.plan == self.number):
            ranks[record.task.id] = _rank(record.spec, ranks)
            tasks[record.task.id] = self._task(record, ranks)
        self._final = {number: one for number, one in tasks.items() if one.task.state.final}
        found = tuple(tasks[number] for number in sorted(tasks))
        began = [attempt.since for one in found for attempt in one.attempts]
        ends = [one.task.ended for one in found if one.task.ended is not None]
        return PlanView(
            plan=plan,
            name=_name(one.document for one in found) or "",
            state=state_of(plan, [one.task for one in found]),
            start=min(began, default=None),
            end=max(ends) if ends and len(ends) == len(found) else None,
            tasks=found,
        )

    def _task(self, record: TaskRecord, ranks: Mapping[TaskId, int]) -> PlanTask:
        task, counters = record.task, record.task.counters
        if task.id not in self._documents:
            self._documents[task.id] = stored_document(record.spec, self.store)
        tried = task.state is not TaskState.WAITING
        attempts = self.chain.attempts(task.id) if tried else ()
        return PlanTask(
            task=task,
            parents=tuple(parent for parent in record.spec.parents if parent in ranks),
            rank=ranks[task.id],
            document=self._documents[task.id],
            attempts=attempts,
            submissions=self.chain.submissions(task.id) if counters.submitted or counters.accepted else (),
            progress=progress_of(attempts, self.chain, self.store),
        )


def state_of(plan: Plan, tasks: Sequence[Task]) -> PlanState:
    states = {task.state for task in tasks}
    if states & {TaskState.FAILED, TaskState.EXPIRED}:
        return PlanState.FAILED
    if plan.cancelled is not None or TaskState.CANCELLED in states:
        return PlanState.CANCELLED
    if states == {TaskState.DONE}:
        return PlanState.DONE
    begun = any(one.counters.live or one.counters.submitted or one.state is TaskState.DONE for one in tasks)
    return PlanState.DOING if begun else PlanState.WAITING


@dataclass(frozen=True, kw_only=True)
class ListedPlan:
    """A plan of the account, in a list. ``held``: base units for its tasks."""

    plan: Plan
    name: str
    state: PlanState
    tasks: int
    done: int
    held: int
    created: int


def list_plans(chain: ChainReads, store: AssetStore) -> tuple[ListedPlan, ...]:
    """Return the account's plans that have tasks, oldest first."""
    plans = defaultdict[PlanId, list[TaskRecord]](list)
    for record in chain.records(sorted(chain.tasks_of(chain.account))):
        if record.task.terms.plan is not None:
            plans[record.task.terms.plan].append(record)
    found = ((chain.plan(number), records) for number, records in sorted(plans.items()))
    return tuple(_listed(plan, records, store) for plan, records in found if plan is not None)


def _listed(plan: Plan, records: Sequence[TaskRecord], store: AssetStore) -> ListedPlan:
    document = stored_document(records[0].spec, store)
    tasks = [record.task for record in records]
    return ListedPlan(
        plan=plan,
        name=_name((document,)) or "",
        state=state_of(plan, tasks),
        tasks=len(tasks),
        done=sum(task.state is TaskState.DONE for task in tasks),
        held=sum(task.held for task in tasks),
        created=min(task.created for task in tasks),
    )


def plan_abort_price(view: PlanView, chain: ChainReads) -> AbortPrice:
    """Return what an abort of the plan pays for the attempts at work."""
    prices = [abort_price(chain, one.task.id) for one in view.tasks if one.task.counters.live]
    return AbortPrice(
        attempts=sum(one.attempts for one in prices),
        now=sum(one.now for one in prices),
        most=sum(one.most for one in prices),
    )


def plan_to_extend(number: PlanId, chain: ChainReads, store: AssetStore) -> ExtendedPlan:
    """Return the plan to which a file of the account may add tasks. Raises `NoSuchPlan`, `InputError`."""
    plan = chain.plan(number)
    if plan is None:
        raise NoSuchPlan(number)
    if plan.creator != chain.account:
        raise InputError(f"plan {number} is {plan.creator}'s", remedy="name one of yours: 'node-runtime plan list'")
    if plan.cancelled is not None:
        raise InputError(f"plan {number} is cancelled, so it takes no tasks", remedy="submit the file without --plan")
    records = [one for one in chain.records(sorted(chain.tasks_of(plan.creator))) if one.task.terms.plan == number]
    documents = {one.task: stored_document(one.spec, store) for one in records}
    wanted = ((task, found) for task, found in documents.items() if task.state not in IN_VAIN)
    named = {found.name: task.id for task, found in wanted if found is not None}
    ranks = dict[TaskId, int]()
    for one in records:
        ranks[one.task.id] = _rank(one.spec, ranks)
    return ExtendedPlan(number=number, name=_name(documents.values()), tasks=named, ranks=ranks)


def _rank(spec: Spec, ranks: Mapping[TaskId, int]) -> int:
    """Return a task's rank; ``ranks`` are those of the plan's tasks before it."""
    return 1 + max((ranks[parent] for parent in spec.parents if parent in ranks), default=-1)


def _name(documents: Iterable[Document | None]) -> str | None:
    return next((one.plan for one in documents if one is not None), None)
