"""Runtime storage: the committed state at a block, read-only, and an overlay of changes in nested transactions.

The newest state is a table, earlier ones are read through the changes since.
"""

import sqlite3
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from node_runtime.devnet.scale import Reader, compact
from node_runtime.errors import HostError

from . import trie

_MOST_KNOWN = 50_000  # cached values; a task has about ten, of some hundred bytes
_LARGEST_BATCH = 256  # keys per query
_LONGEST_KNOWN = 256  # bytes of a cached key
_NEXT = "SELECT key FROM state WHERE key > ? ORDER BY key LIMIT ?"
_NEXT_REPLACED = "SELECT key FROM replaced WHERE key > ? ORDER BY key LIMIT 1"
_VALUE = "SELECT value FROM state WHERE key = ?"
_REPLACED_VALUE = "SELECT value FROM replaced WHERE key = ? AND number > ? ORDER BY number LIMIT 1"


class View(Protocol):
    """A committed state at one block: read-only, with its keys in byte order."""

    def get(self, key: bytes) -> bytes | None: ...

    def next_key(self, key: bytes) -> bytes | None:
        """Return the smallest key greater than ``key``."""
        ...


class EmptyView:
    """The state before genesis."""

    def get(self, key: bytes) -> bytes | None:  # noqa: ARG002  the protocol's signature
        return None

    def next_key(self, key: bytes) -> bytes | None:  # noqa: ARG002  the protocol's signature
        return None


class HeadState:
    """The state after the newest block. Invalid once the next block is stored.

    ``known`` is a cache of values read or written before, which serves most of a block's reads.
    """

    def __init__(self, database: sqlite3.Connection, known: dict[bytes, bytes | None]) -> None:
        self._database = database
        self._known = known

    def get(self, key: bytes) -> bytes | None:
        if key in self._known:
            return self._known[key]
        with reported_failures():
            row = self._database.execute(_VALUE, (key,)).fetchone()
        value = None if row is None else row[0]
        if len(key) <= _LONGEST_KNOWN:  # only hostile requests use longer keys
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = value
        return value

    def next_key(self, key: bytes) -> bytes | None:
        return next(iter(self.next_keys(key, 1)), None)

    def next_keys(self, key: bytes, most: int) -> list[bytes]:
        """Return the smallest keys greater than ``key``, in order."""
        with reported_failures():
            return [found for (found,) in self._database.execute(_NEXT, (key, most))]


class PastState:
    """The state after block ``number``, which is no longer the newest."""

    def __init__(self, database: sqlite3.Connection, number: int, newest: HeadState) -> None:
        self._database = database
        self._number = number
        self._newest = newest

    def get(self, key: bytes) -> bytes | None:
        with reported_failures():
            row = self._database.execute(_REPLACED_VALUE, (key, self._number)).fetchone()
        return self._newest.get(key) if row is None else row[0]

    def next_key(self, key: bytes) -> bytes | None:
        while True:
            with reported_failures():
                replaced = self._database.execute(_NEXT_REPLACED, (key,)).fetchone()
            candidates = [found for found in (self._newest.next_key(key), replaced and replaced[0]) if found]
            if not candidates:
                return None
            key = min(candidates)
            if self.get(key) is not None:
                return key

    def next_keys(self, key: bytes, most: int) -> list[bytes]:  # noqa: ARG002  fewer than `most` are allowed
        """Return the smallest key greater than ``key``, if there is one."""
        found = self.next_key(key)
        return [] if found is None else [found]


StoredState = HeadState | PastState
"""The state after the newest block or a recent one."""


def keys_under(view: StoredState, prefix: bytes, after: bytes | None = None) -> Iterator[bytes]:
    """Yield the keys that start with ``prefix``, in order; only those greater than ``after``, when given."""
    key = prefix
    if after is not None and after >= prefix:
        key = after
    elif view.get(prefix) is not None:
        yield prefix
    batch = 1  # grows, so that a caller of the first key alone reads one
    while found := view.next_keys(key, batch):
        for key in found:
            if not key.startswith(prefix):
                return
            yield key
        batch = min(2 * batch, _LARGEST_BATCH)


