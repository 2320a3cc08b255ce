"""Commands that go on until a task is final: `submit --wait`, `wait`, `show --watch` and `logs --follow`."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence

import typer

from node_runtime.creator.live import AttemptProgress, progress_of
from node_runtime.creator.log_follower import LogFollower, LogPart
from node_runtime.creator.mentions import Mentions
from node_runtime.creator.models import lineages
from node_runtime.creator.purge import records_kept
from node_runtime.creator.results import FoundLog, Log, LogTrouble, PrivateLog, list_task_results, message_of
from node_runtime.creator.tasks import TaskView, view_task
from node_runtime.creator.waiting import why_it_waits
from node_runtime.creator.watch import follow, stall_reason
from node_runtime.domain.assets import SubmissionId
from node_runtime.domain.clock import current_time
from node_runtime.domain.task import Assignment, AssignmentState, SubmissionState, Task, TaskId, TaskState
from node_runtime.domain.units import duration
from node_runtime.errors import StorageError
from node_runtime.ports.chain import ChainReads
from node_runtime.ports.store import AssetStore

from .lineage import print_lineages
from .node_status import reasons
from .output import (
    QuotedStream,
    is_terminal,
    line,
    note,
    paragraph,
    print_json,
    quoted,
    render,
    screen,
    short,
    status,
    warn,
)
from .progress import describe, doing
from .scores import note_rounding, scores_of
from .session import Session
from .tables import print_task, task_table

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
    print_task(view, results, reasons(session, view, mentions, now=now), mentions, now=now, kept=kept)
    print_lineages(lineages(session.chain, view.submissions), mentions)


def _state(view: TaskView) -> str:
    """Describe the task's state and its attempts at work."""
    at_work = "; ".join(f"attempt {one.epoch} of {short(one.worker)}, {describe(one)}" for one in view.progress)
    submitted = f", {view.task.counters.submitted} under review" if view.task.counters.submitted else ""
    return f"{view.task.state}{submitted}" + (f": {at_work}" if at_work else "")


def follow_logs(session: Session, number: TaskId) -> None:
    """Print the logs of live attempts as they come, then the rest of the stored ones, until the task is final.

    Ends with an exit code where a log can't be had, and early, with the reason, where nobody may go on with the task.
    """
    view, mentions = view_task(session.chain, session.store, number), Mentions(session.chain, session.store)
    if not view.task.state.final and not view.progress:
        note(f"{mentions.task(number)} is {view.task.state}; its logs come once a node is at work")
    follower, printer, trouble = LogFollower(session.chain, session.store, number), _LogPrinter(), False
    reason = None
    while True:
        task = view_task(session.chain, session.store, number).task  # first: a final task's logs are complete
        for part in follower.more():
            trouble |= isinstance(part, LogTrouble)
            printer.print(part)
        reason = stall_reason(task, session.chain, now=session.chain.now(), mention=mentions.task)
        if task.state.final or reason is not None:
            break
        time.sleep(POLL)
    printer.end_line()
    if reason is not None:
        warn(reason)
    if trouble:
        raise typer.Exit(StorageError.exit_code)


class _LogPrinter:
    """Prints parts of logs, each log or stage with a heading where another was printed before it."""

    def __init__(self) -> None:
        self._last: tuple[str, str] | None = None
        self._stream = QuotedStream()

    def print(self, part: LogPart | FoundLog) -> None:
        if not isinstance(part, LogPart):
            self.end_line()
            self._last = None
            print_log(part)
            return
        if (part.source, part.name) != self._last:
            self.end_line()
            line(f"── {part.source}: {part.name}", style="bold")
            self._last = (part.source, part.name)
        self._stream.write(part.text)

    def end_line(self) -> None:
        self._stream.end_line()


def print_log(log: FoundLog) -> None:
    match log:
        case Log():
            line(f"── {log.source}: {log.name}", style="bold")
            if log.text:
                quoted(log.text)
            else:
                line("(nothing was printed)", style="dim")
        case PrivateLog():
            line(f"── {log.source}", style="bold")
            line(f"no log here: {log.reason}")
        case LogTrouble():
            line(f"── {log.source}", style="bold")
            line(f"its log can't be had: {log.trouble}", style="red")


_ENDED = {
    AssignmentState.FAILED: "failed",
    AssignmentState.LAPSED: "brought nothing in time",
    AssignmentState.HANDED_BACK: "was handed back by its node",
    AssignmentState.ABORTED: "was stopped by you",
}


