"""Commands that go on until a task is final: `submit --wait`, `wait` and `show --watch`."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import typer

from node_runtime.creator.endings import failed_attempts
from node_runtime.creator.lineage import lineages
from node_runtime.creator.mentions import Mentions
from node_runtime.creator.news import TaskNews, describe_untaken, doing
from node_runtime.creator.purge import records_kept
from node_runtime.creator.results import list_task_results
from node_runtime.creator.tasks import TaskView, view_task
from node_runtime.creator.transient import Pruning
from node_runtime.creator.watch import follow, stall_reason
from node_runtime.domain.assets import short
from node_runtime.domain.clock import current_time
from node_runtime.domain.task import Assignment, Task, TaskId, TaskState
from node_runtime.domain.units import duration

from .lineage import print_lineages
from .node_status import reasons
from .output import (
    counted,
    is_terminal,
    line,
    print_json,
    render,
    screen,
    status,
    warn,
)
from .progress import describe
from .scores import note_rounding, scores_of
from .session import Session
from .tables import print_task, task_table
from .wait_news import WaitNews, reasons_of, say_reason

POLL = 1.0  # seconds
TIMED_OUT = 124  # exit code, as of timeout(1)


def watch(session: Session, number: TaskId) -> None:
    """Show the task again and again until it is final: redrawn on a terminal, else a line for each change."""
    mentions = Mentions(session.chain, session.store)
    if not is_terminal():
        for view in _views(session, number):
            line(f"task {number} {view.name} is {_state(view)}")
        print_view(session, view, mentions)
        return
    with screen() as show:
        while True:
            view = view_task(session.chain, session.store, number)
            show(lambda view=view: print_view(session, view, mentions))  # type: ignore[misc]
            if view.task.state.final:
                return
            time.sleep(POLL)


def _views(session: Session, number: TaskId) -> Iterator[TaskView]:
    """Yield the task whenever it changed, until it is final."""
    last = None
    while True:
        view = view_task(session.chain, session.store, number)
        stages = tuple((one.epoch, one.stage) for one in view.progress)
        if last != (view.task.state, view.task.counters, stages):
            last = (view.task.state, view.task.counters, stages)
            yield view
        if view.task.state.final:
            return
        time.sleep(POLL)


def print_view(session: Session, view: TaskView, mentions: Mentions) -> None:
    now = current_time(session.chain)
    results = list_task_results(session.chain, session.store, view.task.id)
    kept = records_kept(view.task, session.chain.bounds(), by=session.chain.account)
    waits, failed = reasons(session, view, mentions, now=now), failed_attempts(view, session.store)
    print_task(view, results, waits, mentions, now=now, kept=kept, failed=failed)
    print_lineages(lineages(session.chain, view.submissions), mentions)


def _state(view: TaskView) -> str:
    """Describe the task's state and its attempts at work."""
    at_work = "; ".join(f"attempt {one.epoch} of {short(one.worker)}, {describe(one)}" for one in view.progress)
    submitted = f", {view.task.counters.submitted} under review" if view.task.counters.submitted else ""
    nobody = view.task.state is TaskState.OPEN and not (view.progress or submitted or view.task.counters.live)
    doing_now = at_work or (describe_untaken(view.task, failed=False) if nobody else "")
    return f"{view.task.state}{submitted}" + (f": {doing_now}" if doing_now else "")


