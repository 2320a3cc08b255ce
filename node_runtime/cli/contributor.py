"""Commands for people who work on tasks themselves: take one, work on it, send what came of it, or give it up."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from node_runtime.cli.session import ChainOption, Session, StorageOption, open_session, open_storing_session
from node_runtime.cli.text import line, paragraph, progress, short, warn
from node_runtime.cli.which import TaskArgument
from node_runtime.clock import current_time
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
from node_runtime.errors import ChainRefused, FailureCategory, InputError, NodeRuntimeError
from node_runtime.stages.bundle import OUTPUTS
from node_runtime.task import SubmissionState, TaskId
from node_runtime.units import amount, moment, since

KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key", envvar="NODE_RUNTIME_KEY", help="Your keystore file, or a development account like //Charlie."
    ),
]
IntoOption = Annotated[
    Path | None, typer.Option("--into", help="The folder to work in, a new one (default: task-TASK)")
]

_INDENT = " " * 10  # as far as what is said of a task stands from the left


def assign_task(
    task: TaskArgument,
    into: IntoOption = None,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Take a task and fetch its bundle, data and models into a folder, verified. Nothing in it is run.

    Again, it completes the folder. The bond is held until the result is accepted or the task is handed back.
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

    It works in a copy of the folder, without network. What it leaves in
    outputs/ comes back, is checked, and sent when you say so, with what was
    printed as its log. Builds the task's image: its Dockerfile runs with
    network, as root inside the build. Without a terminal it runs unattended.
    """
    from node_runtime.cli.workbench import open_workbench, seat, stopped_by_hangup

    session = open_storing_session(chain, _own(key), storage)
    assigned = assign(session.chain, session.store, TaskId(task), into=into, say=paragraph)
    outputs = assigned.folder / OUTPUTS
    try:
        with stopped_by_hangup() as stop, open_workbench(assigned, session.store, say=progress(quiet=False)) as bench:
            _greet(assigned, session)
            worked = work(assigned, bench, stop=stop)
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
    """Check the outputs of a task that you hold, store them and send them. The same outputs again are no mistake."""
    session = open_storing_session(chain, _own(key), storage)
    _send(session, TaskId(task), path or default_folder(TaskId(task)) / OUTPUTS, BY_HAND_ONLY)


def hand_back_task(task: TaskArgument, chain: ChainOption = None, key: KeyOption = None) -> None:
    """Give a task back: somebody else may have it, your bond returns. Free once per task."""
    from node_runtime.cli.session import open_account

    view = open_account(chain, _own(key))
    hold = hand_back(view, TaskId(task))
    left = hold.bond - (after.bond if (after := view.assignment(view.account, hold.task)) else 0)
    line(f"task {task} is handed back" + (f"; {amount(left)} of bond are yours again" if left else ""), style="green")


def report(
    task: TaskArgument,
    category: Annotated[FailureCategory, typer.Argument(metavar="CATEGORY", help="What kind of failure it is.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="One sentence; the creator reads it.")],
    into: Annotated[Path | None, typer.Option("--folder", help="The task's folder (default: task-TASK)")] = None,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Tell that a task can't be done, and why: ends your attempt, for a small fee unless the task is at fault.

    The log of the last run in its container goes along, if there was one.
    """
    session = open_storing_session(chain, _own(key), storage)
    folder = into or default_folder(TaskId(task))
    report_failure(session.chain, session.store, TaskId(task), category, reason, folder=folder)
    line(f"task {task} is reported as failed: {category}")


def _own(key: str | None) -> str:
    """A contributor's account is never guessed: the local network's is its creator's."""
    if key is None:
        raise InputError(
            "no --key given: who works is paid, so the task is taken with a key of your own",
            remedy="name your keystore file as --key or in NODE_RUNTIME_KEY; on a local network //Charlie will do",
        )
    return key


def _tell(assigned: Assigned, session: Session) -> None:
    task, hold, number = assigned.task, assigned.assignment, assigned.task.id
    _ask(assigned)
    left = since(hold.due, now=current_time(session.chain))
    line(f"pays      {amount(task.terms.reward)} when it is accepted; {amount(hold.bond)} of yours are held until then")
    line(f"send by   {moment(hold.due)}, {left}: later the bond is lost", style="yellow")
    folder = _shown(assigned.folder)
    line(f"folder    {folder}/")
    line("next, one of", style="dim")
    line(f"  (cd {folder} && . {ENVIRONMENT} && ./start_task.sh)    # as you: read the creator's script before")
    line(f"  node-runtime work {number}{_into(assigned)}    # in a container without network, at this terminal")
    line("then", style="dim")
    line(f"  node-runtime send-result {number}{_path(assigned)}")
    line("or, when you can't do it", style="dim")
    line(f"  node-runtime hand-back {number}")


def _ask(assigned: Assigned) -> None:
    """What its creator says, which may have lines of its own but none that look like ours."""
    task, document, asked = assigned.task, assigned.document, assigned.document.annotation
    line(f"task {task.id}  {_indented(document.name)}  {document.kind}  of {short(task.creator)}", style="bold")
    question = asked.question if asked is not None else document.question
    if question is not None:
        paragraph(_indented(question), first="question  ", rest=_INDENT)
    if asked is not None:
        paragraph(", ".join(asked.labels), first="labels    ", rest=_INDENT)
        answers = f"{asked.type}, one {OUTPUTS}/…_annotations.json for each file of annotation_files/"
        paragraph(answers, first="answers   ", rest=_INDENT)


def _indented(text: str) -> str:
    return f"\n{_INDENT}".join(text.splitlines())


def _greet(assigned: Assigned, session: Session) -> None:
    _ask(assigned)
    due = assigned.assignment.due
    line(f"send by   {moment(due)}, {since(due, now=current_time(session.chain))}", style="yellow")
    line(f"start_task.sh begins; what it leaves in {OUTPUTS}/ comes back to {_shown(assigned.folder)}/", style="dim")
    line("Ctrl-C interrupts it; Ctrl-] three times ends it whatever it does", style="dim")


def _check_ended_well(worked: Worked) -> None:
    if worked.failure is not None:
        raise worked.failure


def _confirms(files: int, task: TaskId) -> bool:
    question = f"Send {files} {'file' if files == 1 else 'files'} of {OUTPUTS}/ as the result of task {task}?"
    try:
        return typer.confirm(question, default=True)
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
    """The hold stays whatever happened: told, because nothing sent in time costs the bond."""
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