@contextmanager
def reported_failures() -> Iterator[None]:
    """Translate SQLite's errors into `HostError` with a remedy for the operator."""
    try:
        yield
    except sqlite3.DatabaseError as failure:
        raise HostError(
            f"the devnet's database failed: {failure}",
            remedy="free disk space or check the disk, then start the devnet again; a damaged file needs --fresh",
        ) from failure


class Overlay:
    """Storage during one or several runtime calls. The view below is never modified.

    ``base_trie`` returns the view's trie; it is called only when a root is needed.
    """

    def __init__(self, view: View, base_trie: Callable[[], trie.TrieNode | None]) -> None:
        self._view = view
        self._base_trie = base_trie
        self._layers: list[dict[bytes, bytes | None]] = [{}]
        self._touched: list[bytes] = []  # every key of every layer, in order; rolled-back keys may linger
        self._known: set[bytes] = set()
        self._trie: trie.TrieNode | None = None
        self._trie_is_current = False

    @property
    def depth(self) -> int:
        """The number of open transactions."""
        return len(self._layers) - 1

    def get(self, key: bytes) -> bytes | None:
        for layer in reversed(self._layers):
            if key in layer:
                return layer[key]
        return self._view.get(key)

    def changed_last(self, key: bytes) -> bool:
        """Return whether the innermost open transaction set the key."""
        return key in self._layers[-1]

    def set(self, key: bytes, value: bytes | None) -> None:
        self._layers[-1][key] = value
        self._trie_is_current = False
        if key not in self._known:
            self._known.add(key)
            insort(self._touched, key)

    def append(self, key: bytes, item: bytes) -> None:
        """Append an encoded item to the list at ``key``; a value of another form is replaced, as in Substrate."""
        old = self.get(key)
        if not old:
            self.set(key, compact(1) + item)
            return
        reader = Reader(old)
        count = reader.compact()
        self.set(key, b"".join((compact(count + 1), old[reader.offset :], item)))

    def next_key(self, key: bytes) -> bytes | None:
        while True:
            below = self._view.next_key(key)
            position = bisect_right(self._touched, key)
            above = self._touched[position] if position < len(self._touched) else None
            if above is None or (below is not None and below < above):
                # this overlay has no change at ``below``, else it would be a touched key
                return below
            if self.get(above) is not None:
                return above
            key = above

    def clear_prefix(self, prefix: bytes, limit: int | None) -> tuple[bool, int]:
        """Remove the keys under ``prefix``: all that this overlay set, and ``limit`` of the committed ones.

        Return whether committed keys remain, and how many were visited.
        """
        position = bisect_left(self._touched, prefix)
        while position < len(self._touched) and self._touched[position].startswith(prefix):
            if any(self._touched[position] in layer for layer in self._layers):
                self.set(self._touched[position], None)
            position += 1
        visited = 0
        key: bytes | None = prefix if self._view.get(prefix) is not None else self._view.next_key(prefix)
        while key is not None and key.startswith(prefix):
            if limit is not None and visited == limit:
                return True, visited
            self.set(key, None)
            visited += 1
            key = self._view.next_key(key)
        return False, visited

    def begin(self) -> None:
        self._layers.append({})

    def commit(self) -> None:
        self._pop_transaction(keep=True)

    def rollback(self) -> None:
        self._pop_transaction(keep=False)

    def rollback_to(self, depth: int) -> None:
        """Roll back the transactions that a panicked call left open."""
        while self.depth > depth:
            self.rollback()

    def _pop_transaction(self, *, keep: bool) -> None:
        if not self.depth:
            raise ValueError("no storage transaction is open")
        top = self._layers.pop()
        if keep:
            self._layers[-1].update(top)
        self._trie_is_current = False

    def changes(self) -> dict[bytes, bytes | None]:
        """Return the changes of all layers. A change may equal the value below."""
        merged: dict[bytes, bytes | None] = {}
        for layer in self._layers:
            merged.update(layer)
        return merged

    def trie(self) -> trie.TrieNode | None:
        """Return the trie of the view with the changes."""
        if not self._trie_is_current:
            self._trie = trie.updated(self._base_trie(), self.changes())
            self._trie_is_current = True
        return self._trie
