"""Which transactions wait, and which of them may go into the next block? Ready ones, by priority and dependency.

Everything here is by the runtime's tags: a transaction ``provides`` tags (account and nonce) and ``requires`` others.
Source: sc-transaction-pool's rules for replacement, limits and bans.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from .api import Validity
from .trie import blake2_256

READY_LIMIT = 8192
FUTURE_LIMIT = 512
BYTES_LIMIT = 20 * 1024 * 1024
_BAN_MS = 30 * 60 * 1000
_MOST_BANS = 16384


class StatusName(StrEnum):
    READY = "ready"
    FUTURE = "future"
    USURPED = "usurped"
    DROPPED = "dropped"
    INVALID = "invalid"
    IN_BLOCK = "inBlock"
    FINALIZED = "finalized"


@dataclass(frozen=True, kw_only=True)
class Status:
    """What became of a transaction. ``hash`` is the block it stands in, or the transaction that took its place."""

    name: StatusName
    hash: bytes | None = None


class PoolRefusal(Exception):
    """The pool does not take a transaction."""


class AlreadyImported(PoolRefusal):
    """It is in the pool already."""


class TemporarilyBanned(PoolRefusal):
    """It was in a block, or was found invalid, not long ago."""


class TooLowPriority(PoolRefusal):
    """It would replace another, but pays no more than that."""

    def __init__(self, old: int, new: int) -> None:
        super().__init__(f"{old} > {new}")
        self.old = old
        self.new = new


class NoRoom(PoolRefusal):
    """The pool is full of transactions that are worth more."""


@dataclass(kw_only=True)
class Entry:
    """A waiting transaction. ``missing`` are the tags no block and no ready transaction has provided yet."""

    hash: bytes
    extrinsic: bytes
    validity: Validity
    arrival: int
    last_block: int
    missing: set[bytes] = field(default_factory=set)

    @property
    def ready(self) -> bool:
        return not self.missing

    @property
    def rank(self) -> tuple[int, int]:
        """Smaller comes first."""
        return -self.validity.priority, self.arrival


class Pool:
    """``notify`` is told of every change by transaction hash. ``clock`` gives milliseconds that never go back."""

    def __init__(self, notify: Callable[[bytes, Status], None], clock: Callable[[], int]) -> None:
        self._notify = notify
        self._clock = clock
        self._entries: dict[bytes, Entry] = {}
        self._provider: dict[bytes, Entry] = {}  # tag -> the one entry that provides it
        self._bans: dict[bytes, int] = {}
        self._arrivals = 0
        self._bytes = 0

    def check_unknown(self, transaction: bytes) -> None:
        """Raise `AlreadyImported` or `TemporarilyBanned`; asked before the runtime is troubled."""
        if transaction in self._entries:
            raise AlreadyImported
        until = self._bans.get(transaction)
        if until is not None and until > self._clock():
            raise TemporarilyBanned

    def add(self, extrinsic: bytes, validity: Validity, block_number: int) -> bytes:
        """Take a transaction that the runtime found valid after block ``block_number``; returns its hash.

        Raises `PoolRefusal`.
        """
        transaction = blake2_256(extrinsic)
        self.check_unknown(transaction)
        replaced = self._replaced_by(validity)
        last_block = block_number + validity.longevity
        entry = Entry(
            hash=transaction, extrinsic=extrinsic, validity=validity, arrival=self._arrivals, last_block=last_block
        )
        entry.missing = {tag for tag in validity.requires if not self.provides(tag)}
        self._make_room(entry, replaced)
        for old in replaced:
            if old.hash in self._entries:  # else it went with what it stood on
                self._forget(old)
                self._notify(old.hash, Status(name=StatusName.USURPED, hash=transaction))
        self._arrivals += 1
        self._bytes += len(extrinsic)
        self._entries[transaction] = entry
        self._provider.update(dict.fromkeys(validity.provides, entry))
        self._notify(transaction, Status(name=StatusName.READY if entry.ready else StatusName.FUTURE))
        self._settle()
        return transaction

    def ready(self) -> Iterator[Entry]:
        """The ready transactions: higher priority first, older first among equals, none before one it requires."""
        awaited: dict[bytes, list[Entry]] = {}
        open_tags: dict[bytes, int] = {}
        free: list[tuple[tuple[int, int], bytes]] = []
        for entry in self._entries.values():
            if not entry.ready:
                continue
            waits = [tag for tag in entry.validity.requires if tag in self._provider]
            open_tags[entry.hash] = len(waits)
            for tag in waits:
                awaited.setdefault(tag, []).append(entry)
            if not waits:
                heapq.heappush(free, (entry.rank, entry.hash))
        while free:
            entry = self._entries[heapq.heappop(free)[1]]
            yield entry
            for tag in entry.validity.provides:
                for unlocked in awaited.get(tag, ()):
                    open_tags[unlocked.hash] -= 1
                    if not open_tags[unlocked.hash]:
                        heapq.heappush(free, (unlocked.rank, unlocked.hash))

    def has_ready(self) -> bool:
        return next(self.ready(), None) is not None

    def provides(self, tag: bytes) -> bool:
        """Whether a ready transaction provides the tag."""
        entry = self._provider.get(tag)
        return entry is not None and entry.ready

    def settle_block(self, included: Iterable[bytes], refused: Iterable[bytes], number: int, block: bytes) -> None:
        """Block ``number`` holds the extrinsics ``included``; ``refused`` can stand in no block any more."""
        for extrinsic in included:
            transaction = blake2_256(extrinsic)
            self._ban(transaction)
            entry = self._entries.get(transaction)
            if entry is not None:
                self._forget(entry)
                self._unlock(entry)
            self._notify(transaction, Status(name=StatusName.IN_BLOCK, hash=block))
            self._notify(transaction, Status(name=StatusName.FINALIZED, hash=block))
        expired = [entry.hash for entry in self._entries.values() if entry.last_block <= number]
        for transaction in [*map(blake2_256, refused), *expired]:
            self._drop_with_dependants(transaction, StatusName.INVALID)
        self._settle()

    def _replaced_by(self, validity: Validity) -> list[Entry]:
        found = {entry.hash: entry for tag in validity.provides if (entry := self._provider.get(tag))}
        old = sum(entry.validity.priority for entry in found.values())
        if found and old >= validity.priority:
            raise TooLowPriority(old, validity.priority)
        return list(found.values())

    def _make_room(self, entry: Entry, replaced: list[Entry]) -> None:
        """Drop what is worth less than a newcomer; raises `NoRoom`, with nothing dropped, when that is not enough.

        What it replaces goes anyway, and what it stands on has to stay.
        """
        size = self._bytes + len(entry.extrinsic) - sum(len(old.extrinsic) for old in replaced)
        if len(self._entries) < FUTURE_LIMIT and size <= BYTES_LIMIT:
            return  # without a look at each of them
        alike = [other for other in self._entries.values() if other.ready == entry.ready and other not in replaced]
        excess = len(alike) + 1 - (READY_LIMIT if entry.ready else FUTURE_LIMIT)
        needed = self._needed_by(entry)
        rivals = sorted((other for other in alike if other.hash not in needed), key=lambda other: other.rank)
        dropped: list[Entry] = []
        while excess > len(dropped) or size > BYTES_LIMIT:
            if not rivals or rivals[-1].validity.priority >= entry.validity.priority:
                raise NoRoom
            dropped.append(rivals.pop())
            size -= len(dropped[-1].extrinsic)
        for other in dropped:
            self._drop_with_dependants(other.hash, StatusName.DROPPED)

    def _needed_by(self, entry: Entry) -> set[bytes]:
        """What has to stand in a block before it."""
        needed: set[bytes] = set()
        tags = list(entry.validity.requires)
        while tags:
            provider = self._provider.get(tags.pop())
            if provider is not None and provider.hash not in needed:
                needed.add(provider.hash)
                tags += provider.validity.requires
        return needed

    def _settle(self) -> None:
        """Promote what has become ready, until nothing changes."""
        changed = True
        while changed:
            changed = False
            for entry in self._entries.values():
                gained = {tag for tag in entry.missing if self.provides(tag)}
                if gained:
                    entry.missing -= gained
                    changed = True
                    if entry.ready:
                        self._notify(entry.hash, Status(name=StatusName.READY))

    def _unlock(self, provider: Entry) -> None:
        for entry in self._entries.values():
            was_ready = entry.ready
            entry.missing.difference_update(provider.validity.provides)
            if entry.ready and not was_ready:
                self._notify(entry.hash, Status(name=StatusName.READY))

    def _drop_with_dependants(self, transaction: bytes, reason: StatusName) -> None:
        doomed = [transaction]
        while doomed:
            entry = self._entries.get(doomed.pop())
            if entry is None:
                continue
            self._forget(entry)
            if reason is StatusName.INVALID:
                self._ban(entry.hash)
            self._notify(entry.hash, Status(name=reason))
            lost = set(entry.validity.provides)
            doomed += [other.hash for other in self._entries.values() if lost.intersection(other.validity.requires)]

    def _forget(self, entry: Entry) -> None:
        del self._entries[entry.hash]
        self._bytes -= len(entry.extrinsic)
        for tag in entry.validity.provides:
            if self._provider.get(tag) is entry:
                del self._provider[tag]

    def _ban(self, transaction: bytes) -> None:
        now = self._clock()
        self._bans[transaction] = now + _BAN_MS
        while len(self._bans) > _MOST_BANS or next(iter(self._bans.values())) <= now:
            del self._bans[next(iter(self._bans))]
