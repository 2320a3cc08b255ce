"""Linear models of what benchmarks cost: a base and a slope for each component."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Linear:
    """``base + sum(slope · component)``, with the slopes in the order of the components. Integers, rounded up."""

    base: int
    slopes: tuple[int, ...]

    def at(self, components: Sequence[int]) -> int:
        return self.base + sum(slope * value for slope, value in zip(self.slopes, components, strict=True))


_FINE = 1_000

Points = Sequence[tuple[Sequence[int], int]]
"""Components, and what they cost."""


def bound(points: Points) -> Linear:
    """The least squares in whole numbers, raised until no point lies above: for what is counted."""
    slopes = tuple(round(slope / _FINE) for slope in least_squares([(at, cost * _FINE) for at, cost in points]).slopes)
    lacking = [cost - sum(s * c for s, c in zip(slopes, components, strict=True)) for components, cost in points]
    return Linear(base=max(0, *lacking), slopes=slopes)


def least_squares(points: Points) -> Linear:
    """The least squares without negative numbers, as FRAME's ``min_squares``: for what is timed, and has noise."""
    rows = np.array([[1, *components] for components, _ in points], dtype=float)
    costs = np.array([cost for _, cost in points], dtype=float)
    kept = list(range(1, rows.shape[1]))
    while True:
        solution, *_ = np.linalg.lstsq(rows[:, [0, *kept]], costs, rcond=None)
        negative = [column for column, slope in zip(kept, solution[1:], strict=True) if slope < 0]
        if not negative:
            break
        kept = [column for column in kept if column not in negative]
    found = dict(zip(kept, solution[1:], strict=True))
    slopes = tuple(_up(found.get(column, 0.0)) for column in range(1, rows.shape[1]))
    return Linear(base=max(0, _up(solution[0])), slopes=slopes)


def _up(number: float) -> int:
    """Rounded up, but for what floating point adds to an integer."""
    return int(np.ceil(round(float(number), 6)))
