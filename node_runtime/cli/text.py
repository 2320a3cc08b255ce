"""How do values look on a terminal? Amounts, times, states and text of strangers, which must not steer the terminal."""

import re
import sys
import textwrap
from collections.abc import Callable
from enum import StrEnum

from pydantic_core import to_json
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from node_runtime.task import Score, Submission, SubmissionState, TaskState

console = Console(highlight=False)
_errors = Console(highlight=False, stderr=True)
# C0 and C1 controls but tab and newline, DEL, and what reverses the direction of text
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
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


def safe(text: str) -> str:
    """Text that somebody else wrote, without what a terminal would obey."""
    return _CONTROL.sub("�", text)


def coloured(state: TaskState | SubmissionState) -> Text:
    return Text(state.replace("_", " "), style=_COLOURS[state])


def short(identity: str) -> str:
    """The first characters of an account or a digest: enough to tell a few apart."""
    return f"{identity[:6]}…{identity[-4:]}" if len(identity) > 12 else identity


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def one_of(values: type[StrEnum]) -> str:
    """What an option may be, for its help: in the column of types long lists are broken within a word."""
    *others, last = values
    return f"{', '.join(others)} or {last}"


def score(given: Score | None) -> str:
    return f"{given.number:.4f}" if given is not None else ""


def best_score(submissions: tuple[Submission, ...]) -> Score | None:
    """The score of the latest result that was not rejected."""
    kept = [one.score for one in submissions if one.state is not SubmissionState.REJECTED]
    return kept[-1] if kept else None


def progress(*, quiet: bool) -> Callable[[str], None]:
    """What tells a person how far a command is; nothing where a program reads the output."""

    def say(text: str) -> None:
        if not quiet:
            line(text, style="dim")

    return say


def line(text: str, style: str = "") -> None:
    """One line, whatever the terminal's width, so that a path in it can be copied."""
    console.print(Text(safe(text), style=style), soft_wrap=True)


def paragraph(text: str, style: str = "", *, first: str = "", rest: str = "") -> None:
    """Sentences: on a terminal broken between words, with ``first`` and ``rest`` before lines; elsewhere one line."""
    line(wrapped(text, console, first=first, rest=rest), style)


def wrapped(text: str, to: Console, *, first: str = "", rest: str = "") -> str:
    """The text as `paragraph` shows it. What is longer than a line, e.g. a path, stays whole: it can be copied."""
    lines = f"{first}{text}".split("\n")
    if not to.is_terminal:
        return "\n".join(lines)
    breaks = textwrap.TextWrapper(
        to.width, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )
    return "\n".join(breaks.fill(each) if len(each) > to.width else each for each in lines)


def warn(text: str) -> None:
    """To standard error, so that a program which reads the output is not disturbed."""
    _errors.print(Text.assemble(("warning: ", "bold yellow"), safe(text)), soft_wrap=True)


def table(*columns: str, right: tuple[str, ...] = (), whole: tuple[str, ...] = ()) -> Table:
    """Where the terminal is too narrow the columns that aren't ``whole`` are broken."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        justify: JustifyMethod = "right" if column in right else "left"
        made.add_column(column, justify=justify, overflow="fold", no_wrap=column in whole)
    return made


def print_json(value: object) -> None:
    """Dataclasses and models as they are in Python; amounts in base units, moments in ms."""
    sys.stdout.write(to_json(value, indent=2).decode() + "\n")
