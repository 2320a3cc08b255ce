"""Versioned formats of stored files: older versions are migrated step by step, newer ones refused.

A `StoredFormat` lists the steps from each version to the next; their number is the version that is written. Files of
commit 7bf0b92 and earlier have no version and count as version 0. A change of a format appends a step and adds a
fixture of the previous version (see ``docs/stored-state.md``).

JSON stores the version in the key ``version``, SQLite in ``PRAGMA user_version``. Several processes may create and use
one database concurrently.
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from node_runtime.errors import HostError
from node_runtime.platform.files import private_file
from node_runtime.platform.locks import locked

Step = TypeVar("Step", covariant=True)
Content = dict[str, Any]
DocumentStep = Callable[[Content], Content]
"""Migrates a JSON object to the next version."""
DatabaseStep = Callable[[sqlite3.Connection], object]
"""Migrates a database to the next version, in a transaction. The first step also creates a new database."""

_KEY = "version"
_LOCK_TIMEOUT = 60.0  # seconds to wait for another process's transaction


@dataclass(frozen=True, kw_only=True)
class StoredFormat(Generic[Step]):
    """``name``: the file's name in messages; ``remedy``: what to do with a file of a newer release."""

    name: str
    steps: tuple[Step, ...]
    remedy: str

    @property
    def version(self) -> int:
        """The current version."""
        return len(self.steps)

    def pending(self, found: int, place: Path) -> tuple[Step, ...]:
        """Return the steps from version ``found`` to the current one. Raises `HostError` for a newer version."""
        if found > self.version:
            raise HostError(
                f"{place}: {self.name} has version {found}, which a newer release wrote; "
                f"this one reads versions up to {self.version}",
                remedy=self.remedy,
            )
        return self.steps[found:]


def unversioned(content: Content) -> Content:
    """Migrate from version 0 to 1 a file whose only change is the version."""
    return content


def encode_document(content: Content, stored: StoredFormat[DocumentStep], *, indent: int | None = None) -> str:
    """Encode as JSON text of the current version, without a final newline."""
    return json.dumps({_KEY: stored.version, **content}, indent=indent)


def decode_document(text: bytes | str, stored: StoredFormat[DocumentStep], place: Path) -> Content:
    """Decode and migrate a JSON object; return it without its version.

    Raises `ValueError` for invalid text, and `HostError` for a newer version.
    """
    read = json.loads(text)
    if not isinstance(read, dict):
        raise ValueError("it is no JSON object")
    content: Content = read
    found = content.pop(_KEY, 0)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise ValueError("its version is no number")
    for step in stored.pending(found, place):
        content = step(content)
    return content


def open_database(path: Path, *, synchronous: str, stored: StoredFormat[DatabaseStep]) -> sqlite3.Connection:
    """Open a connection in autocommit mode that threads may share, one at a time.

    ``synchronous`` is SQLite's durability level: with NORMAL a power cut may lose the last changes, with FULL none. An
    older database is migrated; the file is readable by its owner only. Raises `sqlite3.Error`, and `HostError` for a
    folder that can't be opened or a newer version.
    """
    # SQLite fails at once, without waiting, when two connections switch a new database to WAL
    with locked(path.parent, waiting=lambda: None):
        for file in (path, *path.parent.glob(f"{path.name}-*")):  # SQLite's side files take the database's mode
            private_file(file)
        database = sqlite3.connect(path, timeout=_LOCK_TIMEOUT, check_same_thread=False, isolation_level=None)
        try:
            migrate_database(database, stored, path)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(f"PRAGMA synchronous = {synchronous}")
        except BaseException:
            database.close()
            raise
    return database


def migrate_database(database: sqlite3.Connection, stored: StoredFormat[DatabaseStep], place: Path) -> None:
    """Migrate the database to the current version, or leave it unchanged on an error.

    ``database`` is in autocommit mode. Raises `sqlite3.Error`, and `HostError` for a newer version.
    """
    database.execute("BEGIN IMMEDIATE")
    try:
        found = int(database.execute("PRAGMA user_version").fetchone()[0])
        for step in stored.pending(found, place):
            step(database)
        database.execute(f"PRAGMA user_version = {stored.version}")
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def statements(*sql: str) -> DatabaseStep:
    """Return a step that executes these statements."""

    def step(database: sqlite3.Connection) -> None:
        for each in sql:
            database.execute(each)

    return step
