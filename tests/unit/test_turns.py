"""Is one command at a time in a folder, also when the folder goes with the one before?"""

import shutil
import threading
from pathlib import Path

import pytest

from node_runtime.errors import InputError
from node_runtime.turns import alone_in, in_turn
from tests.background import LIMIT, in_background


def test_who_waited_for_a_folder_that_went_is_alone_in_the_new_one(tmp_path: Path) -> None:
    folder, waits = tmp_path / "folder", threading.Event()
    second = in_turn(folder, waiting=waits.set)
    with in_turn(folder, waiting=lambda: None):
        entered = in_background(second.__enter__)
        assert waits.wait(LIMIT)
        shutil.rmtree(folder)
    entered.result(LIMIT)
    with pytest.raises(InputError, match="another command is writing to"), alone_in(folder):
        pass
    second.__exit__(None, None, None)
    with alone_in(folder):
        assert list(folder.iterdir()) == []
