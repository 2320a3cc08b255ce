"""Commands for objectives: create, list, show."""

from pathlib import Path
from typing import Annotated

import typer

from node_runtime.cli.session import (
    ChainOption,
    CsvOption,
    JsonOption,
    KeyOption,
    StorageOption,
    check_formats,
    open_session,
    open_storing_session,
    read_owner,
)
from node_runtime.creator.leaderboard import find_objective, read_board
from node_runtime.creator.submit import SubmitJournal, create_objective
from node_runtime.domain.units import plain
from node_runtime.errors import InputError
from node_runtime.spec.read import read_specs

from .lazy_group import HelpedCommand, example
from .leaderboard import CSV_COLUMNS, csv_rows, print_board
from .output import line, print_csv, print_json, progress, render, table
from .reports.pictures import board_panels, save
from .session import OwnerOption, PlotOption

objective = typer.Typer(help="Objectives: what models are measured by.", no_args_is_help=True)


@objective.command("create", cls=HelpedCommand, epilog=example("objective create task.yaml"))
def objective_create(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A YAML with a document of kind objective.")],
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Create the objectives of a file, without its tasks."""
    read = read_specs(file)
    if not read.objectives:
        raise InputError(
            f"{file} has no document of kind objective", remedy="write one, e.g. that of 'node-runtime new plan FOLDER'"
        )
    session = open_storing_session(chain, key, storage)
    say = progress(quiet=as_json)
    journal = SubmitJournal.of(session.url, session.chain.account)
    created = [
        create_objective(spec, read, session.chain, session.store, say=say, journal=journal) for spec in read.objectives
    ]
    if as_json:
        print_json(created)


@objective.command("list", cls=HelpedCommand, epilog=example("objective list"))
def objective_list(
    owner: OwnerOption = None,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """List objectives."""
    session = open_session(chain, key, storage)
    found = session.chain.objectives_of(read_owner(owner, session.chain.account))
    if as_json:
        print_json(found)
        return
    if not found:
        line("no objectives; create one with 'node-runtime objective create FILE'")
        return
    shown = table("objective", "name", "better", "tolerance", "samples", right=("objective", "samples"))
    for one in found:
        shown.add_row(str(one.id), one.name, one.direction, plain(one.tolerance), str(len(one.samples)))
    render(shown)


@objective.command("show", cls=HelpedCommand, epilog=example("objective show digits"))
def objective_show(
    named: Annotated[str, typer.Argument(metavar="OBJECTIVE", help="The name of one of yours, or a number.")],
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
    plot: PlotOption = None,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Show an objective and its leaderboard: certified scores best first, who gave them, who has a part in a model.

    Models within the tolerance of the first of a rank share it. Scores by
    accounts that made or paid for the model, or one of its ancestors, are
    listed last as 'own', without a rank: null in the JSON. Cross-validations
    by its metric follow.
    """
    check_formats(as_json=as_json, as_csv=as_csv, plot=plot)
    session = open_session(chain, key, storage)
    board = read_board(find_objective(named, session.chain), session.chain, session.store)
    if plot is not None:
        save(board_panels(board), plot)
    if as_json:
        print_json(board)
    elif as_csv:
        print_csv(CSV_COLUMNS, csv_rows(board))
    else:
        print_board(board)
