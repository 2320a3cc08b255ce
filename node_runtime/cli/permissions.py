"""Options for permissions, and how permissions are shown."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from node_runtime.domain.assets import Account, Digest
from node_runtime.domain.permissions import EVERYONE, MOST_ACCOUNTS, MOST_PROGRAMS, Permissions, Right
from node_runtime.errors import InputError
from node_runtime.spec.fields import read_account, read_asset

ME = "me"
_WHO = "an account, 'public', or 'me'"

ForOption = Annotated[
    list[str] | None, typer.Option("--for", metavar="ACCOUNT", help=f"Who may use it in tasks: {_WHO}. Repeatable.")
]
DownloadOption = Annotated[
    list[str] | None,
    typer.Option(metavar="ACCOUNT", help=f"Who may download it, and models made from it: {_WHO}. Repeatable."),
]
LogsOption = Annotated[
    list[str] | None, typer.Option(metavar="ACCOUNT", help=f"Who may read logs of its tasks: {_WHO}. Repeatable.")
]
_OPTIONS = {Right.PROCESS: "--for", Right.DOWNLOAD: "--download", Right.LOGS: "--logs"}
_DIGEST = re.compile(r"[0-9a-f]{64}")


def read_permissions(
    process: Sequence[str] | None,
    download: Sequence[str] | None,
    logs: Sequence[str] | None,
    algos: Sequence[str] | None,
    *,
    unsaid: tuple[Account, ...] | None,
) -> Permissions | None:
    """Parse the options; None without any. ``unsaid`` has the rights that none of them gives. Raises `InputError`."""
    if not any((process, download, logs, algos)):
        return None
    if not process and unsaid is not None:
        told = "--download, --logs and --algo say more of a sample that --for lets somebody use"
        raise InputError(told, remedy=f"add --for ACCOUNT, --for {EVERYONE} or --for {ME}")
    given = {Right.PROCESS: process, Right.DOWNLOAD: download, Right.LOGS: logs}
    rights = {right: _accounts(_OPTIONS[right], values) if values else unsaid for right, values in given.items()}
    return Permissions(
        process=rights[Right.PROCESS],
        download=rights[Right.DOWNLOAD],
        logs=rights[Right.LOGS],
        algos=_programs(algos) if algos else None,
    )


def _accounts(option: str, values: Sequence[str]) -> tuple[Account, ...] | None:
    if EVERYONE in values:
        if len(values) > 1:
            raise InputError(f"{option} {EVERYONE} stands for everyone already", remedy="leave the accounts out")
        return None
    try:
        accounts = {read_account(one) for one in values if one != ME}
    except ValueError as error:
        raise InputError(f"{option}: {error}", remedy=f"name {_WHO}") from None
    if len(accounts) > MOST_ACCOUNTS:
        told = f"{option}: {len(accounts)} accounts, at most {MOST_ACCOUNTS}"
        raise InputError(told, remedy=f"name fewer, or {EVERYONE}")
    return tuple(sorted(accounts))


def _programs(values: Sequence[str]) -> tuple[Digest, ...]:
    found = set[Digest]()
    for one in values:
        try:
            found.add(Digest(one) if _DIGEST.fullmatch(one) else read_asset(one).digest)
        except ValueError:
            told = f"--algo: {one[:80]!r} is neither a digest of 64 hexadecimal digits nor an asset's key"
            raise InputError(told, remedy="'node-runtime asset list --owner ACCOUNT' shows both") from None
    if len(found) > MOST_PROGRAMS:
        raise InputError(
            f"--algo: {len(found)} programs, at most {MOST_PROGRAMS}", remedy="name fewer, or none for any"
        )
    return tuple(sorted(found))


def described(permissions: Permissions, *, own: Account) -> Iterator[tuple[str, str]]:
    """Yield each right and who has it, besides the owner ``own``, and the programs where they are limited."""
    for right in Right:
        yield str(right), _who(permissions.accounts(right), own)
    if permissions.algos is not None:
        yield "algos", ", ".join(permissions.algos) or "its owner's alone"


def summary(permissions: Permissions, *, own: Account) -> str:
    """Return who has which right, in short."""
    return "; ".join(f"{name} {who}" for name, who in described(permissions, own=own))


def _who(accounts: tuple[Account, ...] | None, own: Account) -> str:
    if accounts is None:
        return EVERYONE
    return ", ".join(one for one in accounts if one != own) or "its owner alone"
