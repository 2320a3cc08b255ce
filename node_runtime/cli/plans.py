"""Commands on compute plans: list, show, results, cancel.

A plan has commands of its own, as assets and objectives have: plans and tasks are both known by numbers from 1 on, so
``show 3`` could be either.
"""

import sys
import time
from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from node_runtime.creator.plans import (
    Performance,
    PlanReader,
    PlanView,
    list_plans,
    plan_abort_price,
)
from node_runtime.creator.transient import Pruning, prune
from node_runtime.domain.clock import current_time
from node_runtime.domain.task import PlanId, TaskId
from node_runtime.domain.units import amount, moment, number, since
from node_runtime.errors import InputError

from .lazy_group import HelpedCommand, example
from .output import (
    counted,
    height,
    is_terminal,
    line,
    print_csv,
    print_json,
    render,
    require_consent,
    screen,
    table,
)
from .plan_tables import STYLES, doing, print_performances, print_plan
from .session import ChainOption, JsonOption, KeyOption, PlanArgument, Session, StorageOption, open_session
from .watching import say_dropped

POLL = 1.0  # seconds
BESIDE = 6  # lines of a screen beside those of the tasks
COLUMNS = tuple(Performance.__dataclass_fields__)

plan = typer.Typer(help="Compute plans: the tasks of a file with several.", no_args_is_help=True)


