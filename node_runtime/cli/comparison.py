"""Command compare: the numbers of results, side by side."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

import typer

from node_runtime.cli.session import ChainOption, CsvOption, JsonOption, KeyOption, StorageOption, open_session
from node_runtime.creator.comparison import COLUMNS, Measured, comparison_rows, measure, number_names
from node_runtime.creator.results import read_result
from node_runtime.creator.tasks import chosen_result, view_task
from node_runtime.domain.assets import short

from .output import line, print_csv, print_json, render, table, warn
from .reports.pictures import result_panels, save
from .scores import note_rounding, told_number
from .session import PlotOption, check_formats, read_which
from .tables import counts_as


def compare(
    tasks: Annotated[
        list[str],
        typer.Argument(metavar="TASK[/SUBMISSION]", help="A task's newest result that stands, or e.g. 12/3."),
    ],
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
    plot: PlotOption = None,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Compare results: the numbers of each perf.json, side by side.

    The score is 'all'. The CSV has a row for each result. The picture has the
    scores, and what the files have under confusion_matrix, roc and
    learning_curves.
    """
    check_formats(as_json=as_json, as_csv=as_csv, plot=plot)
    wanted = [read_which(which, None) for which in tasks]
    session = open_session(chain, key, storage)
    every, results = [], []
    for task, submission in dict.fromkeys(wanted):
        view = view_task(session.chain, session.store, task)
        result = read_result(chosen_result(view, submission), session.store)
        every.append(measure(view, result))
        results.append((f"{view.name} {_which(every[-1])}".strip(), result))
    if plot is not None:
        save(result_panels(results, warn), plot)
    if as_json:
        print_json(every)
    elif as_csv:
        print_csv((*COLUMNS, *number_names(every)), comparison_rows(every))
    else:
        _print(every)


def _print(every: Sequence[Measured]) -> None:
    """Print who measured what, then a row for each number and a column for each result."""
    results = table("result", "name", "by", "counts as", whole=("result", "by"))
    for one in every:
        results.add_row(
            _which(one), one.name, short(one.worker), counts_as(one.score) if one.score is not None else "not accepted"
        )
    render(results)
    line("")
    heads = tuple(map(_which, every))
    made = table("number", *heads, right=heads)
    for name in number_names(every):
        made.add_row(name, *(_shown(one.numbers.get(name)) for one in every))
    render(made)
    note_rounding(value for one in every for value in one.numbers.values())
    for one in every:
        if one.trouble:
            line(f"result {_which(one)}: {one.trouble}", style="yellow")


def _which(one: Measured) -> str:
    return f"{one.task}/{one.submission}"


def _shown(value: Decimal | None) -> str:
    return "" if value is None else told_number(value)
