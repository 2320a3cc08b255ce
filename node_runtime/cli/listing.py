"""Tables of text: as wide as they are, or fitted into a terminal's width.

Where a table is wider than the terminal, its columns of words become narrower: cells are broken between words, and
longer names after '-', '_' and '/'; what fits nowhere ends in an ellipsis. Numbers and what is meant to be copied stay
whole, even if a line is then longer than the terminal.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.text import Text

from node_runtime.platform.printable import one_line

_GAP = 2  # columns between two cells
_FLOOR = 8  # columns of the narrowest column of words
_WORD = re.compile(r"\s*\S+\s*")
_PART = re.compile(r".+?(?:(?<=[^\W\d])[-_/](?=\w)|(?<=\w)[-_/](?=[^\W\d])|$)")


@dataclass(kw_only=True)
class Table:
    """Rows of cells without markup. Columns in ``right`` have numbers, those in ``whole`` are never broken.

    ``least`` are widths of columns that are not wide enough by their cells.
    """

    columns: tuple[str, ...]
    right: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()
    least: Mapping[str, int] = field(default_factory=dict)
    title: str = ""
    rows: list[tuple[Text, ...]] = field(default_factory=list)

    def add_row(self, *cells: str | Text, style: str = "") -> None:
        self.rows.append(tuple(Text(one_line(cell), style=style) if isinstance(cell, str) else cell for cell in cells))

    def lines(self, width: int | None) -> Iterator[Text]:
        """Yield the lines of the table, at most ``width`` columns wide unless that is None."""
        if self.title:
            yield Text(one_line(self.title), style="italic")
        rows = [tuple(Text(one_line(name), style="bold") for name in self.columns), *self.rows]
        widths = [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]
        widths = [max(width, self.least.get(name, 0)) for name, width in zip(self.columns, widths, strict=True)]
        if width is not None:
            widths = self._fitted(widths, rows, width - _GAP * (len(widths) - 1))
        for row in rows:
            broken = [break_text(cell, limit) for cell, limit in zip(row, widths, strict=True)]
            for number in range(max(map(len, broken))):
                yield self._line([cell[number] if number < len(cell) else Text() for cell in broken], widths)

    def _line(self, cells: Sequence[Text], widths: Sequence[int]) -> Text:
        made = Text()
        for name, cell, width in zip(self.columns, cells, widths, strict=True):
            shown, room = cell.copy(), " " * (width - cell.cell_len)
            made.append_text(Text(room) + shown if name in self.right else shown + Text(room)).append(" " * _GAP)
        made.rstrip()
        return made

    def _fitted(self, widths: Sequence[int], rows: Sequence[tuple[Text, ...]], room: int) -> list[int]:
        """Return widths whose sum is ``room`` if possible: the widest columns of words give way first."""
        if sum(widths) <= room:
            return list(widths)
        least = [
            width if name in self.whole else max(longest_part(cell.plain) for cell in column)
            for name, width, column in zip(self.columns, widths, zip(*rows, strict=True), strict=True)
        ]
        if sum(least) <= room:
            return _levelled(widths, least, room)
        stay = self.right | self.whole
        floors = [one if name in stay else min(one, _FLOOR) for name, one in zip(self.columns, least, strict=True)]
        return _levelled(least, floors, room)


def _levelled(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Cut all widths at the highest common level at which they fit into ``room``, none below its ``least``."""
    level = max(widths)
    while level > 0 and sum(_at(level, widths, least)) > room:
        level -= 1
    cut = _at(level, widths, least)
    spare = max(0, room - sum(cut))
    for place, (width, wanted) in enumerate(zip(cut, widths, strict=True)):
        if spare and wanted > width:  # the columns at the level share what is left, one each
            cut[place], spare = width + 1, spare - 1
    return cut


def _at(level: int, widths: Sequence[int], least: Sequence[int]) -> list[int]:
    return [max(few, min(width, level)) for width, few in zip(widths, least, strict=True)]


def break_text(text: Text, width: int, *, cut: bool = True) -> list[Text]:
    """Break a line between words. ``cut``: break or shorten longer words too, which else stay whole."""
    plain, begin = text.plain, 0
    begins: list[int] = []
    for start, end in _tokens(plain, width if cut else None):
        if start > begin and cell_len(plain[begin:end].rstrip()) > width:
            begins.append(start)
            begin = start
    made = list(text.divide(begins))
    for one in made:
        one.rstrip()
        if cut:
            one.truncate(width, overflow="ellipsis")
    return made


def longest_part(plain: str) -> int:
    """Return the width of the longest part that is not broken."""
    return max((cell_len(plain[start:end].rstrip()) for start, end in _tokens(plain, 0)), default=0)


def _tokens(plain: str, width: int | None) -> Iterator[tuple[int, int]]:
    """Yield the places of the words, each with the spaces after it; of words wider than ``width`` their parts."""
    for word in _WORD.finditer(plain):
        if width is None or cell_len(word[0].rstrip()) <= width:
            yield word.span()
        else:
            yield from ((word.start() + part.start(), word.start() + part.end()) for part in _PART.finditer(word[0]))
