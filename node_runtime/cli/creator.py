"""Commands for creators: check a file, try it here, submit it, watch its tasks."""

from pathlib import Path
from typing import Annotated

import typer

from node_runtime.cli.following import follow_tasks
from node_runtime.cli.session import (
    ChainOption,
    JsonOption,
    KeyOption,
    StorageOption,
    open_storing_session,
)
from node_runtime.cli.text import line, print_json, progress, warn
from node_runtime.creator.begun import Notes
from node_runtime.creator.prices import escrow
from node_runtime.creator.submit import submit
from node_runtime.spec import SpecFile, read_specs
from node_runtime.task import TaskState
from node_runtime.units import amount

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A YAML with one or more documents.")]


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
        told = f", score {result.perf.values['all']:.6g}" if result.perf is not None else ""
        line(f"{result.name}: {seconds}{told}; see {result.folder}", style="green")


def submit_file(
    file: FileArgument,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Follow the tasks until they are final.")] = False,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Submit a file: store what it names, register it, create its tasks. The rewards are held from then on.

    Again, it makes new tasks; but where it was stopped halfway before, it goes on there.
    """
    read = _read(file)
    session = open_storing_session(chain, key, storage)
    notes = Notes.of(session.url, session.chain.account)
    submitted = submit(read, session.chain, session.store, say=progress(quiet=as_json), notes=notes)
    ended = follow_tasks(session.chain, session.store, submitted, quiet=as_json) if wait else ()
    if as_json:
        print_json({"submitted": submitted, "tasks": ended} if wait else submitted)
    elif not wait:
        numbers = ", ".join(str(task.id) for task in submitted.tasks)
        tasks = "task" if len(submitted.tasks) == 1 else "tasks"
        line(f"submitted: {tasks} {numbers}" if numbers else "submitted", style="green")
        if submitted.tasks:
            line(f"next: node-runtime show {submitted.tasks[0].id}", style="dim")
    if any(view.task.state is not TaskState.DONE for view in ended):
        raise typer.Exit(1)


def _read(file: Path) -> SpecFile:
    read = read_specs(file)
    for warning in read.warnings:
        warn(warning)
    return read
