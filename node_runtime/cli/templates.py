"""Commands for first steps: new, schema."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from node_runtime.creator.templates import TASK, TemplateName, write_template
from node_runtime.spec.schema import task_schema

from .output import line, lines, one_of, print_json


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
