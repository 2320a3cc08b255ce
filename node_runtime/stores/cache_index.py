"""The index of the cache in SQLite, shared by processes: trees, their fingerprints and time of last use, and pins.

A pin is written before the tree is looked up, and eviction selects only unpinned trees, in one transaction: a tree
found after pinning stays. Losing the database loses no data: trees that are not listed are fetched again.

A tree's fingerprint shows whether its verified bytes may have changed: equal fingerprints mean the same files with the
same inodes, modes, sizes and times. The kernel advances the change time (ctime) with every write, chmod or link, and no
program can set it back. Power cuts and memory errors go undetected, so a fingerprint is valid until the next boot only.
"""

import hashlib
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from node_runtime.domain.assets import Digest
from node_runtime.domain.clock import boot_id
from node_runtime.errors import HostError
from node_runtime.localnet.processes import birth
from node_runtime.platform.stored_format import StoredFormat, open_database, statements

_PROCESS = "process-"
FORMAT = StoredFormat(
    name="the cache's index",
    remedy="run that release again, or remove the file while no node runs: it is created again",
    steps=(
        statements(
            "CREATE TABLE IF NOT EXISTS trees"
            " (digest TEXT PRIMARY KEY, bytes INTEGER, print TEXT, boot TEXT, used INTEGER)",
            "CREATE TABLE IF NOT EXISTS pins (digest TEXT, holder TEXT, PRIMARY KEY (digest, holder)) WITHOUT ROWID",
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """``bytes`` is the total size of the files, ``digest`` a hash over their names and status, ``boot`` the boot id."""

    bytes: int
    digest: str
    boot: str


class CacheIndex:
    """Safe to share between threads; several processes may open the same file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        with self._database_trouble():
            # a power cut may lose pins, but no process or container runs then
            self._database = open_database(path, synchronous="NORMAL", stored=FORMAT)

    def pin(self, digest: Digest, holder: str) -> Fingerprint | None:
        """Pin the tree and note its use; return its fingerprint, None where it isn't listed."""
        with self._changing() as database:
            database.execute("INSERT OR IGNORE INTO pins VALUES (?, ?)", (digest, holder))
            database.execute("UPDATE trees SET used = ? WHERE digest = ?", (time.time_ns(), digest))
            return _fingerprint(database, digest)

    def unpin(self, digest: Digest, holder: str) -> None:
        with self._changing() as database:
            database.execute("DELETE FROM pins WHERE digest = ? AND holder = ?", (digest, holder))

    def release(self, holder: str) -> None:
        with self._changing() as database:
            database.execute("DELETE FROM pins WHERE holder = ?", (holder,))

    def holders(self) -> tuple[str, ...]:
        with self._reading() as database:
            return tuple(row[0] for row in database.execute("SELECT DISTINCT holder FROM pins ORDER BY holder"))

    def find(self, digest: Digest) -> Fingerprint | None:
        with self._reading() as database:
            return _fingerprint(database, digest)

    def record(self, digest: Digest, fingerprint: Fingerprint) -> None:
        row = (digest, fingerprint.bytes, fingerprint.digest, fingerprint.boot, time.time_ns())
        with self._changing() as database:
            database.execute("INSERT OR REPLACE INTO trees VALUES (?, ?, ?, ?, ?)", row)

    def forget(self, digest: Digest) -> None:
        with self._changing() as database:
            database.execute("DELETE FROM trees WHERE digest = ?", (digest,))

    def total(self) -> int:
        """Total size of all trees in bytes."""
        with self._reading() as database:
            return int(database.execute("SELECT COALESCE(SUM(bytes), 0) FROM trees").fetchone()[0])

    def forget_oldest(self, limit: int) -> tuple[Digest, ...]:
        """Forget the least recently used unpinned trees until the rest fits into `limit` bytes; return them."""
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
        """Close the file once the statement of another thread has ended; SQLite would crash under it."""
        with self._guard:
            self._database.close()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """Run one atomic transaction."""
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
                remedy="free disk space, or remove that file while no node runs: it is created again",
            ) from error


def this_process() -> str:
    """The holder name of this process; its pins expire when the process ends."""
    return f"{_PROCESS}{os.getpid()}-{birth(os.getpid())}"


def _fingerprint(database: sqlite3.Connection, digest: Digest) -> Fingerprint | None:
    found = database.execute("SELECT bytes, print, boot FROM trees WHERE digest = ?", (digest,)).fetchone()
    return Fingerprint(bytes=found[0], digest=found[1], boot=found[2]) if found else None


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


def fingerprint_of(folder: Path) -> Fingerprint | None:
    """Compute the folder's fingerprint; None when there is no such folder."""
    found = hashlib.blake2b(digest_size=32)
    total = 0
    waiting = [str(folder)]
    try:
        while waiting:
            with os.scandir(waiting.pop()) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                line = (
                    entry.path,
                    status.st_ino,
                    status.st_mode,
                    status.st_size,
                    status.st_mtime_ns,
                    status.st_ctime_ns,
                )
                found.update(repr(line).encode())
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(entry.path)
                else:
                    total += status.st_size
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Fingerprint(bytes=total, digest=found.hexdigest(), boot=boot_id())
