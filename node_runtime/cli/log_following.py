"""`logs --follow`: logs as they come; where they stay on their node, stages and times."""

import time

import typer

from node_runtime.creator.kept import PRIVATE, why_logs_stay
from node_runtime.creator.live import AttemptProgress
from node_runtime.creator.log_follower import LogFollower, LogPart
from node_runtime.creator.mentions import Mentions
from node_runtime.creator.results import FoundLog, Log, LogTrouble, PrivateLog, logs_of
from node_runtime.creator.tasks import TaskView, view_task
from node_runtime.creator.watch import stall_reason
from node_runtime.domain.assets import short
from node_runtime.domain.task import Assignment, AssignmentState, TaskId
from node_runtime.errors import StorageError

from .output import QuotedStream, line, note, paragraph, quoted, status, warn
from .progress import describe
from .session import Session
from .wait_news import WaitNews

POLL = 1.0  # seconds
SILENT = 15_000  # ms after which an attempt that publishes nothing is told


def follow_logs(session: Session, number: TaskId) -> None:
    """Print the logs of live attempts as they come, then the rest of the stored ones, until the task is final.

    Say meanwhile what the task waits for: a judge, or a node, and why none takes it. Ends with an exit code where a
    log can't be had, and early, with the reason, where nobody may go on with the task.
    Of a task on private data print stages and times, until its attempt ends.
    """
    view, mentions = view_task(session.chain, session.store, number), Mentions(session.chain, session.store)
    if why := why_logs_stay(session.chain, number):
        _follow_private(session, view, mentions, why)
        return
    if not (view.task.state.final or view.progress or view.task.counters.submitted):
        note(f"{mentions.task(number)} is {view.task.state}; its logs come once a node is at work")
    follower, printer, trouble = LogFollower(session.chain, session.store, number), _LogPrinter(), False
    silent, waits = _Silent(), WaitNews(session, mentions, say=printer.remark)
    reason = None
    while True:
        view = view_task(session.chain, session.store, number)  # first: a final task's logs are complete
        for part in follower.more():
            trouble |= isinstance(part, LogTrouble)
            printer.print(part)
        silent.tell(view, printer)
        waits.tell(view.task)
        reason = stall_reason(view.task, session.chain, now=session.chain.now(), mention=mentions.task)
        if view.task.state.final or reason is not None:
            break
        time.sleep(POLL)
    printer.end_line()
    _end(reason, trouble=trouble)


def _end(reason: str | None, *, trouble: bool) -> None:
    if reason is not None:
        warn(reason)
    if trouble:
        raise typer.Exit(StorageError.exit_code)


def _follow_private(session: Session, view: TaskView, mentions: Mentions, why: str) -> None:
    """Print each stage of the live attempt with its times; end when no attempt is live any more."""
    number = view.task.id
    task = mentions.task(number)
    what = f"{task} uses {PRIVATE[why]}: what it prints" if why in PRIVATE else f"{why}: what {task} prints"
    paragraph(f"{what} stays on its node. Stages and times:", "dim")
    if not view.attempts and not view.task.state.final:
        note(f"{mentions.task(number)} is {view.task.state}; they come once its node is at work")
    told: set[tuple[int, str | None]] = set()
    reason = None
    with status("waiting") as update:
        while not view.task.state.final and (view.progress or not view.attempts) and reason is None:
            for one in view.progress:
                if (one.epoch, one.stage) not in told:
                    told.add((one.epoch, one.stage))
                    line(_at_work(one))
            update("; ".join(map(_at_work, view.progress)) or "waiting for its node")
            time.sleep(POLL)
            view = view_task(session.chain, session.store, number)
            reason = stall_reason(view.task, session.chain, now=session.chain.now(), mention=mentions.task)
    for attempt in view.attempts:
        line(_over(attempt))
    trouble = False
    for log in logs_of(session.chain, session.store, number):
        trouble |= isinstance(log, LogTrouble)
        print_log(log)
    _end(reason, trouble=trouble)


def _at_work(one: AttemptProgress) -> str:
    return f"attempt {one.epoch} of {short(one.worker)}: {describe(one)}"


def _over(attempt: Assignment) -> str:
    state = "sent a result" if attempt.state is AssignmentState.SUBMITTED else attempt.state.replace("_", " ")
    cause = f", {attempt.category}" if attempt.category is not None else ""
    return f"attempt {attempt.epoch} of {short(attempt.worker)}: {state}{cause}"


class _Silent:
    """Tells once of each live attempt that publishes nothing in the storage."""

    def __init__(self) -> None:
        self._told: set[int] = set()

    def tell(self, view: TaskView, printer: "_LogPrinter") -> None:
        for one in view.progress:
            if one.stage is None and one.elapsed > SILENT and one.epoch not in self._told:
                self._told.add(one.epoch)
                who = f"attempt {one.epoch} of {short(one.worker)}"
                printer.remark(f"{who} is at work and publishes nothing in this storage yet")


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

    def remark(self, text: str) -> None:
        """Print a remark between the lines of a log, to standard error."""
        self.end_line()
        note(text)

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
