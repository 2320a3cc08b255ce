"""Typer groups that import a command's module on its call, and help screens that name types for people."""

import inspect
import re
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from .commands import COMMANDS

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


class OnDemand(HelpedGroup):
    """Lists `COMMANDS` without importing their modules; imports the module of the called command."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, listed, rest = super().resolve_command(ctx, args)
        return name, command_of(name) if name is not None else listed, rest


def list_commands(app: typer.Typer) -> None:
    """Register a placeholder with name, heading and summary for each command in `app`, a group of `OnDemand`."""
    for heading, commands in COMMANDS.items():
        for command in commands:
            app.command(command.name, help=command.summary, rich_help_panel=heading)(_placeholder)


def command_of(name: str) -> Any:
    """Import and return the command with its options."""
    listed = next(command for commands in COMMANDS.values() for command in commands if command.name == name)
    module, _, inside = listed.place.partition(":")
    found = getattr(import_module(f".{module}", __package__), inside)
    audience = typer.Typer()
    if isinstance(found, typer.Typer):
        audience.add_typer(found, name=name, cls=HelpedGroup, epilog=example(listed.example))
    else:
        settings = {"ignore_unknown_options": listed.any_words}
        audience.command(name, cls=HelpedCommand, context_settings=settings, epilog=example(listed.example))(found)
    return get_group(audience).commands[name]


def _placeholder() -> None: ...


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
