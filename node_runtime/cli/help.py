"""The screens of ``--help``: names of types that people read, and an example with each command."""

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

from typer.core import TyperCommand, TyperGroup

_METAVARS = {"int": "N", "int range": "N", "float": "NUMBER", "str": "TEXT", "path": "PATH", "file": "FILE"}
_LINE_BREAK = re.compile(r"(?<=\S)\n(?=\S)")


class HelpedCommand(TyperCommand):
    """A command whose help has no types of Python."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        _name_arguments(self.params)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _prepare(self, ctx)
        super().format_help(ctx, formatter)


class HelpedGroup(TyperGroup):
    """A group of commands whose help has no types of Python."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _prepare(self, ctx)
        super().format_help(ctx, formatter)


def example(arguments: str) -> str:
    """Return the last line of a command's help: how it is typed."""
    return f"Example: node-runtime {arguments}"


def _prepare(command: Any, ctx: Any) -> None:
    """Name what each option takes, and join the lines of each paragraph: the terminal's width breaks them."""
    for param in command.get_params(ctx):
        if param.param_type_name == "argument":
            vars(param)["display_type_rich"] = _nothing  # the library has no setting for it
        elif param.is_flag:
            param.metavar = ""
        elif param.metavar is None:
            label = param.display_type(ctx).lower().strip("<>").removeprefix("list[").removesuffix("]")
            param.metavar = _METAVARS.get(label, label)
    if command.help:
        command.help = _LINE_BREAK.sub(" ", inspect.cleandoc(command.help))


def _name_arguments(params: Iterable[Any]) -> None:
    """Name arguments in capitals; in the usage in brackets if they may be left out, with dots if they repeat."""
    for param in params:
        if param.param_type_name == "argument":
            param.metavar = (param.metavar or param.name).upper()
            shown = param.metavar if param.required else f"[{param.metavar}]"
            vars(param)["get_usage_pieces"] = _always([f"{shown}..." if param.nargs != 1 else shown])


def _always(pieces: list[str]) -> Callable[[Any], list[str]]:
    return lambda _: pieces


def _nothing(ctx: Any) -> None:
    """Stand for an argument's type in its help."""
