"""A folder's trees are copied one by one: where there is no room to unpack one, the others are copied."""

from pathlib import Path

import pytest

from node_runtime.stores.copying import copy_trees
from node_runtime.stores.local import LocalStore
from node_runtime.stores.memory import MemoryStore
from node_runtime.stores.tree.manifest import Entry, manifest
from tests.small_disk import fill, mounted


def test_a_tree_without_room_is_named_and_left_out(tmp_path: Path) -> None:
    source, target, told = LocalStore(tmp_path / "store"), MemoryStore(), list[str]()
    (tmp_path / "model").write_text("a model")
    digest = source.put(tmp_path / "model")
    huge = manifest([Entry(path="huge", executable=False, size=1 << 60, sha256="0" * 64)])
    place = tmp_path / "store" / "trees" / huge.digest[:2] / huge.digest
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(huge.encoded + b"\n")
    copied = copy_trees(tmp_path / "store", target, say=told.append)
    assert (copied.sent, copied.there, copied.damaged, copied.too_large) == (1, 0, 0, 1)
    assert target.has(digest)
    assert len(told) == 1
    assert huge.digest in told[0]


@pytest.mark.parametrize("small", ["store", "temporary"])
def test_a_tree_is_unpacked_where_there_is_more_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: str
) -> None:
    places = {name: tmp_path / name for name in ("store", "temporary")}
    with mounted(places[small], pages=64):
        for place in places.values():
            place.mkdir(exist_ok=True)
        monkeypatch.setattr("tempfile.tempdir", str(places["temporary"]))
        (tmp_path / "model").write_text("a model")
        digest = LocalStore(places["store"]).put(tmp_path / "model")
        fill(places[small])
        target = MemoryStore()
        copied = copy_trees(places["store"], target, say=print)
        assert (copied.sent, copied.too_large) == (1, 0)
        assert target.has(digest)
    assert not [*tmp_path.glob("*/node-runtime-*")]
