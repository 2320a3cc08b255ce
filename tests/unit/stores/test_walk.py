"""The walk over a hostile folder follows no link and skips no entry."""

import mmap
import os
import resource
import time
from pathlib import Path

import pytest

from node_runtime.errors import HostError
from node_runtime.stores.tree.manifest import TreeMissing, TreeRefused, TreeTooLarge
from node_runtime.stores.tree.packed import hash_tree, pack
from node_runtime.stores.tree.walk import CHUNK, Caps, manifest_of, tree_files


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "inner").write_text("inner")
    os.utime(folder / "a" / "inner", (1, 1))  # file timestamps are coarse: make a later change visible
    (folder / "a.txt").write_text("a")
    (folder / "z").write_text("z")
    return folder


def swap(place: Path, link_to: str) -> None:
    place.rename(place.with_name("was"))
    place.symlink_to(link_to)


def test_files_come_in_the_order_of_the_manifest(tree: Path) -> None:
    paths = [file.path for file in tree_files(tree)]
    assert paths == [entry.path for entry in manifest_of(tree).entries] == ["a.txt", "a/inner", "z"]


def test_a_file_swapped_for_a_link_while_walking_is_refused(tree: Path) -> None:
    walk = tree_files(tree)
    assert next(walk).path == "a.txt"
    swap(tree / "z", "/etc/passwd")
    with pytest.raises(TreeRefused):
        list(walk)


def test_a_folder_swapped_for_a_link_while_walking_is_refused(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "inner").write_text("secret")
    walk = tree_files(tree)
    assert next(walk).path == "a.txt"
    swap(tree / "a", str(tmp_path / "secrets"))
    with pytest.raises(TreeRefused):
        list(walk)


def test_a_folder_moved_away_while_walking_is_read_from_where_it_was_opened(tree: Path) -> None:
    (tree / "a" / "second").write_text("second")
    read = []
    for file in tree_files(tree):
        if file.path == "a/inner":
            swap(tree / "a", "/etc")
        read.append(b"".join(bytes(chunk) for chunk in file.chunks()))
    assert read == [b"a", b"inner", b"second", b"z"]


@pytest.mark.parametrize("change", [b"longer than before", b"", b"other"], ids=["grown", "shrunk", "rewritten"])
def test_a_file_that_changes_while_it_is_read_is_refused(tree: Path, change: bytes) -> None:
    walk = tree_files(tree)
    file = next(file for file in walk if file.path == "a/inner")
    (tree / "a" / "inner").write_bytes(change)
    with pytest.raises(TreeRefused, match="tree/a/inner changed"):
        file.entry()


