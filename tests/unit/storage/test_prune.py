"""Does a folder that only grows stay within its bound, and is the newest in it always kept?"""

import os
from pathlib import Path

import pytest

from node_runtime.storage.local import LocalStore
from node_runtime.storage.prune import Bound, prune

KIB = 1 << 10
LONG = 1 << 40


def filled(folder: Path, names: str, *, size: int = 64 * KIB) -> Path:
    """A folder with trees of that size each, that came one after the other."""
    last = 0
    for name in names:
        tree = folder / name
        (tree / "inner").mkdir(parents=True)
        (tree / "inner" / "log").write_bytes(os.urandom(size))
        (tree / "inner" / "log").chmod(0o444)
        while tree.stat().st_ctime_ns <= last:  # the clock of a file system ticks slowly
            tree.chmod(0o500)
        last = tree.stat().st_ctime_ns
    return folder


def left(folder: Path) -> str:
    return "".join(sorted(path.name for path in folder.iterdir()))


@pytest.mark.parametrize(
    ("bound", "kept"),
    [
        (Bound(age=LONG, size=LONG), "abcd"),
        (Bound(age=LONG, size=200 * KIB), "cd"),
        (Bound(age=LONG, size=1), "d"),
        (Bound(age=0, size=LONG), "d"),
    ],
)
def test_the_oldest_go_until_the_rest_is_within_the_bound(tmp_path: Path, bound: Bound, kept: str) -> None:
    folder = filled(tmp_path / "logs", "abcd")
    assert prune(folder, bound) == 4 - len(kept)
    assert left(folder) == kept
    assert prune(folder, bound) == 0


def test_a_file_that_was_moved_there_is_as_old_as_its_move(tmp_path: Path) -> None:
    folder = filled(tmp_path / "quarantine", "ab")
    moved = tmp_path / "z"
    moved.write_bytes(b"stored long ago")
    os.utime(moved, (0, 0))
    moved.rename(folder / "z")
    assert prune(folder, Bound(age=LONG, size=100 * KIB)) == 1
    assert left(folder) == "bz"


def test_a_folder_that_is_not_there_is_no_trouble(tmp_path: Path) -> None:
    assert prune(tmp_path / "none", Bound(age=0, size=0)) == 0


def test_an_opened_store_bounds_what_it_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LocalStore(tmp_path)
    filled(tmp_path / "quarantine", "abc")
    monkeypatch.setattr("node_runtime.storage.local.MONTH", Bound(age=LONG, size=150 * KIB))
    LocalStore(tmp_path)
    assert left(tmp_path / "quarantine") == "bc"
