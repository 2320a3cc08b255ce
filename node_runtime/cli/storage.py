"""Commands for an object storage: init, check, copy."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml

from node_runtime.cli.session import StorageOption
from node_runtime.domain.assets import Account
from node_runtime.errors import HostError, InputError
from node_runtime.platform.files import write_private
from node_runtime.spec.fields import read_account

from .lazy_group import HelpedCommand, example
from .output import line, paragraph, render, styled

if TYPE_CHECKING:
    from node_runtime.stores.access import StorageAccess

VARIABLE = "NODE_RUNTIME_STORAGE"

storage = typer.Typer(
    help="Object storage: make bucket and keys, check access, copy a folder's trees into it.", no_args_is_help=True
)


@storage.command("init", cls=HelpedCommand, epilog=example("storage init --for 5Grw…utQY"))
def storage_init(
    accounts: Annotated[
        list[str] | None, typer.Option("--for", metavar="ACCOUNT", help="An account that gets a key. Repeatable.")
    ] = None,
    into: Annotated[Path, typer.Option(help="Folder for the accounts' storage access files.")] = Path("keys"),
    renew: Annotated[bool, typer.Option("--renew", help="Give keys that are there another secret.")] = False,
    named: StorageOption = None,
) -> None:
    """Make the bucket with versioning, and keys of accounts with the rights to store.

    NODE_RUNTIME_STORAGE_ACCESS names the storage access file of the
    storage's administrator. Repeated, it makes what is missing.
    """
    from node_runtime.config.storage_access import storage_access
    from node_runtime.stores.lifecycle import expire_live_versions
    from node_runtime.stores.provision import administration

    url, access = _url(named), storage_access()
    wanted = [_account(one) for one in accounts or ()]
    administered = administration(url, access)
    made = "is made" if administered.make_bucket() else "is there"
    line(f"bucket {administered.place.bucket} {made}, with versioning")
    for account in wanted:
        file = into / f"{account}.yaml"
        if file.exists() and not renew:
            administered.permit([account])
            line(f"{file} is there already")
            continue
        secret = administered.make_key(account, renew=renew)
        if secret is None:
            raise InputError(
                f"{account} has a key on this server already, and {file} isn't there",
                remedy="copy its file there; or give the key another secret with --renew, where nobody uses it",
            )
        administered.permit([account])
        _write_access(file, replace(access, access_key=account, secret_key=secret), url)
        line(f"key of {account}: {file}")
    if missing := expire_live_versions(administered):
        paragraph(missing)


def _write_access(file: Path, access: "StorageAccess", url: str) -> None:
    named = ("endpoint", "outside", "region", "access_key", "secret_key")
    given = {name: str(value) for name in named if (value := getattr(access, name)) is not None}
    file.parent.mkdir(parents=True, exist_ok=True)
    if access.ca is not None:
        write_private(file.parent / "ca.pem", access.ca)
        given["ca"] = "ca.pem"
    write_private(file, f"# the key of {access.access_key} to {url}\n" + yaml.safe_dump(given, sort_keys=False))


@storage.command("check", cls=HelpedCommand, epilog=example("storage check --for 5Grw…utQY"))
def storage_check(
    account: Annotated[str | None, typer.Option("--for", metavar="ACCOUNT", help="The account that stores.")] = None,
    named: StorageOption = None,
) -> None:
    """Read, write and remove an object as a node would, and say what is wrong. Exit code 1 where anything is."""
    from node_runtime.config.storage_access import storage_access
    from node_runtime.stores.checking import check_storage

    found = []
    for one in check_storage(_url(named), storage_access(), _account(account) if account else None):
        found.append(one)
        mark = ("ok ", "green") if one.well else ("!! ", "bold red")
        render(styled(mark, f"{one.name:<11}{one.seen}"))
        if one.remedy:
            paragraph(one.remedy, first="   ", rest="   ")
    if not all(one.well for one in found):
        raise typer.Exit(1)


@storage.command("copy", cls=HelpedCommand, epilog=example("storage copy /srv/store --for 5Grw…utQY"))
def storage_copy(
    source: Annotated[Path, typer.Argument(help="The folder of a storage, whose trees are copied.")],
    account: Annotated[str, typer.Option("--for", metavar="ACCOUNT", help="The account that stores the copies.")],
    named: StorageOption = None,
) -> None:
    """Copy what a storage in a folder holds into an object storage, verified.

    Repeated, it goes on: what is there is not sent again. A tree that is damaged in the folder is named and left out.

    Each tree is unpacked for a while where there is more free space: in the source folder, or in TMPDIR (/tmp).
    """
    from node_runtime.config.storage_access import storage_access
    from node_runtime.stores import open_store
    from node_runtime.stores.copying import copy_trees

    target = open_store(_url(named), writer=_account(account), access=storage_access())
    copied = copy_trees(source, target, say=line)
    line(f"{copied.sent} trees are copied, {copied.there} were there already")
    if copied.too_large:
        raise HostError(
            f"{copied.too_large} trees are larger than the room for a copy, {copied.damaged} are damaged",
            remedy="repeat it with TMPDIR naming a folder with more free space; damaged ones their owners store again",
        )
    if copied.damaged:
        raise InputError(
            f"{copied.damaged} trees could not be copied",
            remedy="let their owners store them again: what is named above isn't in the new storage",
        )


def _url(named: str | None) -> str:
    url = named or os.environ.get(VARIABLE)
    if not url:
        raise InputError("no storage is named", remedy=f"give --storage s3://BUCKET/PREFIX, or set {VARIABLE}")
    return url


def _account(text: str) -> Account:
    try:
        return read_account(text)
    except ValueError as error:
        raise InputError(f"--for {text[:70]}: {error}", remedy="name an account, 5…") from None
