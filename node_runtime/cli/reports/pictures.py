"""Pictures of results: PNG or SVG, drawn with matplotlib, an optional dependency.

Names come from strangers: they are escaped, and never read as markup.
"""

import io
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node_runtime.cli.output import note
from node_runtime.creator.leaderboard import Board, BoardEntry
from node_runtime.creator.perf_charts import Charts, Confusion, Curve, charts_of
from node_runtime.creator.results import TaskResult
from node_runtime.domain.task import Score, Standing, Submission, Voucher
from node_runtime.errors import HostError, InputError
from node_runtime.platform.files import write_atomically
from node_runtime.platform.printable import Say, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_BARS = 30
MOST_CHARTED = 12  # results whose charts are drawn
_LONGEST = 32  # characters of a name
_COUNTED = 20  # classes of a confusion matrix whose counts are written into it
_COLUMNS = 3  # panels beside each other
_SIZE = (5.6, 4.2)  # of a panel, in inches
RANKED, OWN, CROSS = "certified", "certified by its own makers: no rank", "cross-validation: no rank"
UNDECIDED = "not accepted"
_COLOURS = {RANKED: "#2a6f97", OWN: "#a9b4bd", CROSS: "#d9a441", UNDECIDED: "#dfe4e8"}
_SETTINGS = {
    "text.parse_math": False,
    "text.usetex": False,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "node-runtime",
}

Panel = Callable[["Axes"], None]
"""Draws into one part of a picture."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A value with its range; bars of one ``group`` have one colour, and its name stands in the legend."""

    name: str
    value: float
    least: float
    most: float
    group: str


def check_picture(path: Path) -> None:
    """Raise `InputError` for a file name that is no picture's, `HostError` where matplotlib is missing."""
    if path.suffix not in (".png", ".svg"):
        raise InputError(f"--plot {path}: pictures are .png or .svg", remedy="end the name with one of them")
    check_matplotlib()


def check_matplotlib() -> None:
    """Raise `HostError` where matplotlib is missing."""
    _matplotlib()


def save(panels: Sequence[Panel], path: Path) -> None:
    """Write a picture; the name's end says which form. Raises `InputError` where there is nothing to draw."""
    if not panels:
        raise InputError("there is nothing to draw yet", remedy="leave --plot out until there are scores")
    write_atomically(path, drawn(panels, path.suffix.removeprefix(".")))
    note(f"{path} is drawn")


def board_panels(board: Board) -> list[Panel]:
    """Return the bars of a leaderboard: ranked models, those of their own makers, and cross-validations."""
    bars = [_place_bar(entry) for entry in board.entries]
    for one in board.cross_validations:
        value = float(one.value)
        bars.append(Bar(name=one.name, value=value, least=value, most=value, group=CROSS))
    if not bars:
        return []
    return [bar_panel(f"{board.objective.name}: {board.objective.direction} is better", bars[:MOST_BARS])]


def _place_bar(entry: BoardEntry) -> Bar:
    place = entry.place
    rank = f"{place.rank}. " if place.rank is not None else ""
    return Bar(
        name=f"{rank}{entry.name} ({place.model})" if entry.name else f"{rank}model {place.model}",
        value=float(place.median),
        least=float(place.least),
        most=float(place.most),
        group=RANKED if rank else OWN,
    )


def result_panels(results: Sequence[tuple[str, TaskResult]], say: Say) -> list[Panel]:
    """Return the bars of the results' scores and the charts of the first; ``say`` is told what is not drawn."""
    for most, drawn_of in ((MOST_BARS, "scores"), (MOST_CHARTED, "charts")):
        if len(results) > most:
            say(f"the {drawn_of} of the first {most} results are drawn, of {len(results)}")
    results = results[:MOST_BARS]
    perfs = [(name, one.document.perf if one.document is not None else None) for name, one in results]
    charts = [(name, charts_of(perf or {})) for name, perf in perfs[:MOST_CHARTED]]
    for name, one in charts:
        for trouble in one.troubles:
            say(f"{name}: {trouble}")
    scored = [(name, one.submission) for name, one in results if one.submission.result.perfs]
    return [*([_score_panel(scored)] if scored else []), *chart_panels(charts)]


def _score_panel(results: Sequence[tuple[str, Submission]]) -> Panel:
    bars = [
        Bar(name=name, value=value, least=value, most=value, group=_group(one.score))
        for name, one in results
        for value in (float(one.result.perfs[0].value),)
    ]
    return bar_panel("score", bars)


def _group(score: Score | None) -> str:
    if score is None:
        return UNDECIDED
    if score.standing is Standing.CROSS_VALIDATION:
        return CROSS
    return OWN if score.voucher is Voucher.OWN else RANKED


def chart_panels(results: Sequence[tuple[str, Charts]]) -> list[Panel]:
    """Return a panel for each confusion matrix, and one for the ROC and one for the learning curves of all results."""
    panels = [_confusion_panel(name, charts.confusion) for name, charts in results if charts.confusion is not None]
    roc = [(name, curve) for name, charts in results for curve in charts.roc]
    learning = [(name, curve) for name, charts in results for curve in charts.learning]
    return [*panels, *([_roc_panel(roc)] if roc else []), *([_learning_panel(learning)] if learning else [])]


