"""How is a command found when it is called? Its module is read then: all of them take longer than most commands do."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from node_runtime.cli.commands import COMMANDS


class OnDemand(TyperGroup):
    """Lists the commands of `COMMANDS` without their modules, and reads the module of the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, listed, rest = super().resolve_command(ctx, args)
        return name, command_of(name) if name is not None else listed, rest


def list_commands(app: typer.Typer) -> None:
    """Give `app` a stand-in for each command, whose class is `OnDemand`: name, heading and summary."""
    for heading, commands in COMMANDS.items():
        for command in commands:
            app.command(command.name, help=command.summary, rich_help_panel=heading)(_stand_in)


def command_of(name: str) -> Any:
    """The command itself, options and all."""
    listed = next(command for commands in COMMANDS.values() for command in commands if command.name == name)
    module, _, inside = listed.place.partition(":")
    found = getattr(import_module(f"node_runtime.cli.{module}"), inside)
    audience = typer.Typer()
    if isinstance(found, typer.Typer):
        audience.add_typer(found, name=name)
    else:
        audience.command(name, context_settings={"ignore_unknown_options": listed.any_words})(found)
    return get_group(audience).commands[name]


def _stand_in() -> None: ...
