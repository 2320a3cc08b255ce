"""The command `node-runtime`: how it begins, and how an error ends it. Its commands stand in `commands`."""

import atexit
import gc
import io
import sys
from typing import Annotated

import typer

from node_runtime.cli.on_demand import OnDemand, list_commands
from node_runtime.cli.version import version
from node_runtime.errors import NodeRuntimeError

app = typer.Typer(
    name="node-runtime",
    cls=OnDemand,
    help="Decentralised machine learning: submit tasks, run them in containers, get paid by the chain.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
list_commands(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


def main() -> None:
    """Run the command line; errors of ours end as two lines on standard error and their exit code."""
    _look_for_garbage_rarely()
    _print_whatever_comes()
    try:
        app()
    except NodeRuntimeError as error:
        _print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _print_error(error: NodeRuntimeError) -> None:
    from rich.console import Console  # what goes well needs neither
    from rich.text import Text

    from node_runtime.cli.text import safe, wrapped

    console, rest = Console(stderr=True, highlight=False, soft_wrap=True), " " * 7
    told = Text(safe(wrapped(error.message, console, first="error: ", rest=rest)))
    told.stylize("bold red", 0, len("error:"))
    console.print(told)
    if error.remedy:
        remedy = Text(safe(wrapped(error.remedy, console, first="try:   ", rest=rest)))
        remedy.stylize("bold", 0, len("try:"))
        console.print(remedy)


def _print_whatever_comes() -> None:
    """Names of files and words of strangers hold what a terminal's encoding may lack: no reason to end a command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _look_for_garbage_rarely() -> None:
    """It takes a fifth of a short command's time: reading modules makes many objects, which all stay until the end."""
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)  # the system takes everything back at once
