"""Commands of creators on files: run, submit."""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node_runtime.cli.session import (
    ChainOption,
    JsonOption,
    KeyOption,
    StorageOption,
    open_session,
    open_storing_session,
)
from node_runtime.creator.plans import plan_to_extend
from node_runtime.creator.submit import SubmitJournal, Submitted, submit
from node_runtime.domain.clock import CLOCK_REMEDY, ClockStanding, describe_skew, standing_of
from node_runtime.domain.task import PlanId, TaskState
from node_runtime.domain.units import plain
from node_runtime.errors import InputError

from .check import FileArgument, read_warned
from .output import counted, line, print_json, progress, warn
from .session import read_plan
from .watching import follow_tasks

if TYPE_CHECKING:
    from node_runtime.kinds.perf import PerfFile


def run(
    file: FileArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder in it for each task.")] = Path("runs"),
    alias: Annotated[
        list[str] | None,
        typer.Option(metavar="REF=LOCAL", help="A local image, or ./folder to build, for one that FROM names."),
    ] = None,
    fake: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=1_000_000, help="Without data: on N samples that the opener makes up."),
    ] = None,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Run a file's tasks here, in the containers a node would use, without a chain.

    With --fake they may name private data, and assets and objectives that
    are in the storage and on the chain.
    """
    from node_runtime.creator.declarations import with_declarations
    from node_runtime.creator.fake_data import FakeData, asks_elsewhere, fake_data
    from node_runtime.creator.local_run import open_bench, run_locally
    from node_runtime.platform.signals import interrupt_on_signals

    read = read_warned(file)
    interrupt_on_signals()  # so that the container is stopped with the command
    made_up = None
    if fake is not None:
        made_up = FakeData(samples=fake)
        if asks_elsewhere(read):
            session = open_session(chain, key, storage)
            read = with_declarations(read, session.store)
            made_up = fake_data(fake, read, session.chain, session.store)
    with open_bench(output, aliases=_read_aliases(alias or ()), fake=made_up, say=line) as bench:
        results = run_locally(read, bench)
    for result in results:
        seconds = ", ".join(f"{name} {spent:.1f} s" for name, spent in result.seconds)
        line(f"{result.name}: {seconds}{_numbers(result.perf)}; see {result.folder}", style="green")
        for name in result.perf.vanished if result.perf is not None else ():
            warn(f"{name} in perf.json is 0 on chain, which keeps 18 decimals")


def _numbers(perf: "PerfFile | None") -> str:
    """Return the score, or all performances of a function."""
    if perf is None:
        return ""
    if perf.declared:
        return "".join(f", {one.name} {plain(one.value)}" for one in perf.numbers)
    return f", score {plain(perf.score)}"


def _read_aliases(given: Iterable[str]) -> dict[str, str | Path]:
    from node_runtime.engines.docker.aliases import ImageAliases, read_reference, read_target

    aliases: dict[str, str | Path] = {}
    for one in given:
        name, equals, local = one.partition("=")
        try:
            if not equals or name in aliases:
                raise ValueError(f"{name[:60]} has an alias already" if equals else "it has no '='")
            aliases[read_reference(name)] = read_target(local, Path())
            ImageAliases(aliases)
        except ValueError as error:
            told = f"--alias {one[:160]}: {error}"
            raise InputError(told, remedy="write e.g. --alias python:3.12-slim=my-python:1") from None
    return aliases


def submit_file(
    file: FileArgument,
    plan: Annotated[
        int | None, typer.Option(metavar="PLAN", parser=read_plan, help="Add its tasks to this plan of yours.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Follow the tasks until they are final.")] = False,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Submit a file: store its assets, register them, create its tasks. The rewards are held from then on.

    Repeated, it creates new tasks, unless it was interrupted before: then it resumes.
    With --plan they extend a plan, whose tasks they may name.
    """
    read = read_warned(file) if plan is None else None  # its mistakes are told without a chain
    session = open_storing_session(chain, key, storage, priced=True)
    if read is None:
        assert plan is not None
        read = read_warned(file, extends=plan_to_extend(PlanId(plan), session.chain, session.store))
    journal = SubmitJournal.of(session.url, session.chain.account)
    told = progress(quiet=as_json)
    submitted = submit(read, session.chain, session.store, say=told, warn=warn, journal=journal)
    _warn_of_clock(submitted.clock_skew)
    names = {task.id: task.name for task in submitted.tasks} if wait else {}
    ended = follow_tasks(session, names, quiet=as_json, stop=threading.Event()) if wait else ()
    if as_json:
        print_json({"submitted": submitted, "tasks": ended} if wait else submitted)
    elif not wait:
        _say_what_is_there(submitted)
    if any(view.task.state is not TaskState.DONE for view in ended):
        raise typer.Exit(1)


def _say_what_is_there(submitted: Submitted) -> None:
    tasks, plan = submitted.tasks, submitted.plan
    if not tasks:
        line("submitted", style="green")
    elif plan is None:
        line(f"submitted: task {tasks[0].id}", style="green")
        line(f"next: node-runtime show {tasks[0].id}", style="dim")
    else:
        line(f"submitted: {counted(len(tasks), 'task')} in plan {plan}", style="green")
        line(f"next: node-runtime plan show {plan}", style="dim")


def _warn_of_clock(skew: int) -> None:
    """Warn of a clock skew beyond a node's tolerance: the times that commands print would be wrong."""
    if standing_of(skew) is ClockStanding.WRONG:
        warn(
            f"{describe_skew(skew)}, by which deadlines and reviews end: at other times than this machine will show; "
            f"{CLOCK_REMEDY}"
        )
