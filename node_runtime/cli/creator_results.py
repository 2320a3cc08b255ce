"""Commands for what tasks bring: look at results, read logs, fetch outputs, accept and reject."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from node_runtime.cli.annotation_tables import compared_or_none, print_agreement
from node_runtime.cli.session import ChainOption, JsonOption, KeyOption, StorageOption, open_session
from node_runtime.cli.task_tables import result_table
from node_runtime.cli.text import console, line, paragraph, print_json, safe
from node_runtime.cli.which import SubmissionOption, TaskArgument, WhichArgument, read_which
from node_runtime.clock import current_time
from node_runtime.creator.logs import FoundLog, Log, LogTrouble, PrivateLog, logs_of
from node_runtime.creator.results import TaskResult, fetch_result, list_task_results, numbers_beside, tables_beside
from node_runtime.creator.review import accept as accept_result
from node_runtime.creator.review import reject as reject_result
from node_runtime.creator.tasks import TaskView, view_task, why_it_waits
from node_runtime.errors import InputError, NoSuchSubmission, StorageError
from node_runtime.task import Submission, SubmissionId, SubmissionState, TaskId
from node_runtime.units import amount


def results(
    task: TaskArgument,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """List a task's results: scores, what vouches for them, seconds, memory, and how far annotators agree.

    As JSON {"results": […], "annotations": {…}}; the latter null but for annotations that can be compared.
    """
    session = open_session(chain, key, storage)
    view = view_task(session.chain, session.store, TaskId(task))
    found = list_task_results(session.chain, session.store, TaskId(task))
    if as_json:
        print_json({"results": found, "annotations": compared_or_none(view, session.store)})
        return
    if not found:
        line(f"task {task} has no results; it is {view.task.state}. See 'node-runtime show {task}'.")
        return
    console.print(result_table(found))
    for result in found:
        _print_details(result)
    print_agreement(view, session.store)
    for reason in why_it_waits(view, session.chain, now=current_time(session.chain)):
        paragraph(reason, style="yellow")


def logs(
    task: TaskArgument,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Print what the containers of a task printed, of results and of failed attempts."""
    session = open_session(chain, key, storage)
    view = view_task(session.chain, session.store, TaskId(task))
    found = logs_of(session.chain, session.store, TaskId(task))
    if as_json:
        print_json(found)
    elif not found:
        line(f"task {task} has no logs yet; it is {view.task.state}")
    else:
        for log in found:
            _print_log(log)
    if any(isinstance(log, LogTrouble) for log in found):
        raise typer.Exit(StorageError.exit_code)


def fetch(
    which: WhichArgument,
    folder: Annotated[Path | None, typer.Argument(help="A new folder (default: task-TASK)")] = None,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Fetch a result's outputs, its result.json and its logs into a folder, verified."""
    number, submission = read_which(which, None)
    session = open_session(chain, key, storage)
    view = view_task(session.chain, session.store, number)
    chosen = _chosen(view, submission)
    target = folder or Path(f"task-{number}")
    for path in fetch_result(chosen, session.store, target):
        line(f"{path}{'/' if path.is_dir() else ''}")


def accept(
    which: WhichArgument,
    submission: SubmissionOption = None,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Accept a result: its worker is paid, for good. E.g. 'accept 12', or 'accept 12/3' for submission 3 of it."""
    task, number = read_which(which, submission)
    session = open_session(chain, key, storage)
    view = view_task(session.chain, session.store, task)
    accepted = accept_result(session.chain, task, number)
    reward = amount(view.task.terms.reward)
    line(f"submission {accepted.id} is accepted; {accepted.worker} was paid {reward}")


def reject(
    which: WhichArgument,
    sentence: Annotated[str | None, typer.Argument(metavar="REASON", help="The same as --reason.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="One sentence; its worker reads it.")] = None,
    submission: SubmissionOption = None,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Reject a result: costs you and its worker a tenth of the reward; max_rejects of them close the slot."""
    task, number = read_which(which, submission)
    if (sentence is None) == (reason is None):
        raise InputError("rejecting needs one reason", remedy=f"node-runtime reject {which} --reason 'what is wrong'")
    session = open_session(chain, key, storage)
    view_task(session.chain, session.store, task)
    rejected = reject_result(session.chain, task, reason or sentence or "", number)
    line(f"submission {rejected.id} of {rejected.worker} is rejected")


def _print_log(log: FoundLog) -> None:
    match log:
        case Log():
            line(f"── {log.source}: {log.name}", style="bold")
            if log.text:
                console.print(Text(safe(log.text)), end="" if log.text.endswith("\n") else "\n", soft_wrap=True)
            else:
                line("(nothing was printed)", style="dim")
        case PrivateLog():
            line(f"── {log.source}", style="bold")
            line(f"no log here: {log.reason}")
        case LogTrouble():
            line(f"── {log.source}", style="bold")
            line(f"its log can't be had: {log.trouble}", style="red")


def _print_details(result: TaskResult) -> None:
    number = result.submission.id
    if result.document is None:
        line(f"submission {number}: {result.trouble}", style="red")
        return
    told = [f"{name} {value:g}" for name, value in numbers_beside(result.document)]
    told += [f"{name} in perf.json" for name in tables_beside(result.document)]
    outputs = ", ".join(f"{name} {digest[:12]}…" for name, digest in result.document.outputs.items())
    line(f"submission {number}: outputs {outputs}" + "".join(f"; {one}" for one in told))


def _chosen(view: TaskView, number: SubmissionId | None) -> Submission:
    """The named one, else the latest accepted, else the latest that wasn't rejected."""
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
