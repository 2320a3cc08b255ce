"""Trees on disk: whatever a container leaves behind is removed, and nothing else; pruning never removes the newest."""

import os
from pathlib import Path

import pytest

from node_runtime.domain.clock import wall_clock
from node_runtime.stores.local import LocalStore
from node_runtime.stores.tree.folders import Bound, prune, remove_tree

KIB = 1 << 10
LONG = 1 << 40


def filled(folder: Path, names: str, *, size: int = 64 * KIB) -> Path:
    """Create trees of that size in `folder`, in order of age."""
    last = 0
    for name in names:
        tree = folder / name
        (tree / "inner").mkdir(parents=True)
        (tree / "inner" / "log").write_bytes(os.urandom(size))
        (tree / "inner" / "log").chmod(0o444)
        while tree.stat().st_ctime_ns <= last:  # file timestamps are coarse
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
    later = wall_clock() + 1000  # file timestamps are finer than milliseconds
    assert prune(folder, bound, now=later) == 4 - len(kept)
    assert left(folder) == kept
    assert prune(folder, bound, now=later) == 0


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


def test_opening_a_store_prunes_its_quarantine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LocalStore(tmp_path)
    filled(tmp_path / "quarantine", "abc")
    monkeypatch.setattr("node_runtime.stores.local.MONTH", Bound(age=LONG, size=150 * KIB))
    LocalStore(tmp_path)
    assert left(tmp_path / "quarantine") == "bc"


def test_a_folder_goes_with_all_that_is_in_it_and_links_are_not_followed(tmp_path: Path) -> None:
    kept, gone = tmp_path / "kept", tmp_path / "gone"
    (kept / "inner").mkdir(parents=True)
    (gone / "a" / "b").mkdir(parents=True)
    (gone / "a" / "link").symlink_to(kept)
    (gone / "a" / "b" / "up").symlink_to("../../..")
    os.mkfifo(gone / "a" / "pipe")
    remove_tree(gone)
    assert list(tmp_path.iterdir()) == [kept]
    assert list(kept.iterdir()) == [kept / "inner"]


def test_a_tree_deeper_than_any_path_may_be_long_is_removed(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    inside = os.open(top, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deeper-and-deeper", dir_fd=inside)
        below = os.open("deeper-and-deeper", os.O_RDONLY, dir_fd=inside)
        os.close(inside)
        inside = below
    os.close(inside)
    remove_tree(top)
    assert list(tmp_path.iterdir()) == []


def test_read_only_folders_are_removed(tmp_path: Path) -> None:
    (tmp_path / "top" / "closed" / "in").mkdir(parents=True)
    (tmp_path / "top" / "closed" / "in" / "file").write_text("")
    for folder in ("top/closed/in", "top/closed", "top"):
        (tmp_path / folder).chmod(0)
    remove_tree(tmp_path / "top")
    assert list(tmp_path.iterdir()) == []


def test_what_somebody_else_removes_meanwhile_keeps_nothing_of_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = tmp_path / "top"
    (top / "folder").mkdir(parents=True)
    for name in ("a", "b", "c", "folder/d", "folder/e", "folder/f"):
        (top / name).touch()
    unlink = Path.unlink

    def unlink_two(path: Path, missing_ok: bool = False) -> None:
        others = [one for one in path.parent.iterdir() if one != path and one.is_file()]
        for one in (path, *others[:1]):
            unlink(one, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink_two)
    remove_tree(top)
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_removed_itself(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    remove_tree(tmp_path / "link")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_removing_what_is_not_there_is_fine(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing")
