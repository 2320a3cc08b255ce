"""Commands for what tasks are made of: assets and objectives, as the chain knows them."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from node_runtime.cli.session import (
    ChainOption,
    JsonOption,
    KeyOption,
    StorageOption,
    open_session,
    open_storing_session,
)
from node_runtime.cli.text import console, line, one_of, print_json, progress, safe, table
from node_runtime.creator.assets import add_asset
from node_runtime.creator.begun import Notes
from node_runtime.creator.submit import create_objective
from node_runtime.errors import InputError
from node_runtime.spec import read_specs
from node_runtime.spec_fields import read_account
from node_runtime.task import MICRO, Account, AssetKind, Label, Visibility

OwnerOption = Annotated[str | None, typer.Option(help="Another account's (default: yours)")]


asset = typer.Typer(help="Assets: data samples, openers, algos, metrics, models.", no_args_is_help=True)
objective = typer.Typer(help="Objectives: what models are measured by.", no_args_is_help=True)


@asset.command("add")
def asset_add(
    path: Annotated[Path, typer.Argument(help="A file or folder.")],
    kind: Annotated[AssetKind, typer.Option(metavar="KIND", help=f"What it is, for ever: {one_of(AssetKind)}.")],
    label: Annotated[Label | None, typer.Option(help="Of a data sample: what it may be used for, for ever.")] = None,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Store a file or folder and register it on chain."""
    session = open_storing_session(chain, key, storage)
    added = add_asset(path, kind, label, session.chain, session.store, say=lambda _: None)
    if as_json:
        print_json(added)
    else:
        line(str(added.ref))


@asset.command("list")
def asset_list(
    owner: OwnerOption = None,
    kind: Annotated[
        AssetKind | None, typer.Option(metavar="KIND", help=f"Only of this kind: {one_of(AssetKind)}.")
    ] = None,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """List registered assets."""
    session = open_session(chain, key, storage)
    every = session.chain.assets_of(_owner(owner, session.chain.account))
    found = sorted(
        (one for one in every if kind is None or one.kind is kind), key=lambda one: (one.kind, one.ref.digest)
    )
    if as_json:
        print_json(found)
        return
    if not found:
        line("no assets; submitting a file registers what it names")
        return
    shown = table("asset", "digest")
    for one in found:
        private = "private " if one.visibility is Visibility.PRIVATE else ""
        what = f"{one.label.capitalize()} sample" if one.label is not None else one.kind.replace("_", " ")
        shown.add_row(private + what, one.ref.digest)
    console.print(shown)
    line(f"an asset's key is {found[0].ref.owner}/DIGEST", style="dim")


@objective.command("create")
def objective_create(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A YAML with a document of kind objective.")],
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Create the objectives of a file; its tasks are left alone."""
    read = read_specs(file)
    if not read.objectives:
        raise InputError(
            f"{file} has no document of kind objective", remedy="write one, see assets/digits/objective.yaml"
        )
    session = open_storing_session(chain, key, storage)
    say = progress(quiet=as_json)
    notes = Notes.of(session.url, session.chain.account)
    created = [
        create_objective(spec, read, session.chain, session.store, say=say, notes=notes) for spec in read.objectives
    ]
    if as_json:
        print_json(created)


@objective.command("list")
def objective_list(
    owner: OwnerOption = None,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """List objectives."""
    session = open_session(chain, key, storage)
    found = session.chain.objectives_of(_owner(owner, session.chain.account))
    if as_json:
        print_json(found)
        return
    if not found:
        line("no objectives; create one with 'node-runtime objective create FILE'")
        return
    shown = table("objective", "name", "better", "tolerance", "samples", right=("objective", "samples"))
    for one in found:
        shown.add_row(
            str(one.id), Text(safe(one.name)), one.direction, f"{one.tolerance / MICRO:g}", str(len(one.samples))
        )
    console.print(shown)


def _owner(named: str | None, own: Account) -> Account:
    if named is None:
        return own
    try:
        return read_account(named)
    except ValueError as error:
        raise InputError(f"--owner: {error}") from None
