"""Scores in tables: rounded to four decimals, with a note that says so."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from node_runtime.domain.task import Submission
from node_runtime.domain.units import plain

from .output import line


def score(one: Submission) -> str:
    """Return the score that a result was submitted with."""
    return rounded(one.result.perfs[0].value) if one.result.perfs else ""


def score_range(submissions: Sequence[Submission]) -> str:
    """Return the single score of the results, or their range and count."""
    values = list(scores_of(submissions))
    if len(values) < 2:
        return "".join(map(rounded, values))
    return f"{rounded(min(values))} to {rounded(max(values))}, {len(values)} scores"


def rounded(value: Decimal) -> str:
    """Return a score as tables show it; where that is not all of it, `note_rounding` says so below."""
    return f"{value:.4f}"


def note_rounding(values: Iterable[Decimal]) -> None:
    """Say where the exact scores are if a table has rounded one of these."""
    if any(Decimal(rounded(value)) != value for value in values):
        line("scores are rounded to 4 decimals; --json has all their digits", style="dim")


def scores_of(submissions: Iterable[Submission]) -> Iterator[Decimal]:
    """Yield the scores that `score` and `score_range` show."""
    return (one.result.perfs[0].value for one in submissions if one.result.perfs)


def told_number(value: Decimal) -> str:
    """Return a number beside others, e.g. a count: whole ones without decimals."""
    return plain(value) if value == value.to_integral_value() else rounded(value)
