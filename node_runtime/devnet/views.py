"""What was the state after a given block? The newest one is a table; an earlier one is that table seen through what
later blocks replaced in it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from node_runtime.errors import HostError

_MOST_KNOWN = 50_000  # values; a task has about ten, of some hundred bytes
_LARGEST_BATCH = 256  # keys read at a time
_LONGEST_KNOWN = 256  # bytes of a key
_NEXT = "SELECT key FROM state WHERE key > ? ORDER BY key LIMIT ?"
_NEXT_REPLACED = "SELECT key FROM replaced WHERE key > ? ORDER BY key LIMIT 1"
_VALUE = "SELECT value FROM state WHERE key = ?"
_REPLACED_VALUE = "SELECT value FROM replaced WHERE key = ? AND number > ? ORDER BY number LIMIT 1"


class HeadState:
    """The state after the newest block. Not for use after the next block is stored.

    ``known`` are values of that state which were read or written before: most of what a block reads.
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
        if len(key) <= _LONGEST_KNOWN:  # nobody but a client who means no good asks for longer ones
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = value
        return value

    def next_key(self, key: bytes) -> bytes | None:
        return next(iter(self.next_keys(key, 1)), None)

    def next_keys(self, key: bytes, most: int) -> list[bytes]:
        """The smallest keys greater than ``key``, in order."""
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

    def next_keys(self, key: bytes, most: int) -> list[bytes]:  # noqa: ARG002  it may find fewer
        """The smallest key greater than ``key``, if there is one."""
        found = self.next_key(key)
        return [] if found is None else [found]


StoredState = HeadState | PastState
"""The state after some block, the newest or one of the last."""


def keys_under(view: StoredState, prefix: bytes, after: bytes | None = None) -> Iterator[bytes]:
    """The keys that start with ``prefix``, in order; only those greater than ``after``, when given."""
    key = prefix
    if after is not None and after >= prefix:
        key = after
    elif view.get(prefix) is not None:
        yield prefix
    batch = 1  # who wants the first one only pays for one
    while found := view.next_keys(key, batch):
        for key in found:
            if not key.startswith(prefix):
                return
            yield key
        batch = min(2 * batch, _LARGEST_BATCH)


@contextmanager
def reported_failures() -> Iterator[None]:
    """Translate what SQLite says about disk and file into words for the person who runs the chain."""
    try:
        yield
    except sqlite3.DatabaseError as failure:
        raise HostError(
            f"the devnet's database failed: {failure}",
            remedy="free disk space or check the disk, then start the devnet again; a damaged file needs --fresh",
        ) from failure