def bar_panel(title: str, bars: Sequence[Bar]) -> Panel:
    """Return horizontal bars from the first at the top, with their ranges as lines."""

    def draw(axes: "Axes") -> None:
        for group in dict.fromkeys(bar.group for bar in bars):
            places = [place for place, bar in enumerate(bars) if bar.group == group]
            values = [bars[place].value for place in places]
            axes.barh(places, values, color=_COLOURS[group], height=0.7, label=group)
        for place, bar in enumerate(bars):
            if bar.most > bar.least:
                axes.plot([bar.least, bar.most], [place, place], color="black", linewidth=1, marker="|")
            right = (max(bar.most, 0.0), place)
            axes.annotate(f"{bar.value:.4g}", right, (5, 0), textcoords="offset points", va="center", fontsize=8)
        axes.set_yticks(range(len(bars)), [_named(bar.name) for bar in bars])
        axes.set_ylim(max(len(bars), 4) - 0.5, -0.5)
        axes.margins(x=0.15)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_title(_named(title, longest=60))
        if any(bar.group != RANKED for bar in bars):
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), frameon=False, fontsize=8)

    return draw


def _confusion_panel(title: str, confusion: Confusion) -> Panel:
    def draw(axes: "Axes") -> None:
        places = range(len(confusion.labels))
        edges = [place - 0.5 for place in range(len(places) + 1)]
        axes.pcolormesh(edges, edges, confusion.counts, cmap="Blues", vmin=0)
        axes.invert_yaxis()
        names = [_named(label, longest=12) for label in confusion.labels]
        axes.set_xticks(places, names, rotation=90 if max(map(len, names)) > 2 else 0)
        axes.set_yticks(places, names)
        axes.set(xlabel="predicted", ylabel="true", title=_named(title, longest=48), aspect="equal")
        most = max(max(row) for row in confusion.counts)
        for row, counts in enumerate(confusion.counts if len(names) <= _COUNTED else ()):
            for column, count in enumerate(counts):
                colour = "white" if count > most / 2 else "black"
                axes.text(column, row, f"{count:g}", ha="center", va="center", color=colour, fontsize=7)

    return draw


def _roc_panel(curves: Sequence[tuple[str, Curve]]) -> Panel:
    def draw(axes: "Axes") -> None:
        axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
        for name, curve in curves:
            area = _area(curve)
            axes.plot(curve.x, curve.y, label=_joined(name, curve.name, f"AUC {area:.3f}"))
        axes.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC", aspect="equal")
        axes.legend(loc="lower right", frameon=False, fontsize=7)

    return draw


def _learning_panel(curves: Sequence[tuple[str, Curve]]) -> Panel:
    def draw(axes: "Axes") -> None:
        for name, curve in curves:
            axes.plot(curve.x, curve.y, label=_joined(name, curve.name), marker="." if len(curve.x) < 30 else None)
        axes.set(xlabel="step", title="learning curves")
        axes.locator_params(axis="x", integer=True)
        axes.legend(frameon=False, fontsize=7)

    return draw


def _area(curve: Curve) -> float:
    """Return the area under the curve by trapezoids, its points in the order of x."""
    points = sorted(zip(curve.x, curve.y, strict=True))
    pairs = pairwise(points)
    return sum((right - left) * (low + high) / 2 for (left, low), (right, high) in pairs)


def _joined(*names: str) -> str:
    return ", ".join(_named(name) for name in names if name)


def _named(name: str, *, longest: int = _LONGEST) -> str:
    shown = one_line(name)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def drawn(panels: Sequence[Panel], form: str) -> bytes:
    """Return a picture in the form ``svg`` or ``png``."""
    matplotlib, figures = _matplotlib()
    columns = min(math.isqrt(len(panels) - 1) + 1, _COLUMNS)
    rows = -(-len(panels) // columns)
    written = io.BytesIO()
    metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of characters that its font lacks
        figure: Figure = figures.Figure(figsize=(_SIZE[0] * columns, _SIZE[1] * rows), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False).flat
        for axes, panel in zip(grid, _padded(panels, rows * columns), strict=True):
            if panel is None:
                axes.set_axis_off()
            else:
                panel(axes)
        figure.savefig(written, format=form, dpi=150, metadata=metadata)
    return written.getvalue()


def _padded(panels: Sequence[Panel], length: int) -> Iterator[Panel | None]:
    yield from panels
    yield from [None] * (length - len(panels))


def _matplotlib() -> tuple[Any, Any]:
    """Import matplotlib, which is slow to import and installed only by who wants pictures."""
    try:
        import matplotlib
        from matplotlib import figure
    except ImportError as error:
        raise HostError(
            f"pictures are drawn with matplotlib, which can't be imported: {error}",
            remedy="install it by pip install 'node-runtime[plots]'",
        ) from error
    return matplotlib, figure
