"""Tasks on chain as Python objects: their state, results and logs, and what their creator decides."""

import asyncio
import threading
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, overload

from pydantic import JsonValue

from node_runtime.creator.mentions import Mentions
from node_runtime.creator.plans import PlanView
from node_runtime.creator.results import Log, LogTrouble, fetch_result, logs_of, read_document
from node_runtime.creator.review import accept, reject
from node_runtime.creator.tasks import TaskView, chosen_result, view_task
from node_runtime.creator.transient import Transient, dropped_models, prune
from node_runtime.creator.waiting import why_it_waits
from node_runtime.domain.assets import Objective, SubmissionId
from node_runtime.domain.clock import current_time
from node_runtime.domain.task import Kind, PlanId, Submission, TaskId, TaskState
from node_runtime.errors import InputError
from node_runtime.spec.messages import nearest

from .arguments import OnChain
from .following import wait_for
from .messages import in_python, translated

if TYPE_CHECKING:
    from .session import Client


class Row(TypedDict):
    """A result as a row of a table, one for each number of its perf.json; a result without one has one row.

    ``tag``, ``plan_state``, ``start`` and ``end`` are the plan's, ``rank`` and ``round`` the task's in it.
    """

    plan: int | None
    tag: str | None
    plan_state: str | None
    start: datetime | None
    end: datetime | None
    task: int
    rank: int | None
    round: int | None
    name: str
    kind: str
    state: str
    submission: int
    worker: str
    status: str
    standing: str | None
    voucher: str | None
    identifier: str | None
    performance: float | None


class TaskHandle(OnChain):
    """A task on chain. It can be awaited, and named as a model in the arguments of other documents."""

    def __init__(self, client: "Client", number: TaskId, name: str) -> None:
        super().__init__(number)
        self.name = name
        self._client = client

    def __repr__(self) -> str:
        return f"<task {self.id} {self.name}>"

    @property
    @in_python
    def view(self) -> TaskView:
        """All that chain and storage know of the task: terms, document, attempts and submissions."""
        return view_task(self._client.chain, self._client.store, TaskId(self.id))

    @property
    def state(self) -> TaskState:
        return self.view.task.state

    @property
    def kind(self) -> Kind:
        return self.view.task.terms.kind

    def wait(self, *, timeout: float | None = None) -> TaskState:
        """Wait until the task is final, at most ``timeout`` seconds, and print what it is at.

        Raises `NotDone` unless it is done, with the reasons, and `TimedOut`.
        """
        return wait_for(self._client, [self], timeout=timeout)[0]

    def __await__(self) -> Generator[Any, None, TaskState]:
        """Wait as `wait` does, while other coroutines go on."""
        return _awaited(self._client, self).__await__()

    @in_python
    def why(self) -> tuple[str, ...]:
        """Return why the task doesn't go on, or how it ended without a result."""
        chain, store = self._client.chain, self._client.store
        mention = Mentions(chain, store).task
        found = why_it_waits(self.view, chain, now=current_time(chain), store=store, mention=mention)
        return tuple(map(translated, found))

    @in_python
    def result(self, submission: int | None = None) -> Submission:
        """Return the submission of this number, else the latest accepted, else the latest under review."""
        return chosen_result(self.view, SubmissionId(submission) if submission is not None else None)

    @property
    def score(self) -> Decimal | None:
        """The exact score of the result, None for kinds that don't score."""
        perfs = self.result().result.perfs
        return perfs[0].value if perfs else None

    @in_python
    def perf(self, submission: int | None = None) -> dict[str, JsonValue]:
        """Return the content of the result's perf.json; empty for kinds that don't score."""
        return read_document(self.result(submission), self._client.store).perf or {}

    def results(self) -> list[Row]:
        """Return the results as rows of a table, e.g. for ``pandas.DataFrame``."""
        view = self.view
        return list(_rows(view, self._client.read_plan(view.task.terms.plan)))

    @in_python
    def download(self, folder: str | Path, submission: int | None = None) -> Path:
        """Write the result's outputs (``model``, ``perf.json`` …), its result.json and its logs to a new folder."""
        target, chain, store = Path(folder), self._client.chain, self._client.store
        dropped = tuple(dropped_models(TaskId(self.id), chain, store).values())
        fetch_result(self.result(submission), store, target, dropped=dropped)
        if dropped:
            self._client.say(f"without the {' and '.join(dropped)}, dropped as the task has keep=False")
        return target

    @in_python
    def logs(self) -> dict[str, str]:
        """Return the logs of results and failed attempts, e.g. under ``submission 1: train.log``.

        In place of one that can't be read stands why.
        """
        texts: dict[str, str] = {}
        for log in logs_of(self._client.chain, self._client.store, TaskId(self.id)):
            if isinstance(log, Log):
                texts[f"{log.source}: {log.name}"] = log.text
            else:
                texts[log.source] = log.trouble if isinstance(log, LogTrouble) else log.reason
        return texts

    @in_python
    def accept(self, submission: int | None = None) -> Submission:
        """Accept a result under review, by default the only one: its worker is paid, irrevocably."""
        return accept(self._client.chain, TaskId(self.id), SubmissionId(submission) if submission else None)

    @in_python
    def reject(self, reason: str, submission: int | None = None) -> Submission:
        """Reject a result under review, by default the only one, with a sentence for its worker."""
        return reject(self._client.chain, TaskId(self.id), reason, SubmissionId(submission) if submission else None)

    @in_python
    def cancel(self, *, abort: bool = False) -> TaskState:
        """Cancel the task: attempts at work finish and are paid, or with ``abort`` end, paid for their time."""
        self._client.chain.cancel_task(TaskId(self.id), abort=abort)
        return self.state

    @in_python
    def resume(self) -> TaskState:
        """Open a task again that failed attempts have paused."""
        self._client.chain.resume_task(TaskId(self.id))
        return self.state


