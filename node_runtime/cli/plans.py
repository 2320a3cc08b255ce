"""Commands on compute plans: list, show, results, cancel.

A plan has commands of its own, as assets and objectives have: plans and tasks are both known by numbers from 1 on, so
``show 3`` could be either.
"""

import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from node_runtime.creator.plans import (
    Performance,
    PlanReader,
    PlanState,
    PlanTask,
    PlanView,
    list_plans,
    plan_abort_price,
)
from node_runtime.domain.assets import short
from node_runtime.domain.clock import current_time
from node_runtime.domain.task import PlanId, TaskId, TaskState
from node_runtime.domain.units import amount, duration, moment, number, since
from node_runtime.errors import InputError

from .lazy_group import HelpedCommand, example
from .output import (
    coloured,
    counted,
    is_terminal,
    line,
    print_csv,
    print_json,
    render,
    require_consent,
    screen,
    styled,
    table,
)
from .plan_graph import draw
from .scores import note_rounding, rounded, scores_of
from .session import ChainOption, JsonOption, KeyOption, PlanArgument, Session, StorageOption, open_session

POLL = 1.0  # seconds
COLUMNS = tuple(Performance.__dataclass_fields__)
_STYLES = {
    PlanState.WAITING: "yellow",
    PlanState.DOING: "cyan",
    PlanState.DONE: "green",
    PlanState.FAILED: "red",
    PlanState.CANCELLED: "dim",
}

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
        state = Text(one.state, style=_STYLES[one.state])
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

    The JSON has its performances too, as 'plan results' lists them.
    """
    if watch and as_json:
        raise InputError("--watch shows the plan as it changes, which is no JSON", remedy="leave one of the two out")
    session = open_session(chain, key, storage)
    reader = PlanReader(chain=session.chain, store=session.store, number=PlanId(number))
    if watch:
        _watch(reader)
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
        _print_performances(view, found)


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


def _consent(session: Session, view: PlanView, *, ask: bool) -> None:
    """Print the price of an abort before it is paid; ask for confirmation on a terminal."""
    price = plan_abort_price(view, session.chain)
    work = counted(price.attempts, "attempt")
    most = f"at most {amount(price.most)} later on"
    line(f"aborting plan {view.plan.id} pays {amount(price.now)} for {work} at work, {most}")
    if ask and sys.stdin.isatty():
        require_consent("Abort it?", refused="nothing is aborted; the plan goes on")


def _watch(reader: PlanReader) -> None:
    """Show the plan until its tasks are final: redrawn on a terminal, else a line for each change."""
    if not is_terminal():
        print_plan(_tell_changes(reader), now=current_time(reader.chain))
        return
    with screen() as show:
        while True:
            view = reader.read()
            draw_now = partial(print_plan, view, now=current_time(reader.chain), shortened=not _is_over(view))
            show(draw_now)
            if _is_over(view):
                return
            time.sleep(POLL)


def _tell_changes(reader: PlanReader) -> PlanView:
    """Print a line for each task that changed until all are final; return the plan as it is then."""
    known = dict[TaskId, str]()
    while True:
        view = reader.read()
        told = {one.task.id: _doing(one) for one in view.tasks}
        for one in view.tasks:
            if known.get(one.task.id) != told[one.task.id]:
                line(f"task {one.task.id} {one.name}: {told[one.task.id]}")
        known = told
        if _is_over(view):
            return view
        time.sleep(POLL)


def _is_over(view: PlanView) -> bool:
    return all(one.task.state.final for one in view.tasks)


def _doing(one: PlanTask) -> str:
    """Return the task's state without times, and whose attempt is at work."""
    doer = one.doer
    return _state(one) + (f", {short(doer.worker)}" if doer is not None else "")


def print_plan(view: PlanView, *, now: int, shortened: bool = False) -> None:
    """Print the plan's head and a line for each task; ``shortened``: without most that are done at its beginning."""
    done = sum(one.task.state is TaskState.DONE for one in view.tasks)
    held = sum(one.task.held for one in view.tasks)
    render(styled((f"plan {view.plan.id}", "bold"), f"  {view.name}  ", (view.state, _STYLES[view.state])))
    times = [f"begun {moment(view.start)}"] if view.start is not None else []
    times += [f"took {duration((view.end or now) - view.start)}"] if view.start is not None else []
    line(", ".join((f"{done} of {counted(len(view.tasks), 'task')} done", f"{amount(held)} held", *times)), style="dim")
    if not view.tasks:
        return
    shown = _unfinished(view.tasks) if shortened else view.tasks
    if left := len(view.tasks) - len(shown):
        line(f"{counted(left, 'task')} before these are done", style="dim")
    parents = {one.task.id: [each for each in one.parents if each >= shown[0].task.id] for one in shown}
    _print_tasks(shown, draw(parents), now=now)
    note_rounding(scores_of(one for task in shown for one in task.submissions))


def _unfinished(tasks: Sequence[PlanTask]) -> Sequence[PlanTask]:
    """Leave out the tasks before the first that isn't done, but for a screen of the last."""
    first = next((place for place, one in enumerate(tasks) if one.task.state is not TaskState.DONE), len(tasks))
    return tasks[max(0, first - 5) :]


def _print_tasks(tasks: Sequence[PlanTask], graph: Sequence[str] | None, *, now: int) -> None:
    scored = any(one.submissions and one.submissions[0].result.perfs for one in tasks)
    drawn = ("",) if graph is not None else ("rank", "after")
    columns = (*drawn, "task", "name", "status", "node", "time", *("score",) * scored)
    made = table(*columns, right=("task",), whole=("", "status", "node", "time"))
    for place, one in enumerate(tasks):
        doer = one.doer
        after = ", ".join(map(str, one.parents))
        made.add_row(
            *((graph[place],) if graph is not None else (str(one.rank), after)),
            str(one.task.id),
            one.name,
            _coloured_state(one),
            short(doer.worker) if doer is not None else "",
            _time(one, now),
            *(", ".join(rounded(value) for value in scores_of(one.submissions)),) * scored,
        )
    render(made)


def _state(one: PlanTask) -> str:
    counters = one.task.counters
    if one.task.state is TaskState.OPEN and counters.live:
        return one.progress[0].stage or "at work" if one.progress else "at work"
    return "review" if one.task.state is TaskState.OPEN and counters.submitted else str(one.task.state)


def _coloured_state(one: PlanTask) -> Text:
    state = _state(one)
    return coloured(one.task.state) if state == one.task.state else Text(state, style="cyan")


def _time(one: PlanTask, now: int) -> str:
    """Return how long the task's attempt took, or takes so far."""
    doer = one.doer
    return duration(max(0, (one.task.ended or now) - doer.since)) if doer is not None else ""


def _csv_row(one: Performance) -> list[object]:
    times = {"start": one.start, "end": one.end}
    shown = {name: moment(value) if value is not None else None for name, value in times.items()}
    return list(({name: getattr(one, name) for name in COLUMNS} | shown).values())


def _print_performances(view: PlanView, found: Sequence[Performance]) -> None:
    names = {one.task.id: one.name for one in view.tasks}
    rounds = ("round",) * any(one.round is not None for one in found)
    right = ("task", "rank", *rounds, "performance")
    made = table("task", "name", "rank", *rounds, "worker", "identifier", "performance", right=right, whole=("worker",))
    for one in found:
        turn = ("" if one.round is None else str(one.round),) * len(rounds)
        shown = (str(one.task_key), names[one.task_key], str(one.task_rank), *turn, short(one.worker))
        made.add_row(*shown, one.identifier, rounded(one.performance))
    render(made)
    note_rounding(one.performance for one in found)
