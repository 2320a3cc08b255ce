"""Which trees does the cache hold, when was each used, and who holds it? A small database, shared by processes.

A pin is written before the tree is looked at, and only trees without a pin are ever chosen for eviction, in one
transaction: so whoever has a pin and then finds the tree will keep it. Losing the database loses no data: trees that
are not listed are fetched again.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from node_runtime.errors import HostError
from node_runtime.processes import birth
from node_runtime.storage.database import open_database
from node_runtime.storage.seal import Seal
from node_runtime.task import Digest

_PROCESS = "process-"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS trees (digest TEXT PRIMARY KEY, bytes INTEGER, print TEXT, boot TEXT, used INTEGER);
CREATE TABLE IF NOT EXISTS pins (digest TEXT, holder TEXT, PRIMARY KEY (digest, holder)) WITHOUT ROWID;
"""


class CacheIndex:
    """Safe to share between threads; several processes may open the same file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        with self._database_trouble():
            # a power cut may forget pins: nothing runs then
            self._database = open_database(path, synchronous="NORMAL", schema=_SCHEMA)

    def pin(self, digest: Digest, holder: str) -> None:
        with self._changing() as database:
            database.execute("INSERT OR IGNORE INTO pins VALUES (?, ?)", (digest, holder))

    def unpin(self, digest: Digest, holder: str) -> None:
        with self._changing() as database:
            database.execute("DELETE FROM pins WHERE digest = ? AND holder = ?", (digest, holder))

    def release(self, holder: str) -> None:
        with self._changing() as database:
            database.execute("DELETE FROM pins WHERE holder = ?", (holder,))

    def holders(self) -> tuple[str, ...]:
        with self._reading() as database:
            return tuple(row[0] for row in database.execute("SELECT DISTINCT holder FROM pins ORDER BY holder"))

    def find(self, digest: Digest) -> Seal | None:
        with self._reading() as database:
            found = database.execute("SELECT bytes, print, boot FROM trees WHERE digest = ?", (digest,)).fetchone()
        return Seal(bytes=found[0], print=found[1], boot=found[2]) if found else None

    def record(self, digest: Digest, seal: Seal) -> None:
        row = (digest, seal.bytes, seal.print, seal.boot, time.time_ns())
        with self._changing() as database:
            database.execute("INSERT OR REPLACE INTO trees VALUES (?, ?, ?, ?, ?)", row)

    def touch(self, digest: Digest) -> None:
        with self._changing() as database:
            database.execute("UPDATE trees SET used = ? WHERE digest = ?", (time.time_ns(), digest))

    def forget(self, digest: Digest) -> None:
        with self._changing() as database:
            database.execute("DELETE FROM trees WHERE digest = ?", (digest,))

    def total(self) -> int:
        """Bytes of all trees."""
        with self._reading() as database:
            return int(database.execute("SELECT COALESCE(SUM(bytes), 0) FROM trees").fetchone()[0])

    def forget_oldest(self, limit: int) -> tuple[Digest, ...]:
        """Forget the trees used longest ago and held by nobody, until the rest fits into `limit` bytes."""
        with self._changing() as database:
            _drop_dead(database)
            total = int(database.execute("SELECT COALESCE(SUM(bytes), 0) FROM trees").fetchone()[0])
            if total <= limit:
                return ()
            unused = "SELECT digest, bytes FROM trees WHERE digest NOT IN (SELECT digest FROM pins) ORDER BY used"
            chosen: list[Digest] = []
            for digest, size in database.execute(unused).fetchall():
                if total <= limit:
                    break
                chosen.append(Digest(digest))
                total -= size
            database.executemany("DELETE FROM trees WHERE digest = ?", [(digest,) for digest in chosen])
            return tuple(chosen)

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, which other threads and processes see whole or not at all."""
        with self._guard, self._database_trouble():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._guard, self._database_trouble():
            yield self._database

    @contextmanager
    def _database_trouble(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise HostError(
                f"the cache's index {self._path} can't be used: {error}",
                remedy="free disk space, or remove that file while no node runs: it is made anew",
            ) from error


def this_process() -> str:
    """A holder whose pins end with this process, however it ends."""
    return f"{_PROCESS}{os.getpid()}-{birth(os.getpid())}"


def _drop_dead(database: sqlite3.Connection) -> None:
    query = "SELECT DISTINCT holder FROM pins WHERE holder LIKE ?"
    for (holder,) in database.execute(query, (_PROCESS + "%",)).fetchall():
        if not _lives(holder):
            database.execute("DELETE FROM pins WHERE holder = ?", (holder,))


def _lives(holder: str) -> bool:
    pid, _, born = holder.removeprefix(_PROCESS).partition("-")
    try:
        return birth(int(pid)) == born
    except (psutil.NoSuchProcess, ValueError):
        return False
    except psutil.AccessDenied:
        return True
