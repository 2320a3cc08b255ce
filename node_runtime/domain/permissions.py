"""Permissions on assets and models: separate rights of accounts, and the programs that may run with a sample."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from .assets import Account, Asset, AssetRef, Digest

EVERYONE = "public"  # as permissions are written in YAML, on the command line and in listings
ANY = "any"  # programs
MOST_ACCOUNTS = 31  # that a right names besides the owner
MOST_PROGRAMS = 32  # that a sample names


class Right(StrEnum):
    PROCESS = "process"
    DOWNLOAD = "download"
    LOGS = "logs"


@dataclass(frozen=True, kw_only=True)
class Permissions:
    """Who has which right on an asset or a model; None stands for everyone. The owner always has all.

    ``process`` is checked of a task's creator and of its worker. ``algos`` are, of a data sample, the programs of
    others that may run with it: algos, bundles, functions, metrics and openers; None stands for all.
    """

    process: tuple[Account, ...] | None = None
    download: tuple[Account, ...] | None = None
    logs: tuple[Account, ...] | None = None
    algos: tuple[Digest, ...] | None = None

    def of(self, owner: Account) -> "Permissions":
        """Return them with the owner among the accounts, as the chain keeps them."""

        def with_owner(accounts: tuple[Account, ...] | None) -> tuple[Account, ...] | None:
            return accounts if accounts is None or owner in accounts else (*accounts, owner)

        process, download, logs = map(with_owner, (self.process, self.download, self.logs))
        return Permissions(process=process, download=download, logs=logs, algos=self.algos)

    def accounts(self, right: Right) -> tuple[Account, ...] | None:
        return {Right.PROCESS: self.process, Right.DOWNLOAD: self.download, Right.LOGS: self.logs}[right]

    def narrowed(self, by: "Permissions") -> "Permissions":
        """Return the rights that both give; those of programs stay."""
        return Permissions(
            process=_shared(self.process, by.process),
            download=_shared(self.download, by.download),
            logs=_shared(self.logs, by.logs),
            algos=self.algos,
        )

    def or_else(self, other: "Permissions") -> "Permissions":
        """Return these, with the other's accounts for each right that everyone has."""
        return Permissions(
            process=other.process if self.process is None else self.process,
            download=other.download if self.download is None else self.download,
            logs=other.logs if self.logs is None else self.logs,
            algos=self.algos,
        )

    def allows(self, right: Right, account: Account) -> bool:
        accounts = self.accounts(right)
        return accounts is None or account in accounts

    def is_public(self, right: Right) -> bool:
        return self.accounts(right) is None

    def same_as(self, other: "Permissions") -> bool:
        """Return whether they permit the same, in whatever order they name accounts and programs."""
        own = (self.process, self.download, self.logs, self.algos)
        others = (other.process, other.download, other.logs, other.algos)
        return all(a == b if None in (a, b) else {*a} == {*b} for a, b in zip(own, others, strict=True))  # type: ignore[misc]

    def allows_program(self, program: Digest) -> bool:
        return self.algos is None or program in self.algos


def describe(permissions: Permissions) -> Iterator[tuple[str, str]]:
    """Yield each right and who has it; the programs that may run with it where they are limited."""
    for right in Right:
        accounts = permissions.accounts(right)
        yield right, EVERYONE if accounts is None else ", ".join(accounts)
    if permissions.algos is not None:
        yield "algos", ", ".join(permissions.algos) or "none but the owner's"


def differences(here: Permissions, known: Permissions) -> Iterator[str]:
    """Yield the rights in which the permissions differ."""
    wanted, found = dict(describe(here)), dict(describe(known))
    for name in (*Right, "algos"):
        one, other = wanted.get(name, ANY), found.get(name, ANY)
        if {*one.split(", ")} != {*other.split(", ")}:
            yield f"'{name}' is {one} here, {other} there"


def _shared(accounts: tuple[Account, ...] | None, others: tuple[Account, ...] | None) -> tuple[Account, ...] | None:
    if accounts is None or others is None:
        return others if accounts is None else accounts
    return tuple(account for account in accounts if account in others)


PUBLIC = Permissions()
OWNER_ONLY = Permissions(process=(), download=(), logs=())


def by_permissions(
    assets: Iterable[Asset], permissions: Mapping[AssetRef, Permissions]
) -> Iterator[tuple[Permissions, list[Asset]]]:
    """Group assets by their permissions; those without any are public."""
    grouped: dict[Permissions, list[Asset]] = {}
    for asset in assets:
        grouped.setdefault(permissions.get(asset.ref, PUBLIC), []).append(asset)
    yield from grouped.items()


@dataclass(frozen=True, kw_only=True)
class Admits:
    """Whose assets, and which of their programs, may go into a model that is certified for an objective.

    The assets of the objective's owner always may. Openers count as assets, not as programs.
    """

    owners: tuple[Account, ...]
    algos: tuple[Digest, ...]
