"""Commands for creators' tasks on chain: list them, look at one, cancel it, open it again."""

from typing import Annotated

import typer

from node_runtime.cli.session import ChainOption, JsonOption, KeyOption, StorageOption, open_session
from node_runtime.cli.task_tables import print_task, task_table
from node_runtime.cli.text import console, line, one_of, print_json
from node_runtime.cli.which import TaskArgument
from node_runtime.clock import current_time
from node_runtime.creator.results import list_task_results
from node_runtime.creator.tasks import Role, list_tasks, view_task, why_it_waits
from node_runtime.errors import NoSuchTask
from node_runtime.ports import Chain
from node_runtime.task import Kind, TaskId, TaskState
from node_runtime.units import amount


def list_(
    role: Annotated[
        Role, typer.Option(help="Yours, those to be taken, those you took, or those with results for you to judge.")
    ] = Role.MINE,
    kind: Annotated[Kind | None, typer.Option(metavar="KIND", help=f"Only {one_of(Kind)} tasks.")] = None,
    status: Annotated[
        TaskState | None, typer.Option(metavar="STATUS", help=f"Only tasks that are {one_of(TaskState)}.")
    ] = None,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """List tasks: yours, the open ones, those you took, or those you are to judge."""
    session = open_session(chain, key, storage)
    views = list_tasks(session.chain, session.store, role=role, kind=kind, state=status)
    if as_json:
        print_json(views)
    elif views:
        worker = session.chain.account if role is Role.WORKER else None
        console.print(task_table(views, now=current_time(session.chain), worker=worker))
    else:
        line("no tasks" + ("; submit one with 'node-runtime submit FILE'" if role is Role.MINE else ""))


def show(
    task: TaskArgument,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Show one task: terms, attempts, results, and why it waits."""
    session = open_session(chain, key, storage)
    view, now = view_task(session.chain, session.store, TaskId(task)), current_time(session.chain)
    waits = why_it_waits(view, session.chain, now=now)
    if as_json:
        print_json({"task": view, "waits": waits})
    else:
        print_task(view, list_task_results(session.chain, session.store, TaskId(task)), waits, now=now)


def cancel(
    task: TaskArgument,
    abort: Annotated[bool, typer.Option("--abort", help="Also stop what is at work now; it is paid.")] = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Cancel a task: no new claims, what is at work finishes and is paid, the rest comes back."""
    session = open_session(chain, key, storage)
    session.chain.cancel_task(TaskId(task), abort=abort)
    _say_state(session.chain, TaskId(task))


def resume(task: TaskArgument, chain: ChainOption = None, key: KeyOption = None, storage: StorageOption = None) -> None:
    """Open a task again that failed attempts have paused."""
    session = open_session(chain, key, storage)
    session.chain.resume_task(TaskId(task))
    _say_state(session.chain, TaskId(task))


def _say_state(chain: Chain, number: TaskId) -> None:
    task = chain.task(number)
    if task is None:
        raise NoSuchTask(number)
    line(f"task {number} is {task.state}; held for it: {amount(task.held)}")
