"""The entry point of the command `node-runtime`: start-up and top-level error handling. See `commands`."""

import atexit
import gc
import io
import logging
import sys
import traceback
from typing import Annotated

import typer

import node_runtime
from node_runtime.errors import NodeRuntimeError
from node_runtime.platform.files import host_error_boundary
from node_runtime.platform.printable import OneRecordFormatter, print_line

from .lazy_group import OnDemand, list_commands

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


def version() -> None:
    """Print the version."""
    print_line(node_runtime.__version__)


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
    """Run the command line; print a `NodeRuntimeError` on standard error and exit with its code."""
    _relax_garbage_collection()
    _replace_unencodable_characters()
    _escape_library_logs()
    try:
        with host_error_boundary():
            ended = app(standalone_mode=False)
        sys.exit(ended if isinstance(ended, int) else 0)
    except typer.TyperException as error:
        _print_usage_error(error)
        sys.exit(2)
    except typer.Abort:  # Ctrl-C at a question
        print_line("")
        sys.exit(1)
    except NodeRuntimeError as error:
        from .output import print_error  # imported on errors only

        print_error(error.message, error.remedy)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception:
        from .output import print_trace  # its message may be untrusted

        print_trace(traceback.format_exc())
        sys.exit(1)


def _print_usage_error(error: typer.TyperException) -> None:
    """Print in which way a command was typed wrong, and which help tells the right one."""
    if type(error).__name__ == "NoArgsIsHelpError":  # the help is printed
        return
    from .output import print_error  # imported on errors only

    told = error.format_message().replace("Value error, ", "").rstrip(".")
    context = getattr(error, "ctx", None)  # of the subclass UsageError, which the library doesn't export
    command = context.command_path if context is not None else "node-runtime"
    print_error(told[:1].lower() + told[1:], f"see '{command} --help'")


def _replace_unencodable_characters() -> None:
    """Replace characters that the terminal's encoding lacks instead of raising: file names and texts are untrusted."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _escape_library_logs() -> None:
    """Escape log records of libraries, which may contain untrusted text, e.g. from clients of a server."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(OneRecordFormatter())


def _relax_garbage_collection() -> None:
    """Raise the threshold of the garbage collector, which takes a fifth of a short command's time during imports."""
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)  # skip the collection at exit
