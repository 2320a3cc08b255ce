"""Transaction pool: ready and future transactions, ordered by priority and dependency.

Dependencies are the runtime's tags: a transaction ``provides`` tags (account and nonce) and ``requires`` others.
Source: sc-transaction-pool's rules for replacement, limits and bans. No operation scans all entries, so the cost of a
change is independent of the pool's size.
"""

import heapq
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from node_runtime.devnet.state.trie import blake2_256

from .runtime_api import Validity

READY_LIMIT = 8192
FUTURE_LIMIT = 512
BYTES_LIMIT = 20 * 1024 * 1024
_BAN_MS = 30 * 60 * 1000
_MOST_BANS = 16384


Rank = tuple[int, int, bytes]


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
    """A transaction's status. ``hash`` is its block, or the transaction that replaced it."""

    name: StatusName
    hash: bytes | None = None


class PoolRefusal(Exception):
    """The pool refuses a transaction."""


class AlreadyImported(PoolRefusal):
    """The transaction is already in the pool."""


class TemporarilyBanned(PoolRefusal):
    """The transaction was recently included in a block or found invalid."""


class TooLowPriority(PoolRefusal):
    """The transaction would replace another without a higher priority."""

    def __init__(self, old: int, new: int) -> None:
        super().__init__(f"{old} > {new}")
        self.old = old
        self.new = new


class NoRoom(PoolRefusal):
    """The pool is full of transactions with higher priority."""


@dataclass(kw_only=True)
class PoolEntry:
    """A pooled transaction. ``missing`` are the required tags that neither a block nor a ready transaction provides."""

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
    def rank(self) -> "Rank":
        """The sort key: smaller comes first. Arrival numbers are unique."""
        return -self.validity.priority, self.arrival, self.hash


