"""Locks of files, and of folders: one command at a time, even if the previous one removes the folder."""

import shutil
import threading
from pathlib import Path

import pytest

from node_runtime.errors import InputError
from node_runtime.platform.locks import locked, try_lock, try_locked
from tests.background import LIMIT, in_background


def test_a_lock_is_one_holders_until_its_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("w") as first, path.open("r") as second:
        assert try_lock(first)
        assert try_lock(first)  # its own
        assert not try_lock(second)
        assert not try_lock(second, shared=True)
        first.close()
        assert try_lock(second, shared=True)


def test_a_waiter_on_a_removed_folder_locks_the_new_one(tmp_path: Path) -> None:
    folder, waits = tmp_path / "folder", threading.Event()
    second = locked(folder, waiting=waits.set)
    with locked(folder, waiting=lambda: None):
        entered = in_background(second.__enter__)
        assert waits.wait(LIMIT)
        shutil.rmtree(folder)
    entered.result(LIMIT)
    with pytest.raises(InputError, match="another command is writing to"), try_locked(folder):
        pass
    second.__exit__(None, None, None)
    with try_locked(folder):
        assert list(folder.iterdir()) == []
