"""Commands on results: results, logs, fetch, accept, reject, federate."""

from pathlib import Path
from typing import Annotated

import typer

from node_runtime.cli.session import ChainOption, JsonOption, KeyOption, StorageOption, open_session
from node_runtime.creator.kept import stayed
from node_runtime.creator.mentions import Mentions
from node_runtime.creator.results import (
    LogTrouble,
    TaskResult,
    fetch_result,
    list_task_results,
    logs_of,
    numbers_beside,
    read_document,
    staying,
    tables_beside,
    vanished,
)
from node_runtime.creator.review import accept as accept_result
from node_runtime.creator.review import reject as reject_result
from node_runtime.creator.tasks import chosen_result, view_task
from node_runtime.creator.transient import dropped_models
from node_runtime.domain.clock import current_time
from node_runtime.domain.task import TaskId
from node_runtime.domain.units import amount
from node_runtime.errors import InputError, StorageError
from node_runtime.ports.chain import ChainReads

from .log_following import follow_logs, print_log
from .node_status import reasons
from .output import counted, line, paragraph, print_json, render
from .scores import note_rounding, scores_of
from .session import SubmissionOption, TaskArgument, WhichArgument, read_which
from .tables import compared_or_none, print_agreement, print_steps, result_table


def results(
    task: TaskArgument,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """List a task's results: scores, what vouches for them, seconds, memory, and how far annotators agree.

    The JSON is {"results": […], "annotations": {…}}; annotations is null unless they can be compared.
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
    render(result_table(found))
    note_rounding(scores_of(one.submission for one in found))
    for result in found:
        _print_details(result, session.chain)
    print_steps(found)
    print_agreement(view, session.store)
    mentions = Mentions(session.chain, session.store)
    for reason in reasons(session, view, mentions, now=current_time(session.chain)):
        paragraph(reason, style="yellow")


def logs(
    task: TaskArgument,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the task is final: what its containers print now, too.")
    ] = False,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Print the logs of a task's containers, of results and of failed attempts; with -f as they come."""
    if follow and as_json:
        raise InputError("--follow prints text as it comes, which is no JSON", remedy="leave one of the two out")
    session = open_session(chain, key, storage)
    if follow:
        follow_logs(session, TaskId(task))
        return
    view = view_task(session.chain, session.store, TaskId(task))
    found = logs_of(session.chain, session.store, TaskId(task))
    if as_json:
        print_json(found)
    elif not found:
        line(f"task {task} has no logs yet; it is {view.task.state}")
    else:
        for log in found:
            print_log(log)
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
    chosen = chosen_result(view, submission)
    target = folder or Path(f"task-{number}")
    dropped = tuple(dropped_models(number, session.chain, session.store).values())
    for path in fetch_result(chosen, session.store, target, dropped=dropped):
        line(f"{path}{'/' if path.is_dir() else ''}", whole=True)
    if dropped:
        told = f"without the {' and '.join(dropped)}, dropped as the task has keep: false: see docs/plans.md"
        paragraph(told, style="yellow")
    if stays := staying(read_document(chosen, session.store)):
        paragraph(f"{stayed(session.chain, number, stays)}; see docs/privacy.md", style="yellow")


def accept(
    which: WhichArgument,
    submission: SubmissionOption = None,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Accept a result: its worker is paid, irrevocably. E.g. 'accept 12', or 'accept 12/3' for submission 3 of it."""
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


def _print_details(result: TaskResult, chain: ChainReads) -> None:
    number = result.submission.id
    if result.document is None:
        line(f"submission {number}: {result.trouble}", style="red")
        return
    told = [f"{name} {value}" for name, value in numbers_beside(result.document)]
    told += [f"{name} in perf.json" for name in tables_beside(result.document)]
    told += [f"{name} is 0 on chain, which keeps 18 decimals" for name in vanished(result)]
    outputs = ", ".join(f"{name} {digest[:12]}…" for name, digest in result.document.outputs.items())
    line(f"submission {number}: outputs {outputs}" + "".join(f"; {one}" for one in told))
    if stays := staying(result.document):
        line(f"submission {number}: {stayed(chain, result.submission.task, stays)}", style="dim")


def federate(
    tasks: Annotated[
        list[str],
        typer.Argument(
            metavar="TASK[/SUBMISSION]", help="A task's accepted results, or e.g. 12/3 to try one under review."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="A new folder for the model.")],
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Average the models of results, each weighted by the examples it was trained on (FedAvg).

    Models are downloaded and verified. Different structures are refused,
    naming the layer. An aggregation task does the same on a node.
    """
    from node_runtime.creator.federation import Chosen
    from node_runtime.creator.federation import federate as average

    named = [read_which(which, None) for which in tasks]
    chosen = [Chosen(task=task, submission=submission) for task, submission in named]
    session = open_session(chain, key, storage)
    made = average(chosen, session.chain, session.store, out)
    if as_json:
        print_json(made)
        return
    for one in made.submissions:
        line(f"result {one.task}/{one.id} of {one.worker}: {one.state.replace('_', ' ')}")
    line(f"{made.folder}/: the model of {counted(len(made.submissions), 'result')}, trained on {made.samples} examples")
