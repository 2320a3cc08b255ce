"""Commands for assets: add, move, list, show, fetch."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from node_runtime.cli.session import (
    KEY_HELP,
    ChainOption,
    JsonOption,
    KeyOption,
    OwnerOption,
    StorageOption,
    open_account,
    open_session,
    open_storing_session,
    read_key,
    read_owner,
)
from node_runtime.creator.reading import fetch_asset, view_asset
from node_runtime.creator.upload import add_asset
from node_runtime.domain.assets import Account, AssetKind, AssetRef, Label, Visibility
from node_runtime.domain.units import read_duration, size
from node_runtime.errors import InputError
from node_runtime.ports.chain import ChainReads

from .lazy_group import HelpedCommand, example
from .output import counted, line, one_of, print_json, render, require_consent, table
from .permissions import DownloadOption, ForOption, LogsOption, read_permissions
from .reading import print_asset

LARGE = 1 << 30  # bytes, from which on a fetch is confirmed

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help=KEY_HELP)]


asset = typer.Typer(help="Assets: data samples, openers, algos, metrics, models.", no_args_is_help=True)


@asset.command("add", cls=HelpedCommand, epilog=example("asset add data/train-0 --kind data_sample --label train"))
def asset_add(
    path: Annotated[Path, typer.Argument(help="A file or folder.")],
    kind: Annotated[AssetKind, typer.Option(metavar="KIND", help=f"Its permanent kind: {one_of(AssetKind)}.")],
    label: Annotated[Label | None, typer.Option(help="The permanent label of a data sample.")] = None,
    process: ForOption = None,
    download: DownloadOption = None,
    logs: LogsOption = None,
    algo: Annotated[
        list[str] | None,
        typer.Option(metavar="DIGEST", help="Of a data sample: a program of others that may run with it. Repeatable."),
    ] = None,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Store a file or folder and register it on chain, for everyone unless options say otherwise, for ever.

    Whoever can read the storage reads its bytes, whatever --download says:
    that keeps models made from it on the nodes.
    """
    permissions = read_permissions(process, download, logs, algo, unsaid=None)
    session = open_storing_session(chain, key, storage)
    added = add_asset(path, kind, label, session.chain, session.store, permissions=permissions, say=lambda _: None)
    if as_json:
        print_json(added)
    else:
        line(str(added.ref))


@asset.command("move", cls=HelpedCommand, epilog=example("asset move 5Grw…utQY/0cfc…ad1d s3://bucket/train-0"))
def asset_move(
    asset_key: KeyArgument,
    uri: Annotated[str, typer.Argument(help="Where its bytes are, as the storage names the place.")],
    chain: ChainOption = None,
    key: KeyOption = None,
) -> None:
    """Change the URI of an asset of yours on chain. Its digest stays, so the bytes there must be the same."""
    view = open_account(chain, key)
    ref = _ref(asset_key, view, view.account)
    if ref.owner != view.account:
        raise InputError(f"asset {ref} isn't {view.account}'s", remedy=f"sign with the key of {ref.owner}")
    view.move_asset(ref.digest, uri)
    line(f"asset {ref} is at {uri}", style="green")


@asset.command("list", cls=HelpedCommand, epilog=example("asset list --kind data_sample"))
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
    every = session.chain.assets_of(read_owner(owner, session.chain.account))
    found = sorted(
        (one for one in every if kind is None or one.kind is kind), key=lambda one: (one.kind, one.ref.digest)
    )
    if as_json:
        print_json(found)
        return
    if not found:
        line("no assets; submitting a file registers what it names")
        return
    shown = table("asset", "digest", whole=("digest",))
    for one in found:
        private = "private " if one.visibility is Visibility.PRIVATE else ""
        what = f"{one.label.capitalize()} sample" if one.label is not None else one.kind.replace("_", " ")
        shown.add_row(private + what, one.ref.digest)
    render(shown)
    line(f"an asset's key is {found[0].ref.owner}/DIGEST", style="dim")


@asset.command("show", cls=HelpedCommand, epilog=example("asset show 0cfc1ad1de63"))
def asset_show(
    asset_key: KeyArgument,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Show an asset: what it is registered as, its files, and who may read them."""
    session = open_session(chain, key, storage)
    view = view_asset(session.chain, session.store, _ref(asset_key, session.chain, session.chain.account))
    if as_json:
        print_json(view)
    else:
        print_asset(view)


@asset.command("fetch", cls=HelpedCommand, epilog=example("asset fetch 0cfc1ad1de63 sample"))
def asset_fetch(
    asset_key: Annotated[str, typer.Argument(metavar="KEY", help=f"{KEY_HELP} Or a link that 'asset link' made.")],
    folder: Annotated[Path, typer.Argument(help="A new folder for its files.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Fetch more than 1 GiB without asking.")] = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Fetch an asset's files, verified, into a new folder. Nothing of them is executed.

    By a link neither chain nor key is needed.
    """
    if asset_key.startswith(("https://", "http://")):
        _fetch_by_link(asset_key, folder)
        return
    session = open_session(chain, key, storage)
    view = view_asset(session.chain, session.store, _ref(asset_key, session.chain, session.chain.account))
    if view.size > LARGE and not yes:
        if not sys.stdin.isatty():
            raise InputError(f"{view.asset.ref} has {size(view.size)}, which has to be confirmed", remedy="add --yes")
        require_consent(f"Fetch {size(view.size)}?", refused="nothing is fetched")
    fetch_asset(view, session.store, folder)
    line(f"{folder}: {size(view.size)} in {counted(len(view.files or ()), 'file')}", style="green")


def _fetch_by_link(link: str, folder: Path) -> None:
    from node_runtime.config.storage_access import storage_access
    from node_runtime.stores.links import fetch_link

    digest = fetch_link(link, folder, ca=storage_access().ca)
    line(f"{folder}: tree {digest}, verified", style="green")


@asset.command("link", cls=HelpedCommand, epilog=example("asset link 0cfc1ad1de63 --valid 2h"))
def asset_link(
    asset_key: KeyArgument,
    valid: Annotated[str, typer.Option(metavar="DURATION", help="How long it works, at most 7d.")] = "1h",
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Print a link by which 'asset fetch' gets an asset's files without a key. Whoever has the link can use it."""
    from node_runtime.stores.links import LONGEST
    from node_runtime.stores.objects import ObjectStore

    try:
        seconds = read_duration(valid) // 1000
    except ValueError as error:
        raise InputError(f"--valid: {error}", remedy="write e.g. 2h") from None
    if not 0 < seconds <= LONGEST:
        raise InputError(f"--valid {valid}: a link works for at most 7d", remedy="write e.g. 2h")
    session = open_session(chain, key, storage)
    if not isinstance(session.store, ObjectStore):
        raise InputError("only an object storage has links", remedy="name one, s3://BUCKET/PREFIX, as --storage")
    view = view_asset(session.chain, session.store, _ref(asset_key, session.chain, session.chain.account))
    if view.unreadable:
        raise InputError(view.unreadable, remedy=f"ask {view.asset.ref.owner} for it")
    line(session.store.link(view.asset.ref.digest, seconds=seconds), whole=True)


def _ref(text: str, chain: ChainReads, own: Account) -> AssetRef:
    return read_key(text, own, lambda: (one.ref for one in chain.assets_of(own)), listing="node-runtime asset list")
