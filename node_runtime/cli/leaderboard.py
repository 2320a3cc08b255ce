"""The table of an objective's leaderboard."""

from collections.abc import Sequence

from node_runtime.creator.mentions import Mentions
from node_runtime.creator.models import Place
from node_runtime.domain.assets import Objective
from node_runtime.domain.task import Voucher

from .output import line, paragraph, render, table
from .scores import note_rounding, rounded

_OWN = (
    "own scores have no rank: whoever sent one worked on the model, or on one it was made from, or paid for one of "
    "them. A score of another account ranks the model"
)


def print_leaderboard(objective: Objective, places: Sequence[Place], mentions: Mentions) -> None:
    """Print the models with their ranks; how many scores, and their range, only where a model has several."""
    several = any(place.count > 1 for place in places)
    figures = ("scores", "from", "median", "to") if several else ("score",)
    numbers = ("rank", "task", "model")
    made = table(*numbers[:2], "name", "model", "voucher", *figures, right=(*numbers, *figures), whole=("voucher",))
    for place in places:
        task = mentions.task_of(place.model)
        made.add_row(
            str(place.rank) if place.rank is not None else "–",
            str(task) if task is not None else "",
            mentions.name(task) if task is not None else "",
            str(place.model),
            place.voucher,
            *((str(place.count), *map(rounded, (place.least, place.median, place.most))) if several else ()),
            *(() if several else (rounded(place.median),)),
        )
    render(made)
    ranked = ", ranked by the median" if several else ""
    line(f"{objective.direction} is better{ranked}; 'node-runtime show TASK' tells a model's making", style="dim")
    note_rounding(value for place in places for value in (place.least, place.median, place.most))
    if any(place.voucher is Voucher.OWN for place in places):
        paragraph(_OWN, style="dim")