def follow_tasks(
    session: Session, names: Mapping[TaskId, str], *, quiet: bool, stop: threading.Event
) -> tuple[TaskView, ...]:
    """Follow the tasks, until ``stop`` at the latest.

    Print a status line on a terminal, else a line per change, and why nobody takes a task that waits; nothing if
    `quiet`.
    """
    chain, store, mentions = session.chain, session.store, Mentions(session.chain, session.store)
    with _said_when_interrupted(), status("waiting") as update:
        news = _News(session, names, mentions, update)

        def went_wrong(attempt: Assignment) -> None:
            told = news.tasks.went_wrong(attempt)
            if not quiet:
                line(told, style="yellow")

        pruning = _pruning(session, names)

        def seen(tasks: tuple[Task, ...]) -> None:
            if not quiet:
                news.tell(tasks)
            pruning.on_the_way()

        follow(chain, tuple(names), seen=seen, went_wrong=went_wrong, stop=stop)
        pruning.look()
    views = tuple(view_task(chain, store, number) for number in names)
    say_dropped(pruning, quiet=quiet)
    if not quiet:
        render(task_table(views, now=current_time(chain)))
        note_rounding(scores_of(one for view in views for one in view.submissions))
        for view in views:
            for reason in reasons_of(view, session, mentions):
                say_reason(reason)
    return views


def _pruning(session: Session, numbers: Iterable[TaskId]) -> Pruning:
    tasks = (session.chain.task(number) for number in numbers)
    plans = (task.terms.plan for task in tasks if task is not None and task.terms.plan is not None)
    return Pruning(plans, session.chain, session.store)


def say_dropped(pruning: Pruning, *, quiet: bool = False) -> None:
    """Print how many transient models were dropped while their plans were followed."""
    if pruning.dropped and not quiet:
        line(f"{counted(pruning.dropped, 'transient model')} dropped that no task needs any more", style="dim")
    if pruning.trouble:
        warn(f"transient models stay in storage: {pruning.trouble}")


@contextmanager
def _said_when_interrupted() -> Iterator[None]:
    """Say on Ctrl-C that the tasks go on, on a line of its own: the status line is over by then."""
    try:
        yield
    except KeyboardInterrupt:
        warn("not waited for any more; the tasks go on, see 'node-runtime list'")
        raise


class _News:
    """Tells what each followed task is at: each change, each result to review, and why nobody takes one that waits."""

    def __init__(
        self, session: Session, names: Mapping[TaskId, str], mentions: Mentions, update: Callable[[str], None]
    ) -> None:
        self.tasks = TaskNews(session.chain, session.store, mentions)
        self._names = names
        self._update = update
        self._last: dict[TaskId, str] = {}
        self._waits = WaitNews(session, mentions, say=say_reason)

    def tell(self, tasks: tuple[Task, ...]) -> None:
        at_work = describe if is_terminal() else doing  # a line per change has no times
        told = {task.id: self.tasks.of(task, at_work) for task in tasks}
        if not is_terminal():
            for number in told:
                if told[number] != self._last.get(number):
                    line(f"task {number} {self._names[number]}: {told[number]}")
        self._last.update(told)
        self._update("   ".join(f"{self._names[number]}: {text}" for number, text in told.items()))
        for task in tasks:
            self._waits.tell(task)


def wait_for(session: Session, numbers: Sequence[TaskId], *, timeout: int | None, as_json: bool) -> None:
    """Wait until the tasks are final or nobody may go on with them; end with exit code 1 unless all are done.

    After ``timeout`` ms tell what each of the others is at, and end with `TIMED_OUT`; a task that failed weighs more.
    """
    names = {number: view_task(session.chain, session.store, number).name for number in numbers}
    stop = threading.Event()
    timer = threading.Timer((timeout or 0) / 1000, stop.set)
    timer.daemon = True
    if timeout is not None:
        timer.start()
    views = follow_tasks(session, names, quiet=as_json, stop=stop)
    timer.cancel()
    if as_json:
        print_json({"tasks": views})
    now = session.chain.now()
    going_on = [view for view in views if stop.is_set() and _goes_on(view, session, now=now)]
    if going_on:
        states = "; ".join(f"task {view.task.id} {view.name} is {_state(view)}" for view in going_on)
        warn(f"not final after {duration(timeout or 0)}: {states}")
    if any(view.task.state is not TaskState.DONE and view not in going_on for view in views):
        raise typer.Exit(1)
    if going_on:
        raise typer.Exit(TIMED_OUT)


def _goes_on(view: TaskView, session: Session, *, now: int) -> bool:
    return not view.task.state.final and stall_reason(view.task, session.chain, now=now) is None
