"""Judges of results: automatic, a person at the terminal, a callable, or a script in the sandbox.

Names and texts in a result are untrusted and escaped before they reach the terminal.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

from node_runtime.creator.kept import LOGS
from node_runtime.creator.log_files import last_lines, log_names
from node_runtime.creator.results import numbers_beside, staying
from node_runtime.creator.review import check_reason
from node_runtime.domain.units import plain, size
from node_runtime.errors import InputError
from node_runtime.platform.printable import Say
from node_runtime.runner.live_chunk import is_image_stage

from .script import open_script_sandbox
from .strategies import (
    AnswersEnded,
    AutoAccept,
    CustomAccept,
    Judge,
    ManualAccept,
    Received,
    Strategy,
    Undecided,
    Verdict,
    call_validator,
)


@contextmanager
def open_judge(strategy: Strategy, *, ask: Judge, say: Say) -> Iterator[Judge]:
    """Yield the judge of a strategy. The image of a script is built once for all results.

    ``ask`` prompts the person at the terminal. Raises `InputError` for a missing script, `TaskFailed` when its image
    can't be built, and `HostError` without a Docker Engine.
    """
    match strategy:
        case AutoAccept():
            yield _auto
        case ManualAccept():
            yield _manual(strategy, ask)
        case CustomAccept(validator=Path() | str() as script):
            with _open_script(Path(script).expanduser(), strategy, say) as judge:
                yield judge
        case CustomAccept(validator=validator):
            assert callable(validator)
            yield lambda received: call_validator(validator, received.folder, timeout=strategy.timeout)


def _auto(received: Received) -> Verdict:
    if received.mistakes:
        raise Undecided(f"it is not what the task asks for: {received.mistakes}")
    return Verdict(accept=True)


def _manual(strategy: ManualAccept, ask: Judge) -> Judge:
    def judge(received: Received) -> Verdict | None:
        if received.submission.id in strategy.accept:
            return Verdict(accept=True)
        return (strategy.ask or ask)(received)

    return judge


@contextmanager
def _open_script(script: Path, strategy: CustomAccept, say: Say) -> Iterator[Judge]:
    from node_runtime.engines.session import ephemeral_session  # slow to import, and rarely needed

    with (
        ephemeral_session("validate", say=say) as own,
        open_script_sandbox(script, strategy, own.engine, node=own.name, work=own.folder, say=say) as sandbox,
    ):
        yield sandbox.judge


SHOWN = 20  # files
SHOWN_LOGS = 4
_ANSWERS = {"a", "accept", "r", "reject", "l", "later"}

Read = Callable[[str], str]


def person_for(strategy: Strategy, *, say: Say) -> Judge:
    """Return the judge that prompts at the terminal. Raises `InputError` if one is needed and there is none."""
    asks = isinstance(strategy, ManualAccept) and strategy.ask is None and not strategy.named
    if asks and not sys.stdin.isatty():
        raise InputError(
            "there is no terminal to ask at",
            remedy="name what to accept or reject (--accept, --reject with --reason), or judge by a script",
        )
    return partial(ask_person, say=say)


def ask_person(received: Received, *, say: Say, read: Read = input) -> Verdict | None:
    """Show the result and prompt for a verdict; None leaves it for later. Raises `AnswersEnded` at Ctrl-D."""
    for told in describe(received):
        say(told)
    try:
        match _answer(say, read):
            case "a":
                return Verdict(accept=True)
            case "r":
                return Verdict(accept=False, reason=_reason(say, read))
        return None
    except EOFError:
        say("")  # the prompt's line has no end yet
        raise AnswersEnded from None


def _answer(say: Say, read: Read) -> str:
    """Return the first letter of the answer; what is none of them is asked for again, without the question."""
    answer = read("accept, reject, or later? [a/r/l] ").strip().lower()
    while answer not in _ANSWERS:
        say("type a (accept), r (reject) or l (later); Ctrl-D leaves the others as well")
        answer = read("[a/r/l] ").strip().lower()
    return answer[0]


def describe(received: Received) -> Iterator[str]:
    """Yield the lines that describe a result."""
    one, document = received.submission, received.document
    yield f"submission {one.id} of {one.worker}, in {received.folder}"
    for perf in one.result.perfs[:1]:
        yield f"  score {plain(perf.value)}; accepting decides who vouches for it"
    if one.same_as is not None:
        yield f"  its outputs are the same as those of submission {one.same_as}, which came before"
    yield from (f"  {name!r} {value}" for name, value in numbers_beside(document))
    for run in document.stages:
        yield f"  container {run.name!r}: {run.seconds:.1f} s"
    for agreed in received.agreed:
        yield f"  {agreed.measure} with submission {agreed.other}: {agreed.score:.3f}"
    yield from (f"  wrong: {mistake}" for mistake in received.mistakes.splitlines())
    for name in staying(document):
        yield f"  {name!r} stayed with its worker; 'node-runtime results {one.task}' says why"
    for output in document.outputs:
        yield from _files(received.folder / output, received.folder)
    yield from _log_ends(received)


def _log_ends(received: Received) -> Iterator[str]:
    """Yield the ends of the logs, those of images' builds excepted, and how to read all of them."""
    names = [name for name in log_names(received.folder / LOGS) if not is_image_stage(name.removesuffix(".log"))]
    for name in names[:SHOWN_LOGS]:
        shown, lines = f"{LOGS}/{name}", last_lines(received.folder / LOGS / name)
        if lines:
            yield f"  the end of {shown!r}, all of which 'node-runtime logs {received.task.id}' prints:"
            yield from (f"    {line}" for line in lines)
        else:
            yield f"  {shown!r} is empty"
    if len(names) > SHOWN_LOGS:
        yield f"  and {len(names) - SHOWN_LOGS} more logs in {LOGS}/"


def _files(output: Path, folder: Path) -> Iterator[str]:
    """Yield sizes and names of the output's files, up to `SHOWN`."""
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
    question = "reason, a sentence its worker reads: "
    while True:
        reason = read(question)
        question = "reason: "
        try:
            check_reason(reason)
        except InputError as error:
            say(str(error))
        else:
            return reason.strip()
