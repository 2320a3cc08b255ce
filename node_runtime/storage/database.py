"""How is a small database opened that other processes may open, or make, at the same moment?"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 60.0  # seconds to wait for another process' transaction


def open_database(path: Path, *, synchronous: str, schema: str) -> sqlite3.Connection:
    """A connection that any thread may use, one at a time, and on which each statement is its own transaction.

    ``synchronous`` is SQLite's word for what a power cut may take: NORMAL the last changes, FULL nothing. Raises
    `sqlite3.Error`.
    """
    with _alone_in(path.parent):  # of two that turn a new database to WAL at once SQLite refuses one, without waiting
        database = sqlite3.connect(path, timeout=PATIENCE, check_same_thread=False, isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {synchronous}")
        database.executescript(schema)
    return database


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
