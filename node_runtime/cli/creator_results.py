"""Commands for what tasks bring: look at results, read logs, fetch outputs, accept and reject."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from node_runtime.cli.session import ChainOption, JsonOption, KeyOption, StorageOption, open_session
from node_runtime.cli.task_tables import result_table
from node_runtime.cli.text import console, line, print_json, safe
from node_runtime.creator.results import TaskResult, fetch_result, list_task_results, logs_of
from node_runtime.creator.review import accept as accept_result
from node_runtime.creator.review import reject as reject_result
from node_runtime.creator.tasks import view_task
from node_runtime.errors import InputError
from node_runtime.task import Submission, SubmissionId, SubmissionState, TaskId
from node_runtime.units import amount

TaskArgument = Annotated[int, typer.Argument(metavar="TASK", help="The task's number.")]
SubmissionOption = Annotated[
    int | None, typer.Option("--submission", "-s", help="Which one [default: the only one under review]")
]


def register(app: typer.Typer, panel: str) -> None:
    for command in (results, logs, fetch, accept, reject):
        app.command(rich_help_panel=panel)(command)


def results(
    task: TaskArgument,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """List a task's results: scores, what vouches for them, seconds, memory."""
    session = open_session(chain, key, storage)
    view = view_task(session.chain, session.store, TaskId(task))
    found = list_task_results(session.chain, session.store, TaskId(task))
    if as_json:
        print_json(found)
        return
    if not found:
        line(f"task {task} has no results; it is {view.task.state}. See 'node-runtime show {task}'.")
        return
    console.print(result_table(found))
    for result in found:
        _print_details(result)


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
        return
    if not found:
        line(f"task {task} has no logs yet; it is {view.task.state}")
    elif not any(log.text for log in found):
        line("its containers printed nothing")
    for log in (log for log in found if log.text):
        line(f"── {log.source}" + (f": {log.name}" if log.name else ""), style="bold")
        console.print(Text(safe(log.text)), end="", soft_wrap=True)


def fetch(
    which: Annotated[str, typer.Argument(metavar="TASK[/SUBMISSION]", help="E.g. 12, or 12/3 for one submission.")],
    folder: Annotated[Path | None, typer.Argument(help="A new folder [default: task-TASK]")] = None,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Fetch a result's outputs, its result.json and its logs into a folder, verified."""
    number, submission = _which(which)
    session = open_session(chain, key, storage)
    view_task(session.chain, session.store, number)
    chosen = _chosen(session.chain.submissions(number), number, submission)
    target = folder or Path(f"task-{number}")
    for path in fetch_result(chosen, session.store, target):
        line(f"{path}{'/' if path.is_dir() else ''}")


def accept(
    task: TaskArgument,
    submission: SubmissionOption = None,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Accept a result: its worker is paid, for good."""
    session = open_session(chain, key, storage)
    number = SubmissionId(submission) if submission is not None else None
    view = view_task(session.chain, session.store, TaskId(task))
    accepted = accept_result(session.chain, TaskId(task), number)
    reward = amount(view.task.terms.reward)
    line(f"submission {accepted.id} is accepted; {accepted.worker} was paid {reward}")


def reject(
    task: TaskArgument,
    reason: Annotated[str, typer.Argument(help="One sentence; its worker reads it.")],
    submission: SubmissionOption = None,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Reject a result: costs you and its worker a tenth of the reward; max_rejects of them close the slot."""
    session = open_session(chain, key, storage)
    number = SubmissionId(submission) if submission is not None else None
    view_task(session.chain, session.store, TaskId(task))
    rejected = reject_result(session.chain, TaskId(task), reason, number)
    line(f"submission {rejected.id} of {rejected.worker} is rejected")


def _print_details(result: TaskResult) -> None:
    number = result.submission.id
    if result.document is None:
        line(f"submission {number}: {result.trouble}", style="red")
        return
    perf = result.document.perf or {}
    numbers = {name: value for name, value in perf.items() if isinstance(value, int | float) and name != "all"}
    tables = [name for name, value in perf.items() if isinstance(value, list | dict)]
    told = [f"{name} {value:g}" for name, value in numbers.items()] + [f"{name} in perf.json" for name in tables]
    outputs = ", ".join(f"{name} {digest[:12]}…" for name, digest in result.document.outputs.items())
    line(f"submission {number}: outputs {outputs}" + "".join(f"; {one}" for one in told))


def _which(which: str) -> tuple[TaskId, SubmissionId | None]:
    task, _, submission = which.partition("/")
    if not task.isdecimal() or (submission and not submission.isdecimal()):
        raise InputError(f"'{which}' names no task", remedy="write its number, e.g. 12, or 12/3 for submission 3 of it")
    return TaskId(int(task)), SubmissionId(int(submission)) if submission else None


def _chosen(every: tuple[Submission, ...], task: TaskId, number: SubmissionId | None) -> Submission:
    """The named one, else the latest accepted, else the latest that wasn't rejected."""
    if number is not None:
        named = [one for one in every if one.id == number]
    else:
        accepted = [one for one in every if one.state is SubmissionState.ACCEPTED]
        named = accepted or [one for one in every if one.state is SubmissionState.UNDER_REVIEW]
    if not named:
        what = f"submission {number}" if number is not None else "result"
        raise InputError(f"task {task} has no {what}", remedy=f"see 'node-runtime results {task}'")
    return named[-1]
