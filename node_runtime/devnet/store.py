"""Where do blocks and state live? In one SQLite file, where a block and all it changed become visible at once.

The state of the newest block is a table; what each of the last blocks replaced is kept beside it, so that recent
states can be read too. Durability: write-ahead log with ``synchronous=FULL``, one fsync a block (half a millisecond
on an SSD), so that a block somebody has seen survives a power cut and not only a killed process.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node_runtime.errors import InputError

from .scale import Reader, compact, prefixed
from .views import HeadState, PastState, StoredState, reported_failures

STATE_HISTORY = 2048
"""How many blocks back a state can be read. More than a Substrate node's 256, which are 25 minutes of its blocks: a
busy devnet seals as many in a few seconds, and whoever looks for the events of its transaction may be slow."""

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
    """The block is known, but too old for its state to be still readable."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block as it is stored. ``code`` is the sha256 of the runtime that decodes the state after it."""

    number: int
    hash: bytes
    header: bytes
    extrinsics: tuple[bytes, ...]
    code: bytes


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a chain grew from; a chain can only be continued from the same."""

    wasm: str
    preset: str


class Store:
    """The database. One connection, one thread. ``history`` is how many blocks back a state can be read."""

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
        self._oldest = self._number("SELECT min(number) FROM replaced", default=1) - 1  # the first with its way back

    def close(self) -> None:
        self._database.close()

    def origin(self) -> Origin | None:
        """What the stored chain grew from, None while there is no genesis."""
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

    def append(self, block: Block, changes: Mapping[bytes, bytes | None], *, origin: Origin | None = None) -> None:
        """Store a block and what it changed, or nothing of both. ``origin`` comes with the genesis block.

        Raises `HostError` when it cannot be stored: then the block must not be announced.
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
        self._oldest = max(self._oldest, block.number - self._history)

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

    def head(self) -> Block | None:
        return self.block_at(self.head_number)

    def block_at(self, number: int) -> Block | None:
        row = self._row("SELECT * FROM blocks WHERE number = ?", number)
        if row is None:
            return None
        _, block_hash, header, body, code = row
        return Block(
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
        """A view of the state after block ``number``; raises `StateDiscarded` when it is too old."""
        newest = HeadState(self._database, self._known)
        if number == self.head_number:
            return newest
        if number < self._oldest:
            raise StateDiscarded(number)
        return PastState(self._database, number, newest)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """The newest state, in key order."""
        with reported_failures():
            yield from self._database.execute("SELECT key, value FROM state ORDER BY key")

    def replaced_since(self, number: int) -> dict[bytes, bytes | None]:
        """What turns the newest state back into the one after block ``number``."""
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
