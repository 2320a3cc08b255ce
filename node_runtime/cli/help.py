"""The screens of ``--help``: names of types that people read, and an example with each command."""

from collections.abc import Iterable
from typing import Any

from typer.core import TyperCommand, TyperGroup

_METAVARS = {"int": "N", "int range": "N", "float": "NUMBER", "str": "TEXT", "path": "PATH", "file": "FILE"}


class HelpedCommand(TyperCommand):
    """A command whose help has no types of Python."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _name_types(self.get_params(ctx), ctx)
        super().format_help(ctx, formatter)


class HelpedGroup(TyperGroup):
    """A group of commands whose help has no types of Python."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _name_types(self.get_params(ctx), ctx)
        super().format_help(ctx, formatter)


def example(arguments: str) -> str:
    """Return the last line of a command's help: how it is typed."""
    return f"Example: node-runtime {arguments}"


def _name_types(params: Iterable[Any], ctx: Any) -> None:
    """Name what each option takes, and nothing for flags and arguments, whose own name says it."""
    for param in params:
        if param.param_type_name == "argument":
            vars(param)["display_type_rich"] = _nothing  # the library has no setting for it
        elif param.is_flag:
            param.metavar = ""
        elif param.metavar is None:
            label = param.display_type(ctx).strip("<>").removeprefix("list[").removesuffix("]")
            param.metavar = _METAVARS.get(label, label)


def _nothing(ctx: Any) -> None:
    """Stand for an argument's type in its help."""
