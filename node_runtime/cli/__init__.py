"""The command `node-runtime`: which commands there are, and how an error ends one.

One module an audience; each has a ``register(app)`` that adds its commands.
"""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from node_runtime.cli import account, contributor, creator, federation, network, operator, validate
from node_runtime.cli.text import safe
from node_runtime.errors import NodeRuntimeError


def _print_version(wanted: bool) -> None:
    if wanted:
        network.version()
        raise typer.Exit


app = typer.Typer(
    name="node-runtime",
    help="Decentralised machine learning: submit tasks, run them in containers, get paid by the chain.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


for audience in (network, account, creator, validate, federation, contributor, operator):
    audience.register(app)


def main() -> None:
    """Run the command line; errors of ours end as two lines on standard error and their exit code."""
    try:
        app()
    except NodeRuntimeError as error:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(Text.assemble(("error:", "bold red"), " ", safe(error.message)))
        if error.remedy:
            console.print(Text.assemble(("try:", "bold"), "   ", safe(error.remedy)))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