def test_a_hard_link_to_elsewhere_is_refused(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    os.link(tmp_path / "outside", tree / "a" / "linked")
    with pytest.raises(TreeRefused, match="tree/a/linked is hard-linked"):
        manifest_of(tree)


def test_hard_links_within_the_tree_are_two_files(tree: Path) -> None:
    os.link(tree / "z", tree / "same")
    found = {entry.path: entry.sha256 for entry in manifest_of(tree).entries}
    assert found["same"] == found["z"]


@pytest.mark.parametrize("name", [b"not-\xff-utf8", b"new\nline", b"\x1b[2Jclears"])
def test_odd_names_are_refused_and_shown_harmlessly(tree: Path, name: bytes) -> None:
    (tree / os.fsdecode(name)).write_text("")
    with pytest.raises(TreeRefused) as refused:
        manifest_of(tree)
    assert str(refused.value).isprintable()
    assert str(refused.value).isascii()


def test_a_hole_counts_with_what_it_claims(tree: Path) -> None:
    with (tree / "hole").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(TreeTooLarge, match="tree/hole"):
        manifest_of(tree, caps=Caps(bytes=1 << 20))


def test_entries_are_capped_folders_included(tree: Path) -> None:
    assert len(manifest_of(tree, caps=Caps(entries=4)).entries) == 3
    with pytest.raises(TreeTooLarge, match="more than 3"):
        manifest_of(tree, caps=Caps(entries=3))


def test_levels_are_capped(tree: Path) -> None:
    deep = tree
    for _ in range(200):
        deep = deep / "d"
        deep.mkdir()
    with pytest.raises(TreeTooLarge, match="deeper than 64"):
        manifest_of(tree)


def test_a_folder_with_nothing_in_it_is_an_entry_and_those_around_it_are_not(tree: Path) -> None:
    (tree / "empty" / "within").mkdir(parents=True)
    (tree / "a" / "none").mkdir()
    entries = [(entry.path, entry.mode) for entry in manifest_of(tree).entries]
    assert entries == [("a.txt", "-"), ("a/inner", "-"), ("a/none", "d"), ("empty/within", "d"), ("z", "-")]


def test_an_empty_folder_sorts_by_its_path_and_a_tree_without_one_keeps_its_digest(tree: Path) -> None:
    before = manifest_of(tree)
    (tree / "e").mkdir()
    (tree / "e-file").touch()
    paths = [entry.path for entry in manifest_of(tree).entries]
    assert paths == sorted(paths)
    (tree / "e-file").unlink()
    (tree / "e").rmdir()
    assert manifest_of(tree) == before


def test_the_folder_itself_is_no_entry(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    assert manifest_of(tmp_path / "nothing").encoded == b"[]"


def test_empty_folders_count_as_entries(tree: Path) -> None:
    for number in range(10):
        (tree / f"empty-{number}").mkdir()
    with pytest.raises(TreeTooLarge, match="more than 12 files and folders"):
        manifest_of(tree, caps=Caps(entries=12))


def test_an_empty_folder_with_an_odd_name_is_refused(tree: Path) -> None:
    (tree / "a\nb").mkdir()
    with pytest.raises(TreeRefused):
        manifest_of(tree)


def test_a_folder_that_loses_or_gets_files_between_two_walks_is_refused(tree: Path) -> None:
    (tree / "empty").mkdir()
    found = hash_tree(tree)
    (tree / "more").mkdir()
    with pytest.raises(TreeRefused, match="changed while it was stored"):
        list(pack(found))
    (tree / "more").rmdir()
    (tree / "empty").rmdir()
    with pytest.raises(TreeRefused, match="changed while it was stored"):
        list(pack(found))


def test_a_large_file_that_changes_between_two_walks_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(5 * CHUNK))
    found, before = hash_tree(large), large.stat()
    assert b"".join(bytes(chunk) for chunk in pack(found)) == found.manifest.encoded + b"\n" + bytes(5 * CHUNK)
    large.write_bytes(bytes(5 * CHUNK - 1) + b"x")
    os.utime(large, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(TreeRefused, match="changed while it was stored"):
        list(pack(found))


def test_a_large_file_that_changes_through_a_mapping_of_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 3600 * 10**9)  # its last change was long ago
    large = tmp_path / "large"
    large.write_bytes(bytes(5 * CHUNK))
    with large.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        mapping[0] = 1  # the page is written to: a further write to it changes no timestamp
        found = hash_tree(large)
        mapping[0] = 2
        with pytest.raises(TreeRefused, match="changed while it was stored"):
            list(pack(found))


def test_times_and_other_modes_do_not_change_the_digest(tree: Path) -> None:
    before = manifest_of(tree)
    os.utime(tree / "z", (1, 1))
    (tree / "z").chmod(0o600)
    assert manifest_of(tree) == before
    (tree / "z").chmod(0o700)
    assert manifest_of(tree).digest != before.digest


def test_what_is_missing_is_told_by_its_place(tmp_path: Path) -> None:
    with pytest.raises(TreeMissing, match="gone is not there"):
        manifest_of(tmp_path / "gone")


def test_running_out_of_open_files_is_the_machines_trouble_not_the_trees(tree: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    walk = tree_files(tree)
    next(walk)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        with pytest.raises(HostError, match="can't be read"):
            next(walk)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_relative_path_is_the_same_tree(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = manifest_of(tree)
    monkeypatch.chdir(tree)
    assert manifest_of(Path()) == before
    assert manifest_of(Path("a/..")) == before
