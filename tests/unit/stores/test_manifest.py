"""Manifests follow the documented format; everything else is refused."""

import hashlib
import io
import json
import tempfile
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_runtime.domain.assets import Digest
from node_runtime.errors import AssetMismatch
from node_runtime.stores.tree.manifest import (
    MAX_DEPTH,
    MAX_NAME,
    MAX_PATH,
    Entry,
    TreeRefused,
    check_path,
    decode,
    empty_folder,
    manifest,
    path_key,
)
from node_runtime.stores.tree.packed import hash_tree, pack, read_manifest, unpack
from node_runtime.stores.tree.walk import manifest_of

SHA = hashlib.sha256(b"").hexdigest()


def entry(path: str, *, size: int = 0, executable: bool = False, sha256: str = SHA) -> Entry:
    return Entry(path=path, executable=executable, size=size, sha256=sha256)


def digest_of(encoded: bytes) -> Digest:
    return Digest(hashlib.sha256(encoded).hexdigest())


def row(path: object = "a", mode: object = "-", size: object = 0, sha256: object = SHA) -> list[object]:
    return [path, mode, size, sha256]


def test_the_manifest_of_a_known_tree_has_a_known_digest() -> None:
    found = manifest([entry("ü/b", size=3), entry("a", executable=True), entry("a-b")])
    assert found.encoded.decode() == f'[["a","x",0,"{SHA}"],["a-b","-",0,"{SHA}"],["ü/b","-",3,"{SHA}"]]'
    assert found.digest == digest_of(found.encoded)


def test_an_empty_folder_is_an_entry_of_its_own() -> None:
    found = manifest([entry("b"), empty_folder("a/b"), empty_folder("ü")])
    assert found.encoded.decode() == f'[["a/b","d",0,""],["b","-",0,"{SHA}"],["ü","d",0,""]]'
    assert decode(found.encoded, found.digest) == found
    assert [one.path for one in found.files] == ["b"]


def test_the_empty_tree_has_the_digest_of_an_empty_list() -> None:
    assert manifest([]).digest == hashlib.sha256(b"[]").hexdigest()


def test_paths_are_sorted_by_their_utf8_bytes_not_by_folder() -> None:
    paths = [one.path for one in manifest([entry("a/b"), entry("a-b"), entry("Z"), entry("é"), entry("a")]).entries]
    assert paths == ["Z", "a", "a-b", "a/b", "é"]


PART = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="/"))
NAMES = PART.filter(lambda name: name not in ("", ".", "..") and len(name.encode()) <= MAX_NAME)
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=4).map("/".join), unique=True, max_size=8)


@given(PATHS, st.data())
def test_what_is_encoded_is_decoded_to_the_same(paths: list[str], data: st.DataObject) -> None:
    leaves = [path for path in paths if not any(other.startswith(path + "/") for other in paths)]
    made = manifest(
        [empty_folder(path) if data.draw(st.booleans()) else entry(path, size=len(path)) for path in leaves]
    )
    assert decode(made.encoded, made.digest) == made
    assert b"\n" not in made.encoded


@given(st.data())
def test_what_is_written_comes_back_whole_from_a_packed_tree(data: st.DataObject) -> None:
    """Any tree of files and folders, empty ones among them, is the same tree after it was packed and unpacked."""
    names = st.sampled_from(["a", "a-b", "a.b", "b", "ü"])
    places = data.draw(st.lists(st.lists(names, min_size=1, max_size=3), max_size=8))
    with tempfile.TemporaryDirectory() as scratch:
        tree, back = Path(scratch, "tree"), Path(scratch, "back")
        tree.mkdir()
        for place in places:
            with suppress(OSError):  # a file is in the way
                tree.joinpath(*place[:-1]).mkdir(parents=True, exist_ok=True)
                if data.draw(st.booleans()):
                    tree.joinpath(*place).touch()
                else:
                    tree.joinpath(*place).mkdir()
        found = manifest_of(tree)
        packed = io.BytesIO(b"".join(bytes(chunk) for chunk in pack(hash_tree(tree))))
        unpack(packed, read_manifest(packed, found.digest), back, stop=threading.Event())
        names_in = [sorted(str(path.relative_to(top)) for path in top.rglob("*")) for top in (tree, back)]
        assert names_in[0] == names_in[1]
        assert manifest_of(back) == found


def test_another_digest_is_a_mismatch() -> None:
    with pytest.raises(AssetMismatch, match="another digest"):
        decode(b"[]", digest_of(b"[[]]"))


