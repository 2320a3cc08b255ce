"""An objective with its leaderboard: certified scores best first, cross-validations beside, a model's makers."""

from collections.abc import Callable, Iterator, Sequence

from node_runtime.creator.leaderboard import Board, BoardEntry, CrossValidation, Place
from node_runtime.domain.assets import Objective, short
from node_runtime.domain.task import Standing, Voucher
from node_runtime.domain.units import plain

from .listing import Table
from .output import counted, facts, line, paragraph, render, styled, table
from .scores import note_rounding, rounded

MOST_SHOWN = 50  # places; --json and --csv have all
OWN = (
    "own scores have no rank: whoever sent one worked on the model, or on one it was made from, or paid for one of "
    "them. A score of another account ranks the model"
)
CROSS = (
    "cross-validations are never ranked: their Train samples are their creators' choice. The chain records that this "
    "objective's metric and opener were used; that the score is for this objective is the creator's word"
)
CSV_COLUMNS = (
    *("standing", "rank", "task", "name", "model", "voucher", "scores", "least", "median", "most", "samples"),
    *("scorers", "trainers", "payers", "input_owners", "lineage_models"),
)


def print_board(board: Board) -> None:
    """Print the objective, its leaderboard, and what was cross-validated by its metric."""
    objective = board.objective
    render(styled((f"objective {objective.id}", "bold"), f"  {objective.name}"))
    facts(objective_facts(objective))
    line("")
    if board.entries:
        _print_places(board)
    else:
        line("no certified score yet")
    if board.cross_validations:
        line("")
        _print_cross_validations(board.cross_validations)
    places = [entry.place for entry in board.entries]
    note_rounding(value for one in places for value in (one.least, one.median, one.most))


def csv_rows(board: Board) -> Iterator[tuple[object, ...]]:
    """Yield a row for each place, and one for each cross-validation; accounts are separated by spaces."""
    for entry in board.entries:
        place, making = entry.place, entry.making
        accounts = (place.scorers, making.trainers, making.payers, making.input_owners)
        figures = (place.voucher, place.count, place.least, place.median, place.most, len(board.objective.samples))
        named = (Standing.CERTIFIED, place.rank, entry.task, entry.name, place.model)
        yield (*named, *figures, *map(" ".join, accounts), making.models)
    for one in board.cross_validations:
        figures = (one.voucher, 1, one.value, one.value, one.value, one.samples)
        yield (Standing.CROSS_VALIDATION, None, one.task, one.name, one.model, *figures, one.scorer, "", "", "", None)


def objective_facts(objective: Objective) -> Iterator[tuple[str, str]]:
    yield "owner", objective.owner
    yield "better", objective.direction
    yield "tolerance", plain(objective.tolerance)
    yield "samples", f"{counted(len(objective.samples), 'Test sample')} of its owner"
    yield "metric", objective.metric
    yield "opener", objective.opener


def _print_places(board: Board) -> None:
    entries = board.entries[:MOST_SHOWN]
    render(places_table(entries))
    if len(board.entries) > len(entries):
        line(f"and {len(board.entries) - len(entries)} more; --json and --csv have all", style="dim")
    line("")
    for entry in entries:
        paragraph(describe_making(entry, short), first="", rest="  ")
    if any(entry.place.voucher is Voucher.OWN for entry in entries):
        paragraph(OWN, style="dim")


def places_table(entries: Sequence[BoardEntry]) -> Table:
    """Return the models with their ranks; how many scores, and their range, only where a model has several."""
    several = any(entry.place.count > 1 for entry in entries)
    scores = ("scores",) * several
    columns = ("rank", "task", "name", "model", "voucher", "median" if several else "score", *scores, "by")
    right = ("rank", "task", "model", "median", "score")
    made = table(*columns, right=right, whole=("voucher", "by"))
    for entry in entries:
        place = entry.place
        made.add_row(
            str(place.rank) if place.rank is not None else "–",
            str(entry.task) if entry.task is not None else "",
            entry.name,
            str(place.model),
            place.voucher,
            rounded(place.median),
            *(_range(place),) * several,
            short(place.scorers[0]) if len(place.scorers) == 1 else counted(len(place.scorers), "account"),
        )
    return made


def _range(place: Place) -> str:
    return f"{place.count}: {rounded(place.least)} to {rounded(place.most)}" if place.count > 1 else "1"


def describe_making(entry: BoardEntry, shown: Callable[[str], str]) -> str:
    """Describe who has a part in a model, over its whole lineage; each account as it is ``shown``."""
    making = entry.making
    trainers, payers, owners = (
        ", ".join(map(shown, accounts)) for accounts in (making.trainers, making.payers, making.input_owners)
    )
    over = f", over {'more than ' * (not making.complete)}{making.models} models" if making.models > 1 else ""
    inputs = f"; inputs of {owners}" if owners else ""
    return f"model {entry.place.model}: made by {trainers}, paid for by {payers}{inputs}{over}"


def _print_cross_validations(every: Sequence[CrossValidation]) -> None:
    render(cross_validations_table(every[:MOST_SHOWN]))
    if len(every) > MOST_SHOWN:
        line(f"and {len(every) - MOST_SHOWN} more; --json and --csv have all", style="dim")
    note_rounding(one.value for one in every)
    paragraph(CROSS, style="dim")


def cross_validations_table(every: Sequence[CrossValidation]) -> Table:
    made = table(
        *("task", "cross-validation", "model", "samples", "voucher", "score", "by"),
        right=("task", "model", "samples", "score"),
        whole=("voucher", "by"),
    )
    for one in every:
        model = str(one.model) if one.model is not None else "imported"
        made.add_row(
            str(one.task), one.name, model, str(one.samples), one.voucher, rounded(one.value), short(one.scorer)
        )
    return made
