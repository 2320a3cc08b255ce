"""Does every mount find a place to lie on?"""

from pathlib import Path

from node_runtime.containers.mounts import arranged
from node_runtime.ports import Mount


def test_a_writable_folder_comes_before_what_lies_in_it(tmp_path: Path) -> None:
    inner = Mount(source=tmp_path, target="/sandbox/model/abc")
    outer = Mount(source=tmp_path, target="/sandbox/model", quota=1)
    assert arranged((inner, outer)).mounts == (outer, inner)
    assert arranged((inner, outer)).frames == ()


def test_a_read_only_folder_that_has_the_place_is_mounted_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    outer, inner = Mount(source=tmp_path, target="/sandbox"), Mount(source=tmp_path, target="/sandbox/data")
    assert arranged((outer, inner)).frames == ()


def test_a_read_only_folder_that_lacks_the_place_is_shown_entry_by_entry(tmp_path: Path) -> None:
    (tmp_path / "own").touch()
    outer, inner = Mount(source=tmp_path, target="/sandbox"), Mount(source=tmp_path, target="/sandbox/data/a")
    found = arranged((outer, inner))
    assert found.frames == ("/sandbox",)
    assert [mount.target for mount in found.mounts] == ["/sandbox/own", "/sandbox/data/a"]
