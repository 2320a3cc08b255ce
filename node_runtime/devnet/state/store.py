"""Blocks and state in one SQLite file; a block and its changes are written in one transaction.

The state of the newest block is a table; the values that recent blocks replaced are in another, so that recent states
are readable. Durability: write-ahead log with ``synchronous=FULL``, one fsync per block (half a millisecond on an SSD),
so that an announced block survives a power failure and not only a killed process.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node_runtime.devnet.scale import Reader, compact, prefixed
from node_runtime.errors import InputError

from .state import HeadState, PastState, StoredState, reported_failures

STATE_HISTORY = 2048
"""Number of past blocks with readable state. More than a Substrate node's 256, which cover 25 minutes there: a busy
devnet seals as many in a few seconds, and a slow client may still need the events of its transaction."""

FORMAT = 1

_SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE blocks (
    number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, header BLOB NOT NULL, body BLOB NOT NULL, code BLOB NOT NULL
);
CREATE TABLE state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE replaced (key BLOB, number INTEGER, value BLOB, PRIMARY KEY (key, number)) WITHOUT ROWID;
CREATE INDEX replaced_by_number ON replaced (number);
"""


class StateDiscarded(Exception):
    """The block is known, but its state is discarded."""


@dataclass(frozen=True, kw_only=True)
class StoredBlock:
    """A stored block. ``code`` is the sha256 of the runtime that decodes the state after it."""

    number: int
    hash: bytes
    header: bytes
    extrinsics: tuple[bytes, ...]
    code: bytes


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The origin of a chain: the runtime's preset of its genesis.

    ``wasm`` is the sha256, hexadecimal, of the packaged runtime that the chain last followed.
    """

    wasm: str
    preset: str


class Store:
    """The database: one connection, one thread. ``history`` is the number of past blocks with readable state."""

    def __init__(self, path: Path, *, history: int = STATE_HISTORY) -> None:
        self._path = path
        self._history = history
        with reported_failures():
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute("PRAGMA journal_size_limit=16777216")
            self._database.execute("PRAGMA mmap_size=268435456")
            if not self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                with self._transaction():
                    for statement in _SCHEMA.split(";"):
                        self._database.execute(statement)
        self._known: dict[bytes, bytes | None] = {}
        self.head_number = self._number("SELECT max(number) FROM blocks", default=-1)
        way_back = self._number("SELECT min(number) FROM replaced", default=self.head_number + 1)
        self.oldest = max(0, way_back - 1)  # the oldest block with readable state

    def close(self) -> None:
        self._database.close()

    def origin(self) -> Origin | None:
        """Return the stored chain's origin, None before genesis."""
        with reported_failures():
            rows = dict(self._database.execute("SELECT name, value FROM about").fetchall())
        if not rows:
            return None
        if rows.get("format") != str(FORMAT):
            raise InputError(
                f"{self._path}: written in format {rows.get('format')}, this version reads {FORMAT}",
                remedy="start with another folder, or with --fresh to lose the stored chain",
            )
        return Origin(wasm=rows["wasm"], preset=rows["preset"])

    def follow(self, wasm: str) -> None:
        """Record the packaged runtime that the chain follows."""
        with reported_failures(), self._transaction():
            self._database.execute("UPDATE about SET value = ? WHERE name = 'wasm'", (wasm,))

    def append(
        self, block: StoredBlock, changes: Mapping[bytes, bytes | None], *, origin: Origin | None = None
    ) -> None:
        """Store a block and its changes atomically. ``origin`` is given with the genesis block.

        Raises `HostError` on failure; then the block must not be announced.
        """
        with reported_failures(), self._transaction():
            if origin is not None:
                about = {"format": str(FORMAT), "wasm": origin.wasm, "preset": origin.preset}
                self._database.executemany("INSERT INTO about VALUES (?, ?)", about.items())
            body = compact(len(block.extrinsics)) + b"".join(prefixed(extrinsic) for extrinsic in block.extrinsics)
            self._database.execute(
                "INSERT INTO blocks VALUES (?, ?, ?, ?, ?)", (block.number, block.hash, block.header, body, block.code)
            )
            self._apply(block.number, changes)
        self._known.update(changes)
        self.head_number = block.number
        self.oldest = max(self.oldest, block.number - self._history)

    def _apply(self, number: int, changes: Mapping[bytes, bytes | None]) -> None:
        newest = HeadState(self._database, self._known)
        before = {key: newest.get(key) for key in changes}
        real = {key: value for key, value in changes.items() if value != before[key]}
        if number:
            self._database.executemany(
                "INSERT INTO replaced VALUES (?, ?, ?)", ((key, number, before[key]) for key in real)
            )
        removed = [(key,) for key, value in real.items() if value is None]
        written = [(key, value) for key, value in real.items() if value is not None]
        self._database.executemany("DELETE FROM state WHERE key = ?", removed)
        self._database.executemany(
            "INSERT INTO state VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", written
        )
        self._database.execute("DELETE FROM replaced WHERE number <= ?", (number - self._history,))

    def cut(self, number: int) -> None:
        """Drop the blocks after ``number``, whose state must still be readable. Irreversible.

        A runtime set in one of them is dropped too; the chain then follows the earlier one.
        """
        kept, dropped = self.block_at(number), self.head()
        assert kept is not None  # the caller has checked that it exists
        assert dropped is not None
        back = self.replaced_since(number)
        with reported_failures(), self._transaction():
            self._database.executemany("DELETE FROM state WHERE key = ?", [(key,) for key in back])
            self._database.executemany(
                "INSERT INTO state VALUES (?, ?)", [(key, value) for key, value in back.items() if value is not None]
            )
            self._database.execute("DELETE FROM replaced WHERE number > ?", (number,))
            self._database.execute("DELETE FROM blocks WHERE number > ?", (number,))
            if kept.code != dropped.code:
                self._database.execute("UPDATE about SET value = ? WHERE name = 'wasm'", (kept.code.hex(),))
        self._known.clear()
        self.head_number = number

    def head(self) -> StoredBlock | None:
        return self.block_at(self.head_number)

    def block_at(self, number: int) -> StoredBlock | None:
        row = self._row("SELECT * FROM blocks WHERE number = ?", number)
        if row is None:
            return None
        _, block_hash, header, body, code = row
        return StoredBlock(
            number=number,
            hash=block_hash,
            header=header,
            extrinsics=tuple(Reader(body).prefixed_list()),
            code=code,
        )

    def hash_at(self, number: int) -> bytes | None:
        row = self._row("SELECT hash FROM blocks WHERE number = ?", number)
        return None if row is None else row[0]

    def number_of(self, block_hash: bytes) -> int | None:
        row = self._row("SELECT number FROM blocks WHERE hash = ?", block_hash)
        return None if row is None else row[0]

    def state_at(self, number: int) -> StoredState:
        """Return a view of the state after block ``number``. Raises `StateDiscarded` when it is too old."""
        newest = HeadState(self._database, self._known)
        if number == self.head_number:
            return newest
        if number < self.oldest:
            raise StateDiscarded(number)
        return PastState(self._database, number, newest)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the newest state in key order."""
        with reported_failures():
            yield from self._database.execute("SELECT key, value FROM state ORDER BY key")

    def replaced_since(self, number: int) -> dict[bytes, bytes | None]:
        """Return the changes that revert the newest state to the one after block ``number``."""
        query = "SELECT key, value FROM replaced WHERE number > ? ORDER BY number DESC"
        with reported_failures():
            return dict(self._database.execute(query, (number,)).fetchall())

    def _number(self, query: str, *, default: int) -> int:
        row = self._row(query)
        return default if row is None or row[0] is None else row[0]

    def _row(self, query: str, *values: int | bytes) -> tuple[Any, ...] | None:
        with reported_failures():
            row: tuple[Any, ...] | None = self._database.execute(query, values).fetchone()
        return row

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise
