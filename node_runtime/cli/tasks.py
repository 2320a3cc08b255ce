"""Commands on tasks: list, show, wait, cancel, resume, confirm."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from node_runtime.cli.session import ChainOption, JsonOption, KeyOption, Session, StorageOption, open_session
from node_runtime.creator.endings import failed_attempts
from node_runtime.creator.lineage import lineages
from node_runtime.creator.mentions import Mentions
from node_runtime.creator.purge import records_kept
from node_runtime.creator.reading import code_of
from node_runtime.creator.results import list_task_results
from node_runtime.creator.tasks import (
    ANY_TASK,
    AccountRole,
    TaskFilter,
    TaskView,
    abort_price,
    confirm_failures,
    list_tasks,
    view_task,
)
from node_runtime.domain.assets import ObjectiveId
from node_runtime.domain.clock import current_time
from node_runtime.domain.task import Kind, PlanId, TaskId, TaskState
from node_runtime.domain.units import amount, read_duration
from node_runtime.errors import InputError, NoSuchTask
from node_runtime.ports.chain import ChainReads
from node_runtime.spec.fields import read_account

from .node_status import reasons
from .output import counted, line, one_of, paragraph, print_json, render, require_consent
from .progress import at_work_table
from .reading import print_code
from .scores import note_rounding, scores_of
from .session import TaskArgument, read_task
from .tables import task_table
from .watching import print_view, wait_for
from .watching import watch as watch_task

PAGE = 50  # tasks that are listed


def _read_since(text: str) -> int:
    try:
        return read_duration(text)
    except ValueError as error:
        raise InputError(f"--since: {error}") from None


def list_(
    role: Annotated[
        AccountRole,
        typer.Option(
            metavar="ROLE",
            help=f"{one_of(AccountRole)}: yours, those to be taken, those you took, those you are to judge.",
        ),
    ] = AccountRole.MINE,
    kind: Annotated[Kind | None, typer.Option(metavar="KIND", help=f"Only {one_of(Kind)} tasks.")] = None,
    status: Annotated[
        TaskState | None, typer.Option(metavar="STATUS", help=f"Only tasks that are {one_of(TaskState)}.")
    ] = None,
    plan: Annotated[int | None, typer.Option(min=1, help="Only tasks of this plan.")] = None,
    objective: Annotated[int | None, typer.Option(min=1, help="Only tasks that name this objective.")] = None,
    since: Annotated[
        int | None, typer.Option(metavar="DURATION", parser=_read_since, help="Only created within it, e.g. 2d.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", "-a", help="The tasks of all creators.")] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help=f"The newest N (default: {PAGE}; with --json, all).")
    ] = None,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """List tasks: yours, the open ones, those you took, or those you are to judge."""
    if every and role not in (AccountRole.MINE, AccountRole.ALL):
        raise InputError(f"--all and --role {role} are two roles", remedy="leave one of the two out")
    role = AccountRole.ALL if every else role
    session = open_session(chain, key, storage)
    only = TaskFilter(
        kind=kind,
        state=status,
        plan=PlanId(plan) if plan is not None else None,
        objective=ObjectiveId(objective) if objective is not None else None,
        since=current_time(session.chain) - since if since is not None else None,
    )
    found = list_tasks(session.chain, session.store, role=role, only=only)
    if as_json:
        print_json(found if limit is None else found[-limit:])
        return
    views = found[-(limit or PAGE) :]
    if views:
        _print_list(session, views, role=role, older=len(found) - len(views))
    elif only != ANY_TASK:
        line("no such tasks")
    else:
        line("no tasks" + ("; submit one with 'node-runtime submit FILE'" if role is AccountRole.MINE else ""))


def _print_list(session: Session, views: Sequence[TaskView], *, role: AccountRole, older: int) -> None:
    """Print a row for each task, how many older ones there are, and what is at work."""
    worker = session.chain.account if role is AccountRole.WORKER else None
    creators = role is not AccountRole.MINE
    render(task_table(views, now=current_time(session.chain), worker=worker, creators=creators))
    if worker is None:
        note_rounding(scores_of(one for view in views for one in view.submissions))
    if older:
        line(f"and {older} older; --limit {len(views) + older} lists all", style="dim")
    at_work = [one for view in views for one in view.progress]
    if at_work:
        line("")
        render(at_work_table(at_work, {view.task.id: view.name for view in views}))


def _read_timeout(text: str) -> int:
    try:
        return read_duration(text)
    except ValueError as error:
        raise InputError(f"--timeout: {error}") from None


def show(
    task: TaskArgument,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on until the task is final: its attempts' stages and times.")
    ] = False,
    code: Annotated[
        bool, typer.Option("--code", help="Print the code that it runs instead: algo, metric, bundle and opener.")
    ] = False,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Show one task: terms, attempts, results, why it waits, and how its models were made."""
    if watch and as_json:
        raise InputError("--watch shows the task as it changes, which is no JSON", remedy="leave one of the two out")
    session = open_session(chain, key, storage)
    if watch:
        watch_task(session, TaskId(task))
        return
    if code:
        _show_code(session, TaskId(task), as_json=as_json)
        return
    view, now = view_task(session.chain, session.store, TaskId(task)), current_time(session.chain)
    mentions = Mentions(session.chain, session.store)
    if not as_json:
        print_view(session, view, mentions)
        return
    kept = records_kept(view.task, session.chain.bounds(), by=session.chain.account)
    made = lineages(session.chain, view.submissions)
    results = list_task_results(session.chain, session.store, TaskId(task))
    waits = reasons(session, view, mentions, now=now)
    failed = failed_attempts(view, session.store)
    told = {"task": view, "results": results, "failed": failed, "waits": waits, "models": made, "records": kept}
    print_json(told)


