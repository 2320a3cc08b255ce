"""Terminal output of all commands: lines, paragraphs, tables and JSON, with untrusted text escaped.

No other module writes to the terminal. Control characters, and newlines within a single line, are escaped.
"""

import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.segment import Segment
from rich.text import Text

from node_runtime.domain.task import SubmissionState, TaskState
from node_runtime.platform.printable import json_text, many_lines, one_line, split_cut_style, without_styles

from .formats import csv_text, exact_json
from .listing import Table, break_text


class _Console(Console):
    """A console that escapes all rendered text, as a second line of defence."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(many_lines(segment.text), segment.style)


_console = _Console(highlight=False)
_errors = _Console(highlight=False, stderr=True)
_COMMAND = re.compile(
    r"['`]node-runtime [^'`]{1,60}['`]|(?:(?<=: )|(?<=→ )|(?<=try:   ))node-runtime [^;,\n]+"
    r"|^ +node-runtime(?: [^ \n]+)*",
    re.MULTILINE,
)
_UNBROKEN = "\x00"  # a space within a command: escaped text has no such character
_INDENT = "  "  # of lines after the first, which may be untrusted
_COLOURS = {
    TaskState.WAITING: "yellow",
    TaskState.OPEN: "cyan",
    TaskState.PAUSED: "bold red",
    TaskState.CLOSING: "yellow",
    TaskState.DONE: "green",
    TaskState.CANCELLED: "dim",
    TaskState.FAILED: "red",
    TaskState.EXPIRED: "red",
    SubmissionState.UNDER_REVIEW: "yellow",
    SubmissionState.ACCEPTED: "green",
    SubmissionState.REJECTED: "red",
}


def styled(*parts: str | tuple[str, str]) -> Text:
    """Return one line assembled from parts, each plain or with a style."""
    return Text.assemble(*(one_line(part) if isinstance(part, str) else (one_line(part[0]), part[1]) for part in parts))


def coloured(state: TaskState | SubmissionState) -> Text:
    return Text(state.replace("_", " "), style=_COLOURS[state])


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def counted_cpus(cpus: float) -> str:
    return f"{cpus:g} CPU" if cpus == 1 else f"{cpus:g} CPUs"


def one_of(values: type[StrEnum]) -> str:
    """Return an option's values for its help text; the type column would wrap long lists within words."""
    *others, last = values
    return f"{', '.join(others)} or {last}"


def progress(*, quiet: bool) -> Callable[[str], None]:
    """Return a function that prints progress; one that prints nothing if `quiet`."""

    def say(text: str) -> None:
        if not quiet:
            line(text, style="dim")

    return say


def line(text: str, style: str = "", *, whole: bool = False) -> None:
    """Print one line, wrapped between words on a terminal; commands and paths stay whole.

    ``whole``: never wrap it, so that a path with spaces can be copied.
    """
    told = one_line(text)
    if not whole:
        indent = told[: len(told) - len(told.lstrip(" "))]
        told = _wrapped(told, _console, first="", rest=indent + _INDENT)
    _console.print(Text(told, style=style), soft_wrap=True)


def lines(text: str, style: str = "") -> None:
    """Print several lines of trusted text."""
    for each in text.split("\n"):
        line(each, style)


def quoted(text: str) -> None:
    """Print untrusted lines without their colours, indented so that none looks like a line of this program."""
    _quote(_console, without_styles(text))


class QuotedStream:
    """Prints untrusted text as it comes, as `quoted` does."""

    def __init__(self) -> None:
        self._within_line = False
        self._cut = ""

    def write(self, text: str) -> None:
        whole_text, self._cut = split_cut_style(self._cut + text)
        for piece in many_lines(without_styles(whole_text)).splitlines(keepends=True):
            whole = piece.endswith("\n")
            told = Text(("" if self._within_line else _INDENT) + piece.rstrip("\n"))
            _console.print(told, soft_wrap=True, end="\n" if whole else "")
            self._within_line = not whole

    def end_line(self) -> None:
        """End the line that the text so far has not ended."""
        if self._within_line:
            self.write("\n")


def _quote(to: Console, text: str) -> None:
    for each in many_lines(text).splitlines():
        to.print(Text(f"{_INDENT}{each}"), soft_wrap=True)


def render(shown: Table | Text) -> None:
    """Print a table or a line: within a terminal's width, elsewhere as wide as it is, so that no key is broken."""
    width = _console.width if _console.is_terminal else None
    if isinstance(shown, Table):
        told = shown.lines(width)
    else:
        first, *more = [shown] if width is None else break_text(shown, width, cut=False)
        told = iter((first, *(Text(_INDENT) + one for one in more)))
    for each in told:
        _console.print(each, soft_wrap=True)


def paragraph(text: str, style: str = "", *, first: str = "", rest: str = "") -> None:
    """Print sentences, wrapped between words on a terminal, with the prefixes ``first`` and ``rest``.

    Existing line breaks are kept; lines after the first are indented.
    """
    _paragraph(_console, text, style, first=first, rest=rest)


def _paragraph(to: Console, text: str, style: str, *, first: str, rest: str, head: str = "") -> None:
    """Print a paragraph to a console, with the style ``head`` for ``first``."""
    told = Text(_wrapped(text, to, first=first, rest=rest), style=style)
    if head:
        told.stylize(head, 0, len(first.rstrip()))
    to.print(told, soft_wrap=True)