class Pool:
    """The pool. ``notify`` receives each status change by transaction hash; ``clock`` is monotonic, in milliseconds."""

    def __init__(self, notify: Callable[[bytes, Status], None], clock: Callable[[], int]) -> None:
        self._notify = notify
        self._clock = clock
        self._entries: dict[bytes, PoolEntry] = {}
        self._provider: dict[bytes, PoolEntry] = {}  # tag -> the one entry that provides it
        self._dependants: dict[bytes, dict[bytes, PoolEntry]] = {}  # tag -> the entries that require it, by hash
        self._ranked: dict[bool, list[Rank]] = {True: [], False: []}  # by readiness
        self._first: list[Rank] = []  # ready entries without a dependency in the pool
        self._ends: list[tuple[int, bytes]] = []  # a heap of last valid blocks, including removed entries
        self._bans: OrderedDict[bytes, int] = OrderedDict()
        self._arrivals = 0
        self._bytes = 0

    def check_unknown(self, transaction: bytes) -> None:
        """Raise `AlreadyImported` or `TemporarilyBanned`; a cheap check before the runtime's validation."""
        if transaction in self._entries:
            raise AlreadyImported
        until = self._bans.get(transaction)
        if until is not None and until > self._clock():
            raise TemporarilyBanned

    def add(self, extrinsic: bytes, validity: Validity, block_number: int) -> bytes:
        """Add a transaction that the runtime found valid after block ``block_number``; return its hash.

        Raises `PoolRefusal`.
        """
        transaction = blake2_256(extrinsic)
        self.check_unknown(transaction)
        replaced = self._replaced_by(validity)
        last_block = block_number + validity.longevity
        entry = PoolEntry(
            hash=transaction, extrinsic=extrinsic, validity=validity, arrival=self._arrivals, last_block=last_block
        )
        entry.missing = {tag for tag in validity.requires if not self.provides(tag)}
        self._make_room(entry, replaced)
        for old in replaced:
            if old.hash in self._entries:  # else already removed with its dependency
                self._forget(old)
                self._notify(old.hash, Status(name=StatusName.USURPED, hash=transaction))
        self._enter(entry)
        self._notify(transaction, Status(name=StatusName.READY if entry.ready else StatusName.FUTURE))
        self._look_at_dependants(validity.provides, provided=entry.ready)
        return transaction

    def ready(self) -> Iterator[PoolEntry]:
        """Yield the ready transactions: by priority, then age, none before one it requires.

        The pool must not change during the iteration.
        """
        unlocked: list[Rank] = []
        open_tags: dict[bytes, int] = {}
        position = 0
        while unlocked or position < len(self._first):
            if not unlocked or (position < len(self._first) and self._first[position] < unlocked[0]):
                rank = self._first[position]
                position += 1
            else:
                rank = heapq.heappop(unlocked)
            entry = self._entries[rank[-1]]
            yield entry
            for waiting in self._waiting_for(entry.validity.provides):
                if waiting.ready:
                    left = open_tags.get(waiting.hash, self._requires_here(waiting)) - 1
                    open_tags[waiting.hash] = left
                    if not left:
                        heapq.heappush(unlocked, waiting.rank)

    def has_ready(self) -> bool:
        return bool(self._first)

    def provides(self, tag: bytes) -> bool:
        """Return whether a ready transaction provides the tag."""
        entry = self._provider.get(tag)
        return entry is not None and entry.ready

    def settle_block(self, included: Iterable[bytes], refused: Iterable[bytes], number: int, block: bytes) -> None:
        """Apply block ``number``: remove the extrinsics ``included`` and the now invalid ``refused``."""
        for extrinsic in included:
            transaction = blake2_256(extrinsic)
            self._ban(transaction)
            entry = self._entries.get(transaction)
            if entry is not None:
                self._forget(entry)
                self._look_at_dependants(entry.validity.provides, provided=True)
            self._notify(transaction, Status(name=StatusName.IN_BLOCK, hash=block))
            self._notify(transaction, Status(name=StatusName.FINALIZED, hash=block))
        for transaction in map(blake2_256, refused):
            self._drop_with_dependants(transaction, StatusName.INVALID)
        while self._ends and self._ends[0][0] <= number:
            entry = self._entries.get(heapq.heappop(self._ends)[1])
            if entry is not None and entry.last_block <= number:  # else it was added again
                self._drop_with_dependants(entry.hash, StatusName.INVALID)

    def _replaced_by(self, validity: Validity) -> list[PoolEntry]:
        found = {entry.hash: entry for tag in validity.provides if (entry := self._provider.get(tag))}
        old = sum(entry.validity.priority for entry in found.values())
        if found and old >= validity.priority:
            raise TooLowPriority(old, validity.priority)
        return list(found.values())

    def _make_room(self, entry: PoolEntry, replaced: list[PoolEntry]) -> None:
        """Evict entries of lower priority than a new one. Raises `NoRoom`, evicting nothing, when that is not enough.

        Entries that it replaces are removed anyway; entries that it requires are kept.
        """
        alike = self._ranked[entry.ready]
        size = self._bytes + len(entry.extrinsic) - sum(len(old.extrinsic) for old in replaced)
        excess = len(alike) + 1 - (READY_LIMIT if entry.ready else FUTURE_LIMIT)
        excess -= sum(old.ready == entry.ready for old in replaced)
        rivals = reversed(alike)
        kept: set[bytes] | None = None
        dropped: list[PoolEntry] = []
        while excess > len(dropped) or size > BYTES_LIMIT:
            other = next((self._entries[rank[-1]] for rank in rivals), None)
            if other is None or other.validity.priority >= entry.validity.priority:
                raise NoRoom
            if kept is None:
                kept = self._needed_by(entry) | {old.hash for old in replaced}
            if other.hash not in kept:
                dropped.append(other)
                size -= len(other.extrinsic)
        for other in dropped:
            self._drop_with_dependants(other.hash, StatusName.DROPPED)

    def _needed_by(self, entry: PoolEntry) -> set[bytes]:
        """Return the hashes of the entries that it transitively requires."""
        needed: set[bytes] = set()
        tags = list(entry.validity.requires)
        while tags:
            provider = self._provider.get(tags.pop())
            if provider is not None and provider.hash not in needed:
                needed.add(provider.hash)
                tags += provider.validity.requires
        return needed

    def _look_at_dependants(self, tags: Iterable[bytes], *, provided: bool) -> None:
        """Update the entries that require the tags; ``provided``: a block or ready transaction now provides them."""
        changed = list(tags)
        while changed:
            tag = changed.pop()
            for entry in tuple(self._dependants.get(tag, {}).values()):
                if provided and tag in entry.missing:
                    entry.missing.discard(tag)
                    if entry.ready:
                        self._promote(entry)
                        changed += entry.validity.provides
                elif entry.ready:
                    self._place_first(entry)

    def _promote(self, entry: PoolEntry) -> None:
        _remove(self._ranked[False], entry.rank)
        insort(self._ranked[True], entry.rank)
        self._place_first(entry)
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
            doomed += [waiting.hash for waiting in self._waiting_for(entry.validity.provides)]

    def _enter(self, entry: PoolEntry) -> None:
        self._arrivals += 1
        self._bytes += len(entry.extrinsic)
        self._entries[entry.hash] = entry
        self._provider.update(dict.fromkeys(entry.validity.provides, entry))
        for tag in entry.validity.requires:
            self._dependants.setdefault(tag, {})[entry.hash] = entry
        heapq.heappush(self._ends, (entry.last_block, entry.hash))
        insort(self._ranked[entry.ready], entry.rank)
        if entry.ready:
            self._place_first(entry)

    def _forget(self, entry: PoolEntry) -> None:
        del self._entries[entry.hash]
        self._bytes -= len(entry.extrinsic)
        _remove(self._ranked[entry.ready], entry.rank)
        _remove(self._first, entry.rank)
        for tag in entry.validity.requires:
            waiting = self._dependants.get(tag, {})
            waiting.pop(entry.hash, None)
            if not waiting:
                self._dependants.pop(tag, None)
        for tag in entry.validity.provides:
            if self._provider.get(tag) is entry:
                del self._provider[tag]
        self._look_at_dependants(entry.validity.provides, provided=False)

    def _place_first(self, entry: PoolEntry) -> None:
        """Add a ready entry to the first ones unless an entry of the pool provides a tag that it requires."""
        _remove(self._first, entry.rank)
        if not self._requires_here(entry):
            insort(self._first, entry.rank)

    def _requires_here(self, entry: PoolEntry) -> int:
        """Return how many of its required tags entries of the pool provide, rather than blocks."""
        return sum(tag in self._provider for tag in entry.validity.requires)

    def _waiting_for(self, tags: Iterable[bytes]) -> Iterator[PoolEntry]:
        for tag in tags:
            yield from self._dependants.get(tag, {}).values()

    def _ban(self, transaction: bytes) -> None:
        now = self._clock()
        self._bans[transaction] = now + _BAN_MS
        while len(self._bans) > _MOST_BANS or next(iter(self._bans.values())) <= now:
            self._bans.popitem(last=False)


def _remove(ranks: list[Rank], rank: Rank) -> None:
    """Remove a rank from a sorted list; an absent one is ignored."""
    position = bisect_left(ranks, rank)
    if position < len(ranks) and ranks[position] == rank:
        del ranks[position]
