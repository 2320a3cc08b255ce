"""Commands of contributors: assign, work, send-result, decline, hand-back, report-failure."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from node_runtime.cli.session import ChainOption, Session, StorageOption, open_session, open_storing_session
from node_runtime.contributor import (
    BY_HAND_ONLY,
    Assigned,
    Sent,
    Witnessed,
    Worked,
    assign,
    check_result,
    hand_back,
    report_failure,
    send_result,
    work,
)
from node_runtime.contributor.folder import ENVIRONMENT, default_folder
from node_runtime.domain.assets import short
from node_runtime.domain.clock import time_left, wall_clock
from node_runtime.domain.price import attempt_price
from node_runtime.domain.task import Assignment, SubmissionState, TaskId
from node_runtime.domain.units import amount, moment, since
from node_runtime.errors import ChainRefused, FailureCategory, InputError, NodeRuntimeError
from node_runtime.kinds.layouts.bundle import OUTPUTS
from node_runtime.ports.chain import ChainReads

from .output import is_confirmed, line, one_of, paragraph, progress, warn
from .session import TaskArgument

KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="KEY",
        envvar="NODE_RUNTIME_KEY",
        help="Your keystore file, or a development account like //Charlie.",
    ),
]
IntoOption = Annotated[
    Path | None, typer.Option("--into", help="The folder to work in, a new one (default: task-TASK)")
]

_INDENT = " " * 10  # of the texts of a task


def assign_task(
    task: TaskArgument,
    into: IntoOption = None,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Take a task and fetch its bundle, data and models, verified, into a folder. Nothing is executed.

    Repeat it to complete the folder. The bond is held until the result is accepted; giving the task up costs a part of
    it, by the time you held it.
    """
    session = open_session(chain, _own(key), storage)
    _tell(assign(session.chain, session.store, TaskId(task), into=into, say=paragraph), session)


