"""How is a small database opened that other processes may open, or make, at the same moment?"""

import sqlite3
from pathlib import Path

from node_runtime.turns import in_turn

PATIENCE = 60.0  # seconds to wait for another process' transaction


def open_database(path: Path, *, synchronous: str, schema: str) -> sqlite3.Connection:
    """A connection that any thread may use, one at a time, and on which each statement is its own transaction.

    ``synchronous`` is SQLite's word for what a power cut may take: NORMAL the last changes, FULL nothing. Raises
    `sqlite3.Error`, and `HostError` for a folder that can't be opened.
    """
    # of two that turn a new database to WAL at once SQLite refuses one, without waiting
    with in_turn(path.parent, waiting=lambda: None):
        database = sqlite3.connect(path, timeout=PATIENCE, check_same_thread=False, isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {synchronous}")
        database.executescript(schema)
    return database
