"""Names of trees in an object storage, and the accounts' copies that a listing shows.

    trees/<digest>/<account>/<total>/<number>-<crc32>   a piece of a packed tree of ``total`` bytes

``crc32``, 8 hexadecimal digits, tells a piece of other bytes that was left by a `put` of a source that changed. Others
may put whatever they like below their own account's name: of that only what can be a copy is looked at, and of each
account the first two only, so that nobody keeps readers busy.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from node_runtime.domain.assets import Account, Digest

from .pieces import count_of, size_of
from .tree.manifest import check_digest

MOST_COPIES = 2  # of one account that are looked at
MOST_USELESS = 10_000  # names of an account that are no pieces, after which no more are looked at
_PIECE = re.compile(r"([1-9][0-9]{0,14})/(0|[1-9][0-9]{0,6})-([0-9a-f]{8})")
_ACCOUNT = re.compile(r"[1-9A-HJ-NP-Za-km-z]{1,60}")


def folder_of(digest: Digest, account: Account | None = None) -> str:
    """Return the prefix of a tree's names, or of one account's."""
    tree = f"trees/{check_digest(digest)}/"
    return tree if account is None else f"{tree}{account}/"


def is_account(name: str) -> bool:
    return _ACCOUNT.fullmatch(name) is not None


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece by its number and the crc32 of its bytes; ``size`` in bytes."""

    number: int
    crc: str
    size: int


@dataclass(kw_only=True)
class Copy:
    """An account's copy of a tree of ``total`` packed bytes, as far as it is there."""

    digest: Digest
    account: Account
    total: int
    pieces: set[Piece] = field(default_factory=set)

    @property
    def whole(self) -> bool:
        """Whether every piece is there once, each with its size."""
        numbers = {one.number for one in self.pieces}
        return len(numbers) == len(self.pieces) == count_of(self.total)

    def place(self, piece: Piece) -> str:
        return f"{folder_of(self.digest, self.account)}{self.total}/{piece.number}-{piece.crc}"

    def in_order(self) -> list[Piece]:
        return sorted(self.pieces, key=lambda one: one.number)


def copies_in(listed: Iterable[tuple[str, int]], digest: Digest, account: Account) -> list[Copy]:
    """Return the account's copies among the names and sizes below its folder, those sent in part too."""
    found: dict[int, Copy] = {}
    prefix, useless = folder_of(digest, account), 0
    for name, size in listed:
        parts = _PIECE.fullmatch(name.removeprefix(prefix))
        total, number = (int(parts[1]), int(parts[2])) if parts is not None else (0, 0)
        if parts is None or size != size_of(number, total) or (total not in found and len(found) == MOST_COPIES):
            useless += 1
            if useless > MOST_USELESS:
                break
            continue
        copy = found.setdefault(total, Copy(digest=digest, account=account, total=total))
        copy.pieces.add(Piece(number=number, crc=parts[3], size=size))
        if len(copy.pieces) > count_of(total) + MOST_USELESS:
            break
    return list(found.values())
