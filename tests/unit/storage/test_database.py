"""May several processes make and open one database at the same moment?"""

import fcntl
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from node_runtime.daemon.outbox import Outbox
from node_runtime.storage.cache_index import CacheIndex


@pytest.mark.parametrize("opened", [CacheIndex, Outbox])
def test_a_database_is_made_by_one_process_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Callable[[Path], CacheIndex | Outbox]
) -> None:
    connect = sqlite3.connect

    def look_who_is_alone(*arguments: object, **settings: object) -> sqlite3.Connection:
        folder = os.open(tmp_path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):  # another process would wait for its turn here
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(folder)
        looked.append(arguments)
        return connect(*arguments, **settings)  # type: ignore[call-overload, no-any-return]

    looked: list[object] = []
    monkeypatch.setattr(sqlite3, "connect", look_who_is_alone)
    opened(tmp_path / "database").close()
    opened(tmp_path / "database").close()
    assert len(looked) == 2
