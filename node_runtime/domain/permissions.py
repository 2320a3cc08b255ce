"""Permissions on assets and models: separate rights of accounts, and the programs that may run with a sample."""

from dataclasses import dataclass
from enum import StrEnum

from .assets import Account, Digest


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

    def allows(self, right: Right, account: Account) -> bool:
        accounts = {Right.PROCESS: self.process, Right.DOWNLOAD: self.download, Right.LOGS: self.logs}[right]
        return accounts is None or account in accounts

    def allows_program(self, program: Digest) -> bool:
        return self.algos is None or program in self.algos


PUBLIC = Permissions()
OWNER_ONLY = Permissions(process=(), download=(), logs=())


@dataclass(frozen=True, kw_only=True)
class Admits:
    """Whose assets, and which of their programs, may go into a model that is certified for an objective.

    The assets of the objective's owner always may. Openers count as assets, not as programs.
    """

    owners: tuple[Account, ...]
    algos: tuple[Digest, ...]