def _show_code(session: Session, task: TaskId, *, as_json: bool) -> None:
    document = view_task(session.chain, session.store, task).document
    if document is None:
        raise InputError(f"the document of task {task} is not in storage", remedy="name the storage where it is")
    if as_json:
        print_json(list(code_of(document, session.chain, session.store)))
    else:
        print_code(code_of(document, session.chain, session.store))


def wait(
    tasks: Annotated[list[int], typer.Argument(metavar="TASK", parser=read_task, help="The tasks' numbers.")],
    timeout: Annotated[
        int | None,
        typer.Option(metavar="DURATION", parser=_read_timeout, help="Give up after it, e.g. 10m."),
    ] = None,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Wait until tasks are final. Exit code 0 if all are done, 1 if not, 124 if some go on after the timeout."""
    session = open_session(chain, key, storage)
    wait_for(session, [TaskId(number) for number in tasks], timeout=timeout, as_json=as_json)


def cancel(
    task: TaskArgument,
    abort: Annotated[bool, typer.Option("--abort", help="Also stop what is at work, and pay for its time.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Abort without asking at the terminal.")] = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Cancel a task: no new claims, live attempts finish and are paid, the rest of the escrow returns.

    An abort pays live attempts pro rata: the full reward from a quarter of the allowed time on.
    """
    session = open_session(chain, key, storage)
    if abort:
        _tell_price(session.chain, TaskId(task), ask=not yes)
    session.chain.cancel_task(TaskId(task), abort=abort)
    _say_state(session.chain, TaskId(task))
    _say_what_goes_on(session, TaskId(task))


def resume(task: TaskArgument, chain: ChainOption = None, key: KeyOption = None, storage: StorageOption = None) -> None:
    """Reopen a task that failed attempts have paused."""
    session = open_session(chain, key, storage)
    session.chain.resume_task(TaskId(task))
    _say_state(session.chain, TaskId(task))


def confirm(
    task: TaskArgument,
    worker: Annotated[str | None, typer.Option(metavar="ACCOUNT", help="Only of this worker.")] = None,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Confirm failure reports as justified: the fees held for them return to their workers."""
    session = open_session(chain, key, storage)
    try:
        named = read_account(worker) if worker is not None else None
    except ValueError as error:
        raise InputError(f"--worker: {error}") from None
    for one in confirm_failures(session.chain, TaskId(task), named):
        line(f"task {task}: {amount(one.fees)} are {one.worker}'s again")


def _tell_price(chain: ChainReads, number: TaskId, *, ask: bool) -> None:
    """Print the price of an abort before it is paid; ask for confirmation on a terminal."""
    price = abort_price(chain, number)
    if not price.attempts:
        return
    work = counted(price.attempts, "attempt")
    line(f"aborting task {number} pays {amount(price.now)} for {work} at work, at most {amount(price.most)} later on")
    if ask and sys.stdin.isatty():
        require_consent("Abort it?", refused="nothing is aborted; the task goes on")


def _say_state(chain: ChainReads, number: TaskId) -> None:
    task = chain.task(number)
    if task is None:
        raise NoSuchTask(number)
    line(f"task {number} is {task.state}; held for it: {amount(task.held)}")


def _say_what_goes_on(session: Session, number: TaskId) -> None:
    """Print what a cancelled task still waits for, as `show` does."""
    view = view_task(session.chain, session.store, number)
    if view.task.state is TaskState.CLOSING:
        mentions = Mentions(session.chain, session.store)
        for reason in reasons(session, view, mentions, now=current_time(session.chain)):
            paragraph(reason, style="dim")