def work_on(
    task: TaskArgument,
    into: IntoOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Send the outputs without asking.")] = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Take a task, unless you hold it, and run its start_task.sh in a sandboxed container at this terminal.

    The script runs on a copy of the folder, without network. Its outputs/ are
    copied back, checked, and submitted on confirmation, with its output as the
    log. The task's image is built: its Dockerfile runs with network, as root
    inside the build. Without a terminal the script runs unattended.
    """
    from node_runtime.contributor.interactive import open_workbench, seat, stopped_by_hangup

    session = open_storing_session(chain, _own(key), storage)
    assigned = assign(session.chain, session.store, TaskId(task), into=into, say=paragraph)
    outputs = assigned.folder / OUTPUTS
    try:
        with stopped_by_hangup() as stop, open_workbench(assigned, session.store, say=progress(quiet=False)) as bench:
            _greet(assigned, session)
            worked = work(assigned, bench, session.chain, stop=stop)
        _check_ended_well(worked)
        files = check_result(session.chain, session.store, TaskId(task), outputs)
        if yes or (seat() is not None and _confirms(files, TaskId(task))):
            _send(session, TaskId(task), outputs, worked.witnessed)
        else:
            line(f"not sent; when you want to: node-runtime send-result {task}{_path(assigned)}")
    except ChainRefused:
        raise
    except NodeRuntimeError as error:
        error.remedy = "\n".join(filter(None, (error.remedy, _ways_on(assigned, error))))
        raise
    except KeyboardInterrupt as error:
        warn(_ways_on(assigned, error))
        raise


def send(
    task: TaskArgument,
    path: Annotated[Path | None, typer.Option("--path", help="The outputs (default: task-TASK/outputs)")] = None,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Check the outputs of your task, store and submit them. Sending the same outputs again does nothing."""
    session = open_storing_session(chain, _own(key), storage)
    _send(session, TaskId(task), path or default_folder(TaskId(task)) / OUTPUTS, BY_HAND_ONLY)


def decline_task(task: TaskArgument, chain: ChainOption = None, key: KeyOption = None) -> None:
    """Decline a task that is offered to you only: it closes, its escrow returns to the creator. Costs nothing.

    This is final. For a task that you hold use 'hand-back' instead.
    """
    from node_runtime.cli.session import open_account

    open_account(chain, _own(key)).decline_offer(TaskId(task))
    line(f"task {task} is declined, and closed", style="green")


def hand_back_task(task: TaskArgument, chain: ChainOption = None, key: KeyOption = None) -> None:
    """Hand a task back, which frees its slot. Costs a part of your bond, by the time you held it."""
    from node_runtime.cli.session import open_account

    view = open_account(chain, _own(key))
    attempt = hand_back(view, TaskId(task))
    cost = f"it cost {amount(attempt.price)}" if attempt.price else "it cost nothing"
    line(f"task {task} is handed back; {cost}, the rest of your bond is yours again", style="green")


def report(
    task: TaskArgument,
    category: Annotated[FailureCategory, typer.Argument(metavar="CATEGORY", help=f"{one_of(FailureCategory)}.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="One sentence; the creator reads it.")],
    into: Annotated[Path | None, typer.Option("--folder", help="The task's folder (default: task-TASK)")] = None,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Report that a task can't be done, and why; ends your attempt. A part of your bond stays held as its fee.

    It comes back when the creator confirms your report, or when the task ends without any accepted result.
    The log of the last run in its container goes along, if there was one.
    """
    session = open_storing_session(chain, _own(key), storage)
    folder = into or default_folder(TaskId(task))
    attempt = report_failure(session.chain, session.store, TaskId(task), category, reason, folder=folder)
    line(f"task {task} is reported as failed: {category}")
    if attempt.fees:
        paragraph(
            f"{amount(attempt.fees)} of yours stay held for it. They come back when its creator confirms the report or "
            "the task ends without any accepted result; they are lost when somebody else brings one"
        )


def _own(key: str | None) -> str:
    """Return the contributor's key; there is no default, since the local network's is the creator's."""
    if key is None:
        raise InputError(
            "no --key given: who works is paid, so the task is taken with a key of your own",
            remedy="name your keystore file as --key or in NODE_RUNTIME_KEY; on a local network //Charlie will do",
        )
    return key


def _tell(assigned: Assigned, session: Session) -> None:
    task, assignment, number = assigned.task, assigned.assignment, assigned.task.id
    _ask(assigned)
    bond = amount(assignment.bond)
    line(f"pays      {amount(task.terms.reward)} when it is accepted; {bond} of yours are held until then")
    line(f"send by   {_due(assignment, session.chain)}: later the bond is lost", style="yellow")
    folder = _shown(assigned.folder)
    line(f"folder    {folder}/", whole=True)
    line("next, one of", style="dim")
    line("  # as you: read the creator's script before")
    line(f"  (cd {folder} && . {ENVIRONMENT} && ./start_task.sh)", whole=True)
    line("  # in a container without network, at this terminal")
    line(f"  node-runtime work {number}{_into(assigned)}", whole=True)
    line("then", style="dim")
    line(f"  node-runtime send-result {number}{_path(assigned)}", whole=True)
    line("or, when you can't do it", style="dim")
    most = amount(attempt_price(assignment, now=assignment.due))
    line(f"  # costs a part of {most}, by the time you held it")
    line(f"  node-runtime hand-back {number}")


def _ask(assigned: Assigned) -> None:
    """Print the creator's texts, indented so that none of their lines looks like one of this program."""
    task, document = assigned.task, assigned.document
    line(f"task {task.id}  {_indented(document.name)}  {document.kind}  of {short(task.creator)}", style="bold")
    if document.asked is not None:
        paragraph(_indented(document.asked), first="question  ", rest=_INDENT)
    for word, text in document.instructions():
        paragraph(text, first=f"{word:<10}", rest=_INDENT)


def _due(assignment: Assignment, chain: ChainReads) -> str:
    left = time_left(assignment, estimate=wall_clock(), head=chain.now())
    return f"{moment(assignment.due)}, {since(left, now=0)}"


def _indented(text: str) -> str:
    return f"\n{_INDENT}".join(text.splitlines())


def _greet(assigned: Assigned, session: Session) -> None:
    _ask(assigned)
    line(f"send by   {_due(assigned.assignment, session.chain)}", style="yellow")
    line(f"start_task.sh begins; what it leaves in {OUTPUTS}/ comes back to {_shown(assigned.folder)}/", style="dim")
    line("Ctrl-C interrupts it; Ctrl-] three times ends it whatever it does", style="dim")


def _check_ended_well(worked: Worked) -> None:
    if worked.failure is not None:
        raise worked.failure


def _confirms(files: int, task: TaskId) -> bool:
    question = f"Send {files} {'file' if files == 1 else 'files'} of {OUTPUTS}/ as the result of task {task}?"
    try:
        return is_confirmed(question, default=True)
    except typer.Abort:
        return False


def _send(session: Session, number: TaskId, outputs: Path, witnessed: Witnessed) -> None:
    sent = send_result(session.chain, session.store, number, outputs, witnessed=witnessed, say=progress(quiet=False))
    _tell_sent(session, number, sent)


def _tell_sent(session: Session, number: TaskId, sent: Sent) -> None:
    how = "was sent before" if sent.again else "is sent"
    line(f"task {number}: the result {how}, as submission {sent.submission}", style="green")
    found = next((one for one in session.chain.submissions(number) if one.id == sent.submission), None)
    if found is None:
        return
    match found.state:
        case SubmissionState.ACCEPTED:
            task = session.chain.task(number)
            line("it is accepted" + (f", and paid: {amount(task.terms.reward)}" if task is not None else ""))
        case SubmissionState.REJECTED:
            line(f"it is rejected: {found.reason}")
        case SubmissionState.UNDER_REVIEW:
            line(f"it is under review until {moment(found.until or 0)}; silence accepts it")


def _ways_on(assigned: Assigned, error: BaseException) -> str:
    """Return the next commands after a failure: the assignment is still live, and the bond is lost at its due time."""
    number, category = assigned.task.id, getattr(error, "category", FailureCategory.TASK_ERROR)
    folder = "" if _is_default(assigned) else f" --folder {_shown(assigned.folder)}"
    ways = (
        f"work {number}{_into(assigned)}",
        f"send-result {number}{_path(assigned)}",
        f"report-failure {number} {category} --reason '...'{folder}",
        f"hand-back {number}",
    )
    held = f"you still hold task {number}, until {moment(assigned.assignment.due)}; next, one of"
    return "\n".join([held, *(f"  node-runtime {way}" for way in ways)])


def _into(assigned: Assigned) -> str:
    return "" if _is_default(assigned) else f" --into {_shown(assigned.folder)}"


def _path(assigned: Assigned) -> str:
    return "" if _is_default(assigned) else f" --path {_shown(assigned.folder / OUTPUTS)}"


def _is_default(assigned: Assigned) -> bool:
    return assigned.folder == default_folder(assigned.task.id)


def _shown(folder: Path) -> str:
    return shlex.quote(str(folder))