def follow_tasks(
    chain: ChainReads, store: AssetStore, names: Mapping[TaskId, str], *, quiet: bool, stop: threading.Event
) -> tuple[TaskView, ...]:
    """Follow the tasks, until ``stop`` at the latest.

    Print a status line on a terminal, else a line per change; nothing if `quiet`.
    """
    last: dict[TaskId, str] = {}
    reviewed: set[SubmissionId] = set()
    failed: set[TaskId] = set()
    mentions = Mentions(chain, store)
    with status("waiting") as update:

        def at_work(task: Task) -> tuple[AttemptProgress, ...]:
            return progress_of(chain.attempts(task.id), chain, store) if task.counters.live and not quiet else ()

        def seen(tasks: tuple[Task, ...]) -> None:
            told = {task.id: _news(task, at_work(task), failed=task.id in failed) for task in tasks}
            if not quiet and not is_terminal():
                for number in told:
                    if told[number] != last.get(number):
                        line(f"task {number} {names[number]}: {told[number]}")
            last.update(told)
            update("   ".join(f"{names[number]}: {text}" for number, text in told.items()))
            for task in tasks:
                if task.counters.submitted and not quiet:
                    view = view_task(chain, store, task.id)
                    waiting = {one.id for one in view.submissions if one.state is SubmissionState.UNDER_REVIEW}
                    if waiting - reviewed:
                        _say_reasons(view, chain, mentions)
                    reviewed.update(waiting)

        def went_wrong(attempt: Assignment) -> None:
            failed.add(attempt.task)
            if not quiet:
                line(_wrong(attempt, store, mentions), style="yellow")

        try:
            follow(chain, tuple(names), seen=seen, went_wrong=went_wrong, stop=stop)
        except KeyboardInterrupt:
            warn("not waited for any more; the tasks go on, see 'node-runtime list'")
            raise
    views = tuple(view_task(chain, store, number) for number in names)
    if not quiet:
        render(task_table(views, now=current_time(chain)))
        note_rounding(scores_of(one for view in views for one in view.submissions))
        for view in views:
            _say_reasons(view, chain, mentions)
    return views


def _say_reasons(view: TaskView, chain: ChainReads, mentions: Mentions) -> None:
    """Print why the task doesn't go on; the words of its failures were printed when they happened."""
    for reason in why_it_waits(view, chain, now=current_time(chain), mention=mentions.task):
        paragraph(f"{mentions.task(view.task.id)}: {reason}", style="yellow")


def _wrong(attempt: Assignment, store: AssetStore, mentions: Mentions) -> str:
    """Describe an attempt, e.g. ``task 3 iris: attempt 1 of 5FHn…94ty failed, task_error: exited with 3``."""
    category = f", {attempt.category}" if attempt.category is not None else ""
    message = message_of(attempt, store)
    told = f"attempt {attempt.epoch} of {short(attempt.worker)} {_ENDED[attempt.state]}{category}"
    return f"{mentions.task(attempt.task)}: {told}" + (f": {message}" if message else "")


def _news(task: Task, progress: Sequence[AttemptProgress], *, failed: bool) -> str:
    if progress:
        tell = describe if is_terminal() else doing  # a line per change has no times
        return "; ".join(map(tell, progress))
    if task.state is not TaskState.OPEN:
        return task.state
    if task.counters.submitted:
        return SubmissionState.UNDER_REVIEW.replace("_", " ")
    if not failed:
        return task.state
    return f"open for another try; see 'node-runtime logs {task.id}', or give up with 'node-runtime cancel {task.id}'"


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
    views = follow_tasks(session.chain, session.store, names, quiet=as_json, stop=stop)
    timer.cancel()
    if as_json:
        print_json({"tasks": views})
    now = session.chain.now()
    going_on = [view for view in views if _goes_on(view, session, now=now)]
    if going_on:
        states = "; ".join(f"task {view.task.id} {view.name} is {_state(view)}" for view in going_on)
        warn(f"not final after {duration(timeout or 0)}: {states}")
    if any(view.task.state is not TaskState.DONE and view not in going_on for view in views):
        raise typer.Exit(1)
    if going_on:
        raise typer.Exit(TIMED_OUT)


def _goes_on(view: TaskView, session: Session, *, now: int) -> bool:
    return not view.task.state.final and stall_reason(view.task, session.chain, now=now) is None
