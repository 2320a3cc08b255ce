"""Commands for creators: check a file, try it here, submit it, watch its tasks."""

from pathlib import Path
from typing import Annotated

import typer

from node_runtime.cli import creator_assets, creator_results
from node_runtime.cli.following import follow_tasks
from node_runtime.cli.session import (
    ChainOption,
    JsonOption,
    KeyOption,
    StorageOption,
    open_session,
    open_storing_session,
)
from node_runtime.cli.task_tables import print_task, task_table
from node_runtime.cli.text import console, line, print_json, progress, warn
from node_runtime.cli.which import TaskArgument
from node_runtime.clock import current_time
from node_runtime.creator.prices import escrow
from node_runtime.creator.results import list_task_results
from node_runtime.creator.submit import submit
from node_runtime.creator.tasks import Role, list_tasks, view_task, why_it_waits
from node_runtime.errors import InputError
from node_runtime.ports import Chain
from node_runtime.spec import SpecFile, read_specs
from node_runtime.task import Kind, TaskId, TaskState
from node_runtime.units import amount

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A YAML with one or more documents.")]
PANEL = "Creators"


def register(app: typer.Typer) -> None:
    for command in (check, run, submit_file, list_, show):
        name = {"submit_file": "submit", "list_": "list"}.get(command.__name__)
        app.command(name, rich_help_panel=PANEL)(command)
    creator_results.register(app, PANEL)
    app.command(rich_help_panel=PANEL)(cancel)
    app.command(rich_help_panel=PANEL)(resume)
    creator_assets.register(app, PANEL)


def check(file: FileArgument) -> None:
    """Read a file and name every mistake with its line; neither chain nor storage is asked."""
    read = _read(file)
    for spec in read.objectives:
        line(f"objective  {spec.name}: {len(spec.samples)} Test samples")
    for _, task in read.tasks:
        pays = f"{amount(task.reward)} for each of {task.slots}, holds {amount(escrow(task))}"
        line(f"{task.work:<9}  {task.name}: {pays}")
    line(f"{file} is fine", style="green")


def run(
    file: FileArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder in it for each task.")] = Path("runs"),
) -> None:
    """Run a file's tasks here, in the containers a node would use, without a chain."""
    from node_runtime.cli.local_bench import open_bench
    from node_runtime.creator.local_run import run_locally

    read = _read(file)
    with open_bench(output, say=line) as bench:
        results = run_locally(read, bench)
    for result in results:
        seconds = ", ".join(f"{name} {spent:.1f} s" for name, spent in result.seconds)
        told = f", score {result.perf.values['all']}" if result.perf is not None else ""
        line(f"{result.name}: {seconds}{told}; see {result.folder}", style="green")


def submit_file(
    file: FileArgument,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Follow the tasks until they are final.")] = False,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Submit a file: store what it names, register it, create its tasks. The rewards are held from then on."""
    read = _read(file)
    session = open_storing_session(chain, key, storage)
    submitted = submit(read, session.chain, session.store, say=progress(quiet=as_json))
    ended = follow_tasks(session.chain, session.store, submitted, quiet=as_json) if wait else ()
    if as_json:
        print_json({"submitted": submitted, "tasks": ended} if wait else submitted)
    elif not wait:
        numbers = ", ".join(str(task.id) for task in submitted.tasks)
        line(f"submitted: task {numbers}" if numbers else "submitted", style="green")
        if submitted.tasks:
            line(f"next: node-runtime show {submitted.tasks[0].id}", style="dim")
    if any(view.task.state is not TaskState.DONE for view in ended):
        raise typer.Exit(1)


def list_(
    role: Annotated[
        Role, typer.Option(help="Yours, those to be taken, those you took, or those with results for you to judge.")
    ] = Role.MINE,
    kind: Annotated[Kind | None, typer.Option(help="Only tasks of this kind.")] = None,
    status: Annotated[TaskState | None, typer.Option(help="Only tasks in this status.")] = None,
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
        console.print(task_table(views, now=current_time(session.chain)))
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


def _read(file: Path) -> SpecFile:
    read = read_specs(file)
    for warning in read.warnings:
        warn(warning)
    return read


def _say_state(chain: Chain, number: TaskId) -> None:
    task = chain.task(number)
    if task is None:
        raise InputError(f"there is no task {number} on this chain", remedy="see 'node-runtime list' for yours")
    line(f"task {number} is {task.state}; held for it: {amount(task.held)}")
