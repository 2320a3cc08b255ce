"""Plans as people read them: the graph of the tasks with their states, and the table of performances."""

from collections.abc import Sequence

from rich.text import Text

from node_runtime.creator.plans import Performance, PlanState, PlanTask, PlanView
from node_runtime.domain.assets import short
from node_runtime.domain.task import TaskState
from node_runtime.domain.units import amount, duration, moment

from .output import coloured, counted, line, render, styled, table
from .plan_graph import draw
from .scores import note_rounding, rounded, scores_of

STYLES = {
    PlanState.WAITING: "yellow",
    PlanState.DOING: "cyan",
    PlanState.DONE: "green",
    PlanState.FAILED: "red",
    PlanState.CANCELLED: "dim",
}


def doing(one: PlanTask) -> str:
    """Return the task's state without times, and whose attempt is at work."""
    doer = one.doer
    return _state(one) + (f", {short(doer.worker)}" if doer is not None else "")


def print_plan(view: PlanView, *, now: int, shortened: bool = False) -> None:
    """Print the plan's head and a line for each task; ``shortened``: without most that are done at its beginning."""
    done = sum(one.task.state is TaskState.DONE for one in view.tasks)
    held = sum(one.task.held for one in view.tasks)
    render(styled((f"plan {view.plan.id}", "bold"), f"  {view.name}  ", (view.state, STYLES[view.state])))
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


def print_performances(view: PlanView, found: Sequence[Performance]) -> None:
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