@pytest.mark.parametrize(
    "rows",
    [
        {},
        [1],
        [["a", "-", 0]],
        [row(path=1)],
        [row(mode="w")],
        [row(mode=True)],
        [row(size=-1)],
        [row(size=True)],
        [row(size=1.0)],
        [row(size=1 << 63)],
        [row(sha256="AB" * 32)],
        [row(sha256=None)],
        [row(path="/etc/passwd")],
        [row(path="../a")],
        [row(path="a/../b")],
        [row(path="a//b")],
        [row(path="a/")],
        [row(path="./a")],
        [row(path="")],
        [row(path="a\nb")],
        [row(path="a\x00")],
        [row(path="b"), row(path="a")],
        [row(path="a"), row(path="a")],
        [row(path="a"), row(path="a/b")],
        [row(path="a"), row(path="a-b"), row(path="a/b")],
        [row(mode="d")],
        [row(mode="d", sha256="")] * 2,
        [row(mode="d", sha256="", size=1)],
        [row(mode="d", sha256="", size=True)],
        [row(mode="-", sha256="")],
        [row(mode="x", sha256="")],
        [row(path="a/", mode="d", sha256="")],
        [row(path="../a", mode="d", sha256="")],
        [row(path="a\nb", mode="d", sha256="")],
        [row(path="a", mode="d", sha256=""), row(path="a/b")],
        [row(path="a", mode="d", sha256=""), row(path="a/b", mode="d", sha256="")],
        [row(path="a", mode="d", sha256=""), row(path="a-b"), row(path="a/b/c")],
        [row(path="a"), row(path="a/b", mode="d", sha256="")],
        [row(path="a"), row(path="a", mode="d", sha256="")],
        [row(path="b", mode="d", sha256=""), row(path="a")],
    ],
    ids=str,
)
def test_what_is_not_a_tree_is_refused_though_its_digest_fits(rows: object) -> None:
    encoded = json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()
    with pytest.raises(AssetMismatch):
        decode(encoded, digest_of(encoded))


@contextmanager
def no_more_memory_than(most: int) -> Iterator[None]:
    """Assert that memory stays below ``most`` bytes within the ``with``."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "encoded",
    [
        b"[" + b"[]," * 100_000 + b"[]]",
        b"[" + b"{}," * 100_000 + b"{}]",
        b"[" + b"1.5," * 100_000 + b"1.5]",
        b'[["a\\n' + b"a" * 300_000 + b'","-",0,"' + SHA.encode() + b'"]]',
        b'[["' + b"\\\\" * 150_000 + b'","-",0,"' + SHA.encode() + b'"]]',
    ],
    ids=["lists", "objects", "numbers", "long path", "backslashes"],
)
def test_what_is_no_tree_takes_no_more_memory_than_its_bytes(encoded: bytes) -> None:
    """An untrusted manifest has up to 256 MiB; parsed as plain JSON it could exhaust the node's memory."""
    digest = digest_of(encoded)
    with no_more_memory_than(2 * len(encoded)), pytest.raises(AssetMismatch) as caught:
        decode(encoded, digest)
    assert len(str(caught.value)) < 1000


def test_deep_paths_take_little_more_memory_than_their_bytes() -> None:
    paths = [f"{number:04}" + "/folder-name" * 60 for number in range(1000)]
    made = manifest([Entry(path=path, executable=False, size=0, sha256=SHA) for path in paths])
    with no_more_memory_than(10 * len(made.encoded)):
        found = decode(made.encoded, made.digest)
    assert found == made


@pytest.mark.parametrize(
    "encoded",
    [b"", b"[] ", b"[", b"\xff", b'[["a", "-",0,"' + SHA.encode() + b'"]]', b"[" * 100_000, b"[[NaN]]"],
    ids=["empty", "space", "cut", "not UTF-8", "spaced", "deep", "NaN"],
)
def test_what_is_not_canonical_is_refused(encoded: bytes) -> None:
    with pytest.raises(AssetMismatch):
        decode(encoded, digest_of(encoded))


@pytest.mark.parametrize(
    "path",
    [
        "a\x7fb",
        "a\x1b[31mred",
        "\x85",
        "a\u2028b",
        "\udcff",
        "n" * (MAX_NAME + 1),
        "ü" * (MAX_NAME // 2 + 1),
        "/".join(["n" * 200] * (MAX_PATH // 200 + 1)),
        "/".join("n" * (MAX_DEPTH + 1)),
    ],
)
def test_odd_paths_are_refused(path: str) -> None:
    with pytest.raises(TreeRefused):
        check_path(path)


@pytest.mark.parametrize(
    "path", ["a b", "...", ".hidden", 'q"\\', "日本/语", "n" * MAX_NAME, "/".join("n" * MAX_DEPTH)]
)
def test_ordinary_paths_pass(path: str) -> None:
    check_path(path)
    assert path_key(path) == path.encode()