class PlanHandle(Sequence[TaskHandle]):
    """The tasks of one submit, in order, and by name: ``plan["train"]``. It can be awaited.

    ``number`` is that of their plan on chain, None for a task alone; ``objectives`` those that the submit created, or
    found.
    """

    def __init__(
        self,
        client: "Client",
        tasks: Sequence[TaskHandle],
        number: PlanId | None,
        objectives: Sequence[Objective] = (),
    ) -> None:
        self.number = number
        self.objectives = tuple(objectives)
        self._client = client
        self._tasks = tuple(tasks)

    def __repr__(self) -> str:
        return f"<{'tasks' if self.number is None else f'plan {self.number}'}: {', '.join(map(repr, self._tasks))}>"

    def __len__(self) -> int:
        return len(self._tasks)

    @overload
    def __getitem__(self, which: int | str) -> TaskHandle: ...
    @overload
    def __getitem__(self, which: slice) -> Sequence[TaskHandle]: ...
    def __getitem__(self, which: int | str | slice) -> TaskHandle | Sequence[TaskHandle]:
        if not isinstance(which, str):
            return self._tasks[which]
        found = next((task for task in self._tasks if task.name == which), None)
        if found is None:
            raise InputError(f"no task '{which}' here", remedy=nearest(which, tuple(one.name for one in self._tasks)))
        return found

    def wait(self, *, timeout: float | None = None) -> tuple[TaskState, ...]:
        """Wait until all tasks are final, at most ``timeout`` seconds, and print what they are at.

        Raises `NotDone` unless all are done, with the reasons, and `TimedOut`.
        """
        return wait_for(self._client, self, timeout=timeout)

    def __await__(self) -> Generator[Any, None, tuple[TaskState, ...]]:
        """Wait as `wait` does, while other coroutines go on."""
        return _all_awaited(self._client, self).__await__()

    def results(self) -> list[Row]:
        """Return the results of all tasks as rows of a table, e.g. for ``pandas.DataFrame``."""
        plan = self._client.read_plan(self.number)
        return [row for task in self for row in _rows(task.view, plan)]

    @in_python
    def prune(self) -> tuple[Transient, ...]:
        """Drop the models of the plan's tasks with ``keep=False`` that no task needs any more; say why others stay."""
        plan = self._client.read_plan(self.number)
        return tuple(prune(plan, self._client.chain, self._client.store)) if plan is not None else ()

    @in_python
    def cancel(self, *, abort: bool = False) -> tuple[TaskState, ...]:
        """Cancel all tasks: attempts at work finish and are paid, or with ``abort`` end, paid for their time."""
        if self.number is not None:
            self._client.chain.cancel_plan(self.number, abort=abort)
            return tuple(task.state for task in self)
        return tuple(task.cancel(abort=abort) for task in self)


async def _all_awaited(client: "Client", tasks: Sequence[TaskHandle]) -> tuple[TaskState, ...]:
    stop = threading.Event()
    try:
        return await asyncio.to_thread(wait_for, client, tasks, stop=stop)
    finally:
        stop.set()  # so that the thread ends when the coroutine is cancelled


async def _awaited(client: "Client", task: TaskHandle) -> TaskState:
    return (await _all_awaited(client, [task]))[0]


def _rows(view: TaskView, plan: PlanView | None) -> Iterator[Row]:
    terms = view.task.terms
    place = next((one for one in plan.tasks if one.task.id == view.task.id), None) if plan is not None else None
    for one in view.submissions:
        numbers: dict[str | None, float | None] = {perf.name: float(perf.value) for perf in one.result.perfs}
        for name, value in (numbers or {None: None}).items():
            yield Row(
                plan=terms.plan,
                tag=plan.name if plan is not None else None,
                plan_state=plan.state.value if plan is not None else None,
                start=_moment(plan.start) if plan is not None else None,
                end=_moment(plan.end) if plan is not None else None,
                task=view.task.id,
                rank=place.rank if place is not None else None,
                round=place.round if place is not None else None,
                name=view.name,
                kind=terms.kind.value,
                state=view.task.state.value,
                submission=one.id,
                worker=one.worker,
                status=one.state.value,
                standing=one.score.standing.value if one.score is not None else None,
                voucher=one.score.voucher.value if one.score is not None else None,
                identifier=name,
                performance=value,
            )


def _moment(moment: int | None) -> datetime | None:
    return datetime.fromtimestamp(moment / 1000, UTC) if moment is not None else None
