"""The lines that draw a plan's graph beside its tasks, one line a task.

Each task whose model later tasks still take has a column of its own: ``●`` is the task of the line, ``│`` an earlier
one, ``├`` and ``┤`` one that gives its model to the task and goes on, ``┘``, ``└`` and ``┴`` one that ends there.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

NumberT = TypeVar("NumberT", bound=int)

MOST_COLUMNS = 12
"""Of a wider graph no lines are drawn."""


def draw(parents: Mapping[NumberT, Sequence[NumberT]]) -> list[str] | None:
    """Return a line for each task, in their order, which has parents before children; None if it is too wide."""
    left = Counter[int](one for each in parents.values() for one in each)  # children to come, of each task
    columns: list[int | None] = []
    lines = list[str]()
    for number, given in parents.items():
        for parent in given:
            left[parent] -= 1
        own = _place(number, given, left, columns)
        if len(columns) > MOST_COLUMNS:
            return None
        lines.append("".join(_signs(own, given, left, columns)).rstrip())
        columns = [one if one is not None and left[one] else None for one in columns]
        while columns and columns[-1] is None:
            columns.pop()
    return lines


def _place(number: int, given: Sequence[int], left: Mapping[int, int], columns: list[int | None]) -> int:
    """Return the task's column: that of a parent which ends here, else the first that is free."""
    ends = (place for place, one in enumerate(columns) if one is not None and one in given and not left[one])
    free = (place for place, one in enumerate(columns) if one is None)
    own = next(ends, None)
    own = next(free, len(columns)) if own is None else own
    if own == len(columns):
        columns.append(number)
    columns[own] = number
    return own


def _signs(own: int, given: Sequence[int], left: Mapping[int, int], columns: Sequence[int | None]) -> Iterator[str]:
    """Yield the two characters of each column in the task's line."""
    joined = [own, *(place for place, one in enumerate(columns) if one in given)]
    first, last = min(joined), max(joined)
    for place, one in enumerate(columns):
        inside = "─" if first <= place < last else " "
        if place == own:
            sign = "●"
        elif one is not None and one in given:
            ends = "┴" if first < place < last else "└" if place < own else "┘"
            sign = ends if not left[one] else "├" if place < own else "┤"
        elif one is None:
            sign = "─" if first < place < last else " "
        else:
            sign = "┼" if first < place < last else "│"
        yield sign + inside
