"""The command `validate`: apply a validation strategy to a task's results."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from node_runtime.cli.session import ChainOption, JsonOption, KeyOption, StorageOption, open_session
from node_runtime.creator.validation.judges import open_judge, person_for
from node_runtime.creator.validation.strategies import AutoAccept, CustomAccept, ManualAccept, Strategy
from node_runtime.creator.validation.validate import Desk, Outcome, Validated, validate
from node_runtime.domain.assets import SubmissionId
from node_runtime.domain.task import TaskId
from node_runtime.domain.units import read_duration
from node_runtime.errors import InputError

from .output import line, paragraph, print_json, progress, warn
from .session import TaskArgument

_COLOURS = {
    Outcome.ACCEPTED: "green",
    Outcome.REJECTED: "red",
    Outcome.LEFT: "yellow",
    Outcome.UNDECIDED: "bold yellow",
}


def validate_results(
    task: TaskArgument,
    auto: Annotated[bool, typer.Option("--auto", help="Accept every complete, valid result.")] = False,
    accept: Annotated[list[int] | None, typer.Option(help="Accept this submission. May be repeated.")] = None,
    reject: Annotated[list[int] | None, typer.Option(help="Reject this submission. May be repeated.")] = None,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Of --reject: a sentence its worker reads.")] = "",
    script: Annotated[
        Path | None, typer.Option(help="Judge by this script, or by validate.py or validate.sh in this folder.")
    ] = None,
    timeout: Annotated[str, typer.Option(help="How long the script may take for one result.")] = "10m",
    into: Annotated[Path | None, typer.Option(help="Keep the results in this folder, as submission-ID/.")] = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Also judge later results.")] = False,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Judge a task's results, as its creator or its judge: download each, verified, look at it, accept or reject.

    Without options prompt for each, beside the score and the ends of the
    logs; Ctrl-D leaves the rest for later. A script runs in a container without
    network; it reads the result from /result and writes {"accept": true or
    false, "reason": "…"} to /verdict/verdict.json. If it crashes, hangs or
    writes anything else, the result stays undecided and the exit code is 1.
    """
    strategy = _strategy(auto, accept or [], reject or [], reason, script, timeout)
    session = open_session(chain, key, storage)
    desk = Desk(chain=session.chain, store=session.store, folder=into)
    named = strategy if isinstance(strategy, ManualAccept) else ManualAccept()
    with (
        _stopping_told(task),
        open_judge(strategy, ask=person_for(strategy, say=line), say=progress(quiet=as_json)) as judge,
    ):
        done = validate(
            desk,
            TaskId(task),
            judge,
            told=lambda one: None if as_json else _tell(one),
            only=named.named,
            rejected=named.reject,
            wait=wait,
        )
    if as_json:
        print_json(done)
    elif not done:
        line(f"task {task} has nothing under review; see 'node-runtime results {task}'")
    if any(one.outcome is Outcome.UNDECIDED for one in done):
        raise typer.Exit(1)


@contextmanager
def _stopping_told(task: int) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        warn(f"stopped; what is decided stays, and 'node-runtime validate {task}' goes on with the rest")
        raise


def _strategy(
    auto: bool, accept: list[int], reject: list[int], reason: str, script: Path | None, timeout: str
) -> Strategy:
    if sum((auto, bool(accept or reject), script is not None)) > 1:
        raise InputError("--auto, --accept/--reject and --script are three ways to judge", remedy="choose one of them")
    if bool(reject) != bool(reason):
        raise InputError("--reject and --reason go together", remedy="--reject 3 --reason 'what is wrong with it'")
    if auto:
        return AutoAccept()
    if script is None:
        reasons = {SubmissionId(number): reason for number in reject}
        return ManualAccept(accept=frozenset(map(SubmissionId, accept)), reject=reasons)
    try:
        return CustomAccept(script, timeout=read_duration(timeout) / 1000)
    except ValueError as error:
        raise InputError(f"--timeout: {error}") from None


def _tell(one: Validated) -> None:
    paragraph(str(one), style=_COLOURS[one.outcome])