def _wrapped(text: str, to: Console, *, first: str, rest: str) -> str:
    """Wrap between words; quoted commands, and words longer than a line, e.g. paths, are kept whole."""
    begun, *more = many_lines(text).split("\n")
    indent = rest or _INDENT
    every = [f"{first}{begun}", *(f"{indent}{each.removeprefix(indent)}" for each in more)]
    if not to.is_terminal:
        return "\n".join(every)
    breaks = textwrap.TextWrapper(
        to.width, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )
    kept = _COMMAND.sub(lambda found: found[0].replace(" ", _UNBROKEN), "\n".join(every))
    return "\n".join(breaks.fill(each) if len(each) > to.width else each for each in kept.split("\n")).replace(
        _UNBROKEN, " "
    )


def note(text: str) -> None:
    """Print a remark to standard error."""
    _paragraph(_errors, one_line(text), "dim", first="", rest=_INDENT)


def warn(text: str) -> None:
    """Print a warning to standard error."""
    _paragraph(_errors, text, "", first="warning: ", rest=" " * 9, head="bold yellow")


def print_error(message: str, remedy: str) -> None:
    """Print an error and its remedy to standard error."""
    _paragraph(_errors, message, "", first="error: ", rest=" " * 7, head="bold red")
    if remedy:
        _paragraph(_errors, remedy, "", first="try:   ", rest=" " * 7, head="bold")


def print_trace(trace: str) -> None:
    """Print a traceback to standard error."""
    _quote(_errors, trace)


@contextmanager
def redrawn() -> Iterator[Callable[[Sequence[str]], None]]:
    """Yield a function that shows lines at the end of the terminal, in place of those before; nothing elsewhere."""
    with Live(console=_console, auto_refresh=False, transient=True) as live:
        yield lambda lines: live.update(Text("\n".join(map(one_line, lines)), style="dim"), refresh=True)


@contextmanager
def screen() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Yield a function that shows on the whole terminal what another one prints, cut at its edges.

    What was shown last stays in the terminal afterwards, whole.
    """
    last = ""

    def show(print_all: Callable[[], None]) -> None:
        nonlocal last
        with _console.capture() as captured:
            print_all()
        last = captured.get()
        rows = last.split("\n")[: _console.height - 1]
        _write_raw("\x1b[H" + "".join(f"{row}\x1b[K\n" for row in rows) + "\x1b[J")

    _write_raw("\x1b[?1049h\x1b[?25l\x1b[?7l")  # another screen, no cursor, no wrapping
    try:
        yield show
    finally:
        _write_raw("\x1b[?7h\x1b[?25h\x1b[?1049l" + last)


def _write_raw(text: str) -> None:
    """Write what the console rendered, which has escaped it, and controls of the terminal."""
    _console.file.write(text)
    _console.file.flush()


@contextmanager
def status(text: str) -> Iterator[Callable[[str], None]]:
    """Show a status line on a terminal; yield the function that updates it."""
    with _console.status(Text(one_line(text))) as moving:
        yield lambda told: moving.update(Text(one_line(told)))


def is_terminal() -> bool:
    return _console.is_terminal


def height() -> int:
    """Return the lines of the terminal."""
    return _console.height


def is_seen() -> bool:
    """Return whether standard error is a terminal."""
    return _errors.is_terminal


def is_confirmed(question: str, *, default: bool) -> bool:
    return typer.confirm(one_line(question), default=default)


def require_consent(question: str, *, refused: str) -> None:
    """Ask, and go on only if the answer is yes; else print what ``refused`` says and end the command with 1."""
    try:
        if is_confirmed(question, default=False):
            return
    except typer.Abort:  # Ctrl-C or the end of the input, within the line of the question
        line("")
    line(refused)
    raise typer.Exit(1)


def table(*columns: str, right: tuple[str, ...] = (), whole: tuple[str, ...] = ()) -> Table:
    """Return an empty table. Columns in ``right`` have numbers, those in ``whole`` are never broken."""
    return Table(columns=columns, right=frozenset(right), whole=frozenset(whole))


def facts(pairs: Iterable[tuple[str, str]], *, marks: Mapping[str, str] | None = None) -> None:
    """Print labelled values, each wrapped beside its label on a terminal; paths and digests stay whole.

    ``marks`` are styles of labels' first words; else a label is dim.
    """
    listed = [(one_line(name), one_line(value)) for name, value in pairs]
    width = max((len(name) for name, _ in listed), default=0) + 2
    for name, value in listed:
        told = Text(_wrapped(value, _console, first=f"{name:<{width}}", rest=" " * width))
        mark = name.partition(" ")[0]
        if marks is not None and mark in marks:
            told.stylize(marks[mark], 0, len(mark))
        elif marks is None:
            told.stylize("dim", 0, len(name))
        _console.print(told, soft_wrap=True)


def print_json(value: object) -> None:
    """Print dataclasses and models as JSON: amounts in base units, times in ms, scores with all digits."""
    sys.stdout.write(json_text(exact_json(value)) + "\n")


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table as CSV: scores with all digits, nothing for None."""
    sys.stdout.write(csv_text(columns, rows))
