"""What does a person at a terminal see of a result, and what is asked? Its files and score; accept, reject, or later?

Names and texts in a result are a stranger's: they are shown so that they can't steer the terminal.
"""

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from node_runtime.creator.results import numbers_beside
from node_runtime.creator.review import check_reason
from node_runtime.creator.strategies import Judge, ManualAccept, Received, Strategy, Verdict
from node_runtime.errors import InputError
from node_runtime.ports import Say
from node_runtime.units import size

SHOWN = 20  # files

Read = Callable[[str], str]


def print_safely(text: str) -> None:
    """A line on standard output, without what a terminal would obey: parts of it may be a stranger's."""
    print("".join(one if one.isprintable() or one in "\n\t" else "�" for one in text))


def person_for(strategy: Strategy, *, say: Say) -> Judge:
    """The person at the terminal. Raises `InputError` where the strategy asks one and there is no terminal."""
    asks = isinstance(strategy, ManualAccept) and strategy.ask is None and not strategy.named
    if asks and not sys.stdin.isatty():
        raise InputError(
            "there is no terminal to ask at",
            remedy="name what to accept or reject (--accept, --reject with --reason), or judge by a script",
        )
    return partial(ask_person, say=say)


def ask_person(received: Received, *, say: Say, read: Read = input) -> Verdict | None:
    """Show the result and ask; None when the person wants to decide later."""
    for told in describe(received):
        say(told)
    while True:
        try:
            answer = read("accept, reject, or later? [a/r/l] ").strip().lower()
            if answer in ("a", "accept"):
                return Verdict(accept=True)
            if answer in ("r", "reject"):
                return Verdict(accept=False, reason=_reason(say, read))
        except EOFError:
            return None
        if answer in ("l", "later"):
            return None


def describe(received: Received) -> Iterator[str]:
    """What came, a line each."""
    one, document = received.submission, received.document
    yield f"submission {one.id} of {one.worker}, in {received.folder}"
    if one.score is not None:
        counts = one.score.standing.replace("_", " ")
        yield f"  score {one.score.number:.6g} ({counts}, vouched for by {one.score.voucher})"
    yield from (f"  {name!r} {value:g}" for name, value in numbers_beside(document))
    for run in document.stages:
        yield f"  container {run.name!r}: {run.seconds:.1f} s"
    for agreed in received.agreed:
        yield f"  {agreed.measure} with submission {agreed.other}: {agreed.score:.3f}"
    yield from (f"  wrong: {mistake}" for mistake in received.mistakes.splitlines())
    for output in document.outputs:
        yield from _files(received.folder / output, received.folder)


def _files(output: Path, folder: Path) -> Iterator[str]:
    """Sizes and names of the output's files, the first ones."""
    if output.is_file():
        yield f"  {size(output.stat().st_size):>9}  {output.name!r}"
        return
    found = (Path(place, name) for place, _, names in os.walk(output) for name in sorted(names))
    for file in islice(found, SHOWN):
        yield f"  {size(file.stat().st_size):>9}  {file.relative_to(folder).as_posix()!r}"
    more = sum(1 for _ in found)
    if more:
        yield f"  and {more} more files in {output.name!r}"


def _reason(say: Say, read: Read) -> str:
    while True:
        reason = read("reason, a sentence its worker reads: ")
        try:
            check_reason(reason)
        except InputError as error:
            say(str(error))
        else:
            return reason.strip()