@plan.command("list", cls=HelpedCommand, epilog=example("plan list"))
def plan_list(
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """List your plans."""
    session = open_session(chain, key, storage)
    found = list_plans(session.chain, session.store)
    if as_json:
        print_json(found)
        return
    if not found:
        line("no plans; a file with several tasks becomes one: 'node-runtime submit FILE'")
        return
    now = current_time(session.chain)
    made = table("plan", "name", "status", "done", "held", "created", right=("plan", "done", "held"))
    for one in found:
        state = Text(one.state, style=STYLES[one.state])
        done, begun = f"{one.done} of {one.tasks}", since(one.created, now=now)
        made.add_row(str(one.plan.id), one.name, state, done, number(one.held), begun)
    render(made)


@plan.command("show", cls=HelpedCommand, epilog=example("plan show 3 --watch"))
def plan_show(
    number: PlanArgument,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on until all of its tasks are final.")] = False,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Draw a plan's tasks as a graph, with their states, nodes and times.

    Watching a plan of yours drops its transient models, as 'submit --wait' does.

    The JSON has its performances too, as 'plan results' lists them.
    """
    if watch and as_json:
        raise InputError("--watch shows the plan as it changes, which is no JSON", remedy="leave one of the two out")
    session = open_session(chain, key, storage)
    reader = PlanReader(chain=session.chain, store=session.store, number=PlanId(number))
    if watch:
        pruning = Pruning([PlanId(number)], session.chain, session.store)
        _watch(reader, pruning)
        pruning.look()
        say_dropped(pruning)
        return
    view = reader.read()
    if as_json:
        print_json({"plan": view, "performances": list(view.performances())})
    else:
        print_plan(view, now=current_time(session.chain))


@plan.command("results", cls=HelpedCommand, epilog=example("plan results 3 --csv > performances.csv"))
def plan_results(
    number: PlanArgument,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one row a number.")] = False,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """List the performances of a plan's accepted results, with the columns of Substra's table.

    A task's round is its parameter 'round'.
    """
    if as_csv and as_json:
        raise InputError("--csv and --json are two formats", remedy="leave one of the two out")
    session = open_session(chain, key, storage)
    view = PlanReader(chain=session.chain, store=session.store, number=PlanId(number)).read()
    found = list(view.performances())
    if as_json:
        print_json(found)
    elif as_csv:
        print_csv(COLUMNS, map(_csv_row, found))
    elif not found:
        line(f"plan {number} ({view.state}) has no performances yet. See 'node-runtime plan show {number}'.")
    else:
        print_performances(view, found)


@plan.command("cancel", cls=HelpedCommand, epilog=example("plan cancel 3 --abort"))
def plan_cancel(
    number: PlanArgument,
    abort: Annotated[bool, typer.Option("--abort", help="Also stop what is at work, and pay for its time.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Abort without asking at the terminal.")] = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Cancel a plan: no task of it is taken any more, live attempts finish and are paid, the rest returns.

    An abort stops them too, builds of images included, and pays them pro rata.
    """
    session = open_session(chain, key, storage)
    view = PlanReader(chain=session.chain, store=session.store, number=PlanId(number)).read()
    if view.plan.cancelled is not None:
        remedy = "'node-runtime cancel TASK --abort' stops a task of it that is at work"
        raise InputError(f"plan {number} is cancelled already", remedy=remedy)
    live = sum(one.task.counters.live for one in view.tasks)
    if abort and live:
        _consent(session, view, ask=not yes)
    session.chain.cancel_plan(PlanId(number), abort=abort)
    going_on = "" if abort or not live else f"; {counted(live, 'attempt')} at work goes on and is paid"
    line(f"plan {number} is cancelled: what is held for the rest of it returns{going_on}")


@plan.command("prune", cls=HelpedCommand, epilog=example("plan prune 3"))
def plan_prune(
    number: PlanArgument,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Drop the models of tasks with 'keep: false' from storage, once no task needs them; their records stay.

    Repeat it as the plan goes on.
    """
    session = open_session(chain, key, storage)
    view = PlanReader(chain=session.chain, store=session.store, number=PlanId(number)).read()
    if view.plan.creator != session.chain.account:
        raise InputError(f"plan {number} is {view.plan.creator}'s", remedy="only its creator drops its models")
    found = list(prune(view, session.chain, session.store))
    if as_json:
        print_json(found)
        return
    for one in found:
        fate = f"stays: {one.needed}" if one.needed else "dropped"
        line(f"{one.output} of task {one.task} {one.name} {fate}", style="" if one.needed else "green")
    if not found:
        line(f"plan {number} has no transient models; a task with 'keep: false' makes one")


def _consent(session: Session, view: PlanView, *, ask: bool) -> None:
    """Print the price of an abort before it is paid; ask for confirmation on a terminal."""
    price = plan_abort_price(view, session.chain)
    work = counted(price.attempts, "attempt")
    most = f"at most {amount(price.most)} later on"
    line(f"aborting plan {view.plan.id} pays {amount(price.now)} for {work} at work, {most}")
    if ask and sys.stdin.isatty():
        require_consent("Abort it?", refused="nothing is aborted; the plan goes on")


def _watch(reader: PlanReader, pruning: Pruning) -> None:
    """Show the plan until its tasks are final: redrawn on a terminal, else a line for each change."""
    if not is_terminal():
        print_plan(_tell_changes(reader, pruning), now=current_time(reader.chain))
        return
    with screen() as show:
        while True:
            view = reader.read()
            over = _is_over(view)
            most = None if over else height() - BESIDE
            show(partial(print_plan, view, now=current_time(reader.chain), most=most, steady=not over))
            if over:
                return
            pruning.on_the_way()
            time.sleep(POLL)


def _tell_changes(reader: PlanReader, pruning: Pruning) -> PlanView:
    """Print a line for each task that changed until all are final; return the plan as it is then."""
    known = dict[TaskId, str]()
    while True:
        view = reader.read()
        told = {one.task.id: doing(one) for one in view.tasks}
        for one in view.tasks:
            if known.get(one.task.id) != told[one.task.id]:
                line(f"task {one.task.id} {one.name}: {told[one.task.id]}")
        known = told
        if _is_over(view):
            return view
        pruning.on_the_way()
        time.sleep(POLL)


def _is_over(view: PlanView) -> bool:
    return all(one.task.state.final for one in view.tasks)


def _csv_row(one: Performance) -> list[object]:
    times = {"start": one.start, "end": one.end}
    shown = {name: moment(value) if value is not None else None for name, value in times.items()}
    return list(({name: getattr(one, name) for name in COLUMNS} | shown).values())
