"""Commands report task, plan and objective: one file of HTML each, to be looked at without a network."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from node_runtime.cli.lazy_group import HelpedCommand, example
from node_runtime.cli.leaderboard import (
    CROSS,
    OWN,
    cross_validations_table,
    describe_making,
    objective_facts,
    places_table,
)
from node_runtime.cli.lineage import UNKNOWABLE, describe_model
from node_runtime.cli.output import line
from node_runtime.cli.plan_tables import describe_plan, performances_table, tasks_table
from node_runtime.cli.session import (
    ChainOption,
    KeyOption,
    PlanArgument,
    Session,
    StorageOption,
    TaskArgument,
    open_session,
)
from node_runtime.cli.tables import attempt_table, describe_steps, result_table, task_facts
from node_runtime.creator.leaderboard import find_objective, read_board
from node_runtime.creator.lineage import lineages
from node_runtime.creator.mentions import Mentions
from node_runtime.creator.plans import PlanReader, PlanView
from node_runtime.creator.results import TaskResult, list_task_results, numbers_beside, read_result
from node_runtime.creator.tasks import view_task
from node_runtime.domain.clock import current_time
from node_runtime.domain.task import PlanId, SubmissionState, TaskId, Voucher
from node_runtime.errors import InputError
from node_runtime.platform.files import write_atomically
from node_runtime.ports.store import AssetStore

from .page import Page
from .pictures import board_panels, check_matplotlib, drawn, result_panels

report = typer.Typer(help="Reports: one file of HTML, to be looked at without a network.", no_args_is_help=True)
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The .html to write.")]


@report.command("task", cls=HelpedCommand, epilog=example("report task 12 task-12.html"))
def report_task(
    task: TaskArgument,
    file: FileArgument,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Report on one task: terms, attempts, results with their numbers and charts, and how its models were made."""
    session = _opened(file, chain, key, storage)
    view = view_task(session.chain, session.store, TaskId(task))
    mentions, now = Mentions(session.chain, session.store), current_time(session.chain)
    page = Page(f"task {task} {view.name}", now=now)
    page.facts((("kind", view.task.terms.kind), ("status", view.task.state), *task_facts(view, now, mentions)))
    if view.attempts:
        page.section("Attempts")
        page.table(attempt_table(view.attempts, now=now))
    results = list_task_results(session.chain, session.store, TaskId(task))
    if results:
        _results(page, results)
    for lineage in lineages(session.chain, view.submissions):
        page.section(f"Model {lineage.models[0].id}")
        for model in lineage.models:
            page.paragraph(f"{mentions.model(model.id)}: {'; '.join(describe_model(model, mentions))}")
        page.paragraph(UNKNOWABLE)
    _write(page, file)


@report.command("plan", cls=HelpedCommand, epilog=example("report plan 3 plan-3.html"))
def report_plan(
    plan: PlanArgument,
    file: FileArgument,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Report on a compute plan: the graph of its tasks, and the performances and charts of its accepted results."""
    session = _opened(file, chain, key, storage)
    view = PlanReader(chain=session.chain, store=session.store, number=PlanId(plan)).read()
    now = current_time(session.chain)
    page = Page(f"plan {plan} {view.name}".rstrip(), now=now)
    page.paragraph(f"{view.state}: {', '.join(describe_plan(view, now))}")
    if view.tasks:
        page.section("Tasks")
        page.table(tasks_table(view.tasks, now=now))
    if performances := list(view.performances()):
        page.section("Performances")
        page.table(performances_table(view, performances))
        _pictures(page, list(_scored(view, session.store)))
    _write(page, file)


@report.command("objective", cls=HelpedCommand, epilog=example("report objective digits digits.html"))
def report_objective(
    named: Annotated[str, typer.Argument(metavar="OBJECTIVE", help="The name of one of yours, or a number.")],
    file: FileArgument,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Report on an objective: its leaderboard, who has a part in each model, and cross-validations beside."""
    session = _opened(file, chain, key, storage)
    board = read_board(find_objective(named, session.chain), session.chain, session.store)
    page = Page(f"objective {board.objective.id} {board.objective.name}", now=current_time(session.chain))
    page.facts(objective_facts(board.objective))
    page.section("Leaderboard")
    if panels := board_panels(board):
        page.picture(drawn(panels, "svg"), shows="bars of the scores below")
    if board.entries:
        page.table(places_table(board.entries))
        if any(entry.place.voucher is Voucher.OWN for entry in board.entries):
            page.paragraph(OWN)
        page.section("Who has a part in the models")
        for entry in board.entries:
            page.paragraph(describe_making(entry, str))
        page.paragraph(UNKNOWABLE)
    else:
        page.paragraph("no certified score yet")
    if board.cross_validations:
        page.section("Cross-validations")
        page.table(cross_validations_table(board.cross_validations))
        page.paragraph(CROSS)
    _write(page, file)


def _results(page: Page, results: Sequence[TaskResult]) -> None:
    page.section("Results")
    page.table(result_table(results))
    for result in results:
        number = f"submission {result.submission.id}"
        if result.document is None:
            page.paragraph(f"{number}: {result.trouble}")
            continue
        beside = [f"{name} {value}" for name, value in numbers_beside(result.document)]
        told = [describe_steps(result), ", ".join(beside)]
        page.paragraph(f"{number}: {'; '.join(filter(None, told)) or 'no numbers'}")
    scored = [(f"submission {one.submission.id}", one) for one in results if one.submission.result.perfs]
    if scored:
        _pictures(page, scored)


def _pictures(page: Page, results: Sequence[tuple[str, TaskResult]]) -> None:
    """Add the results' scores and charts, each a picture of its own, and say what can't be drawn."""
    for panel in result_panels(results, page.paragraph):
        page.picture(drawn([panel], "svg"), shows="a chart of the results' numbers")


def _scored(view: PlanView, store: AssetStore) -> Iterator[tuple[str, TaskResult]]:
    """Yield the accepted results that have scores, with names of their tasks."""
    for one in view.tasks:
        for submission in one.submissions:
            if submission.state is SubmissionState.ACCEPTED and submission.result.perfs:
                yield one.name or str(one.task.id), read_result(submission, store)


def _opened(file: Path, chain: str | None, key: str | None, storage: str | None) -> Session:
    """Check the file's name and that pictures can be drawn, then open the session."""
    if file.suffix not in (".html", ".htm"):
        raise InputError(f"{file}: a report is an .html file", remedy="end the name with .html")
    check_matplotlib()
    return open_session(chain, key, storage)


def _write(page: Page, file: Path) -> None:
    write_atomically(file, page.html().encode(errors="backslashreplace"))
    line(f"{file} is written", whole=True)
