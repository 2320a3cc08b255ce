"""Plans as people read them: the graph of the tasks with their states, and the table of performances."""

from collections.abc import Sequence

from rich.text import Text

from node_runtime.creator.news import doing as what_it_does
from node_runtime.creator.plans import Performance, PlanState, PlanTask, PlanView
from node_runtime.domain.assets import short
from node_runtime.domain.task import TaskState
from node_runtime.domain.units import amount, duration, moment

from .listing import Table
from .output import coloured, counted, line, render, styled, table
from .plan_graph import draw
from .scores import note_rounding, rounded, scores_of, told_number

STYLES = {
    PlanState.WAITING: "yellow",
    PlanState.DOING: "cyan",
    PlanState.DONE: "green",
    PlanState.FAILED: "red",
    PlanState.CANCELLED: "dim",
}

STEADY = {"status": len("aggregate image"), "node": len(short("5" * 48)), "time": len("59m 59s")}
"""Widths in columns that what changes while a plan goes on doesn't exceed."""


def doing(one: PlanTask) -> str:
    """Return the task's state without times, and whose attempt is at work."""
    doer = one.doer
    return _state(one) + (f", {short(doer.worker)}" if doer is not None else "")


def print_plan(view: PlanView, *, now: int, most: int | None = None, steady: bool = False) -> None:
    """Print the plan's head and a line for each task, of ``most`` of them those about the first that isn't done.

    ``steady``: the columns keep their widths while tasks go on.
    """
    render(styled((f"plan {view.plan.id}", "bold"), f"  {view.name}  ", (view.state, STYLES[view.state])))
    line(", ".join(describe_plan(view, now)), style="dim")
    if not view.tasks:
        return
    shown = view.tasks if most is None else view.tasks[_window(view.tasks, most)]
    first, last = view.tasks.index(shown[0]), view.tasks.index(shown[-1])
    left = [f"{counted(first, 'task')} before these {'is' if first == 1 else 'are'} done"] if first else []
    left += [f"{counted(len(view.tasks) - 1 - last, 'task')} after these"] if shown[-1] is not view.tasks[-1] else []
    if left:
        line(", ".join(left), style="dim")
    render(tasks_table(shown, now=now, steady=steady))
    note_rounding(scores_of(one for task in shown for one in task.submissions))


def describe_plan(view: PlanView, now: int) -> tuple[str, ...]:
    """Return how much of the plan is done, what is held for it, and its times."""
    done = sum(one.task.state is TaskState.DONE for one in view.tasks)
    held = sum(one.task.held for one in view.tasks)
    times = [f"begun {moment(view.start)}"] if view.start is not None else []
    if view.start is not None:
        times += [f"took {duration(view.end - view.start)}" if view.end else f"{duration(now - view.start)} ago"]
    return (f"{done} of {counted(len(view.tasks), 'task')} done", f"{amount(held)} held", *times)


def _window(tasks: Sequence[PlanTask], most: int) -> slice:
    """Return which tasks to show: from a few before the first that isn't done."""
    first = next((place for place, one in enumerate(tasks) if one.task.state is not TaskState.DONE), len(tasks))
    begin = max(0, min(first - 3, len(tasks) - most))
    return slice(begin, begin + max(1, most))


def tasks_table(tasks: Sequence[PlanTask], *, now: int, steady: bool = False) -> Table:
    """Return a row for each task, with the graph of these tasks in a column without a name.

    ``steady``: status, node and time have the widths that they can get; a longer stage, which a worker names as it
    likes, is cut.
    """
    parents = {one.task.id: [each for each in one.parents if each >= tasks[0].task.id] for one in tasks}
    graph = draw(parents)
    scored = any(one.submissions and one.submissions[0].result.perfs for one in tasks)
    drawn = ("",) if graph is not None else ("rank", "after")
    columns = (*drawn, "task", "name", "status", "node", "time", *("score",) * scored)
    made = table(*columns, right=("task",), whole=("", "status", "node", "time"))
    if steady:
        made.least = STEADY
    for place, one in enumerate(tasks):
        doer = one.doer
        after, state = ", ".join(map(str, one.parents)), _coloured_state(one)
        if steady:
            state.truncate(STEADY["status"], overflow="ellipsis")
        made.add_row(
            *((graph[place],) if graph is not None else (str(one.rank), after)),
            str(one.task.id),
            one.name,
            state,
            short(doer.worker) if doer is not None else "",
            _time(one, now),
            *(", ".join(rounded(value) for value in scores_of(one.submissions)),) * scored,
        )
    return made


def _state(one: PlanTask) -> str:
    counters = one.task.counters
    if one.task.state is TaskState.OPEN and counters.live:
        return what_it_does(one.progress[0]) if one.progress else "at work"
    return "review" if one.task.state is TaskState.OPEN and counters.submitted else str(one.task.state)


def _coloured_state(one: PlanTask) -> Text:
    state = _state(one)
    return coloured(one.task.state) if state == one.task.state else Text(state, style="cyan")


def _time(one: PlanTask, now: int) -> str:
    """Return how long the task's attempt took, or takes so far."""
    doer = one.doer
    return duration(max(0, (one.task.ended or now) - doer.since)) if doer is not None else ""


def print_performances(view: PlanView, found: Sequence[Performance]) -> None:
    render(performances_table(view, found))
    note_rounding(one.performance for one in found)


def performances_table(view: PlanView, found: Sequence[Performance]) -> Table:
    names = {one.task.id: one.name for one in view.tasks}
    rounds = ("round",) * any(one.round is not None for one in found)
    right = ("task", "rank", *rounds, "performance")
    made = table("task", "name", "rank", *rounds, "worker", "identifier", "performance", right=right, whole=("worker",))
    for one in found:
        turn = ("" if one.round is None else str(one.round),) * len(rounds)
        shown = (str(one.task_key), names[one.task_key], str(one.task_rank), *turn, short(one.worker))
        made.add_row(*shown, one.identifier, told_number(one.performance))
    return made
