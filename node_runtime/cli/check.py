"""Commands before a submission: new and schema; check, the mistakes of a file, and what its tasks hold and why."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from node_runtime.cli.session import JsonOption
from node_runtime.creator.templates import TASK, TemplateName, write_template
from node_runtime.creator.terms import Escrow, blocking, escrow_of
from node_runtime.domain.parameters import describe_parameters
from node_runtime.domain.price import Bounds
from node_runtime.domain.units import amount, number
from node_runtime.kinds import TaskSpec
from node_runtime.spec.bounds import packaged_bounds
from node_runtime.spec.plan import ExtendedPlan, taking_turns
from node_runtime.spec.read import SpecFile, read_specs
from node_runtime.spec.schema import task_schema

from .output import counted, facts, line, lines, one_of, print_json, render, table, warn

_REJECTION = "what rejecting a result costs you, {} % of the reward"

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A YAML with one or more documents.")]


def new(
    template: Annotated[TemplateName, typer.Argument(metavar="TEMPLATE", help=f"{one_of(TemplateName)}.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that doesn't exist yet.")],
) -> None:
    """Write a task that runs as it is into a new folder: its YAML, programs and data, to begin with."""
    written = write_template(template, folder)
    task = shlex.quote(str(folder / TASK))
    line(f"{folder} holds {written.summary}", style="green")
    lines(
        "next:\n"
        f"  node-runtime check {task}     finds mistakes\n"
        f"  node-runtime run {task}       runs it here, without a chain\n"
        f"  node-runtime submit {task}    puts it on a network\n"
    )


def schema() -> None:
    """Print the JSON schema of a task's YAML, for editors; 'new' writes it beside the task."""
    print_json(task_schema())


def check(file: FileArgument, as_json: JsonOption = False) -> None:
    """Check a file and report every mistake with its line, without chain or storage.

    Shows what its tasks hold of your account from their submission on, and
    the parts of it.
    """
    bounds = packaged_bounds()
    read = read_warned(file, bounds=bounds)
    specs = [spec for _, spec in read.tasks]
    if read.is_plan and (turns := taking_turns(specs)):
        _warn_of_turns(read, turns)
    escrows = [escrow_of(spec, bounds) for spec in specs]
    if as_json:
        print_json(_as_json(read, specs, escrows))
        return
    for objective in read.objectives:
        line(f"objective  {objective.name}: {counted(len(objective.samples), 'Test sample')}")
    if read.objectives:
        line("")
    if not specs:
        line(f"{file} is fine", style="green")
        return
    _print_escrows(specs, escrows)
    _print_meanings(bounds, rejections=any(one.rejections for one in escrows))
    _print_parameters(specs)
    line("")
    line(f"{file} is fine; submitting it holds {amount(sum(one.total for one in escrows))}", style="green")


def read_warned(file: Path, *, bounds: Bounds | None = None, extends: ExtendedPlan | None = None) -> SpecFile:
    """Read a file, and print its warnings."""
    read = read_specs(file, bounds=bounds, extends=extends)
    for warning in read.warnings:
        warn(warning)
    return read


def _warn_of_turns(read: SpecFile, turns: Sequence[TaskSpec]) -> None:
    first, second, *more = turns
    place = next(entry.place() for entry, spec in read.tasks if spec is first)
    beside = f" and {counted(len(more), 'more task')}" if more else ""
    warn(
        f"{place}: {first.name}, {second.name}{beside} don't need each other but take turns on a node, since each may "
        "write the plan's local folder; write limits: {local: 0MiB} in tasks that don't use it"
    )


def _as_json(read: SpecFile, specs: Sequence[TaskSpec], escrows: Sequence[Escrow]) -> dict[str, object]:
    return {
        "objectives": [{"name": one.name, "samples": len(one.samples)} for one in read.objectives],
        "tasks": [
            {
                "kind": spec.kind_name,
                "name": spec.name,
                "parameters": spec.parameters,
                "held": held,
                "blocking": blocking(spec),
            }
            for spec, held in zip(specs, escrows, strict=True)
        ],
        "rewards": sum(one.rewards for one in escrows),
        "rejections": sum(one.rejections for one in escrows),
        "held": sum(one.total for one in escrows),
    }


def _print_escrows(specs: Sequence[TaskSpec], escrows: Sequence[Escrow]) -> None:
    """Print a row for each task, in UNIT, and their sum."""
    figures = ("rewards", "rejections", "held", "blocking")
    made = table("kind", "task", *figures, right=figures, whole=("kind", *figures))
    for spec, held in zip(specs, escrows, strict=True):
        made.add_row(
            spec.kind_name,
            spec.name,
            f"{held.slots} × {number(held.reward)}",
            f"{held.max_rejects} × {number(held.rejection)}" if held.rejections else "–",
            number(held.total),
            f"{number(blocking(spec))} a day",
        )
    if len(specs) > 1:
        sums = (sum(getattr(one, part) for one in escrows) for part in ("rewards", "rejections", "total"))
        made.add_row("in all", "", *map(number, sums), "", style="bold")
    render(made)


def _print_meanings(bounds: Bounds, *, rejections: bool) -> None:
    """Print what each column of amounts means."""
    meanings = (
        ("rewards", "slots × the reward of an accepted result"),
        *((("rejections", f"max_rejects × {_REJECTION.format(bounds.reject_fee)}"),) if rejections else ()),
        ("held", "their sum in UNIT, from submit on; what isn't spent comes back"),
        ("besides", "the price of bytes and transactions; submit tells it before it sends"),
        ("blocking", "what it costs somebody at least to keep a slot from others"),
    )
    line("")
    facts(meanings)


def _print_parameters(specs: Sequence[TaskSpec]) -> None:
    made = table("task", "parameters", whole=("task",))
    for spec in specs:
        if spec.parameters is not None:
            made.add_row(spec.name, describe_parameters(spec.parameters))
    if made.rows:
        line("")
        render(made)
