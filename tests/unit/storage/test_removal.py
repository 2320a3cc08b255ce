"""Is everything a container can leave removed, and nothing besides?"""

import os
from pathlib import Path

import pytest

from node_runtime.storage.removal import remove_tree


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
