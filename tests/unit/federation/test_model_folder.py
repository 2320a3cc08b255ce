"""Untrusted model folders are refused before they can do harm."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from node_runtime.federation.model_folder import MAX_DIRECTORY, ModelRefused, read_info, read_structure, read_weights
from tests.unit.federation.model_folders import arrays, model_folder


def header(shape: str, kind: str = "<f4") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def with_member(
    folder: Path, content: bytes, name: str = "hidden/0_kernel.npy", kind: int = zipfile.ZIP_STORED
) -> Path:
    model_folder(folder)
    with zipfile.ZipFile(folder / "weights.npz", "w", kind) as archive:
        archive.writestr(name, content)
    return folder


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"name": "a", "contributor": "b"}, "info.json: samples: is missing"),
        ({"name": "a", "contributor": "b", "samples": 0}, "info.json: samples: is 0"),
        ({"name": "a", "contributor": "b", "samples": -3}, "info.json: samples: is -3"),
        ({"name": "a", "contributor": "b", "samples": 1e9}, "info.json: samples: is 1000000000.0"),
        ({"name": "a", "contributor": "b", "samples": True}, "info.json: samples: is True"),
        ({"name": "a", "contributor": "b", "samples": 10**40}, "info.json: samples: is 1000"),
        ({"name": "a", "samples": 3}, "info.json: contributor: is missing"),
        ({"name": ["a"], "contributor": "b", "samples": 3}, "info.json: name: is no short text"),
        ([1], "info.json: not a JSON object"),
    ],
)
def test_info_that_says_too_little_is_refused(tmp_path: Path, info: object, said: str) -> None:
    folder = model_folder(tmp_path / "a", info=info)
    with pytest.raises(ModelRefused) as refused:
        read_info(folder)
    assert str(refused.value).startswith(said)


def test_weights_that_are_no_numbers_are_counted_and_named(tmp_path: Path) -> None:
    weights = arrays()
    weights["hidden/1_bias"][1] = np.nan
    with pytest.raises(ModelRefused, match="hidden/1_bias: 1 of 2 weights are no finite numbers"):
        read_weights(model_folder(tmp_path / "a", weights))


def test_a_pickle_is_refused_without_being_loaded(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="hidden/0_kernel: holds object, not numbers"):
        read_weights(with_member(tmp_path / "array", header("()", "|O") + pickle.dumps({"a": 1})))
    with pytest.raises(ModelRefused, match="hidden/0_kernel: not a NumPy array"):
        read_weights(with_member(tmp_path / "bare", pickle.dumps({"a": 1})))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    zeros = io.BytesIO()
    np.save(zeros, np.zeros(4_000_000, dtype=np.float32))
    folder = with_member(tmp_path / "a", zeros.getvalue(), kind=zipfile.ZIP_DEFLATED)
    assert (folder / "weights.npz").stat().st_size < 100_000
    with pytest.raises(ModelRefused, match=r"weights.npz: 1 arrays of 16,000,128 bytes together"):
        read_weights(folder, limit=1_000_000)


@pytest.mark.parametrize("shape", ["(4, 1000000000000)", "(-1,)", "(0, 3)", "(2,)"])
def test_a_shape_that_the_file_does_not_have_is_refused(tmp_path: Path, shape: str) -> None:
    folder = with_member(tmp_path / "a", header(shape) + bytes(5000))
    with pytest.raises(ModelRefused, match="but not so many numbers"):
        read_weights(folder)


def test_a_file_other_than_an_archive_of_arrays_is_refused(tmp_path: Path) -> None:
    empty = model_folder(tmp_path / "empty")
    with zipfile.ZipFile(empty / "weights.npz", "w"):
        pass
    text = model_folder(tmp_path / "text")
    (text / "weights.npz").write_text("weights")
    with pytest.raises(ModelRefused, match="there are no weights in it"):
        read_weights(empty)
    with pytest.raises(ModelRefused, match="not a NumPy archive"):
        read_weights(text)
    with pytest.raises(ModelRefused, match="something else than arrays"):
        read_weights(with_member(tmp_path / "other", b"#!/bin/sh", name="run.sh"))


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_that_numpy_does_not_write_is_refused(tmp_path: Path, kind: int) -> None:
    with pytest.raises(ModelRefused, match="none of NumPy's"):
        read_weights(with_member(tmp_path / "a", header("(1,)") + bytes(4), kind=kind))


@pytest.mark.parametrize("shape", [f"({'1, ' * 65})", f"(0, {10**30})", "(True,)"])
def test_a_shape_that_no_array_can_have_is_refused(tmp_path: Path, shape: str) -> None:
    folder = with_member(tmp_path / "a", header(shape) + bytes(0 if "0," in shape else 4))
    with pytest.raises(ModelRefused, match="hidden/0_kernel: has no such shape"):
        read_weights(folder)


@pytest.mark.parametrize("name", ["hidden/../../kernel.npy", "/hidden.npy", "hidden/\x1b[31m.npy"])
def test_an_array_whose_name_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelRefused, match=r"weights.npz: an array is called '"):
        read_weights(with_member(tmp_path / "a", header("(1,)") + bytes(4), name=name))


def test_an_archive_whose_list_of_entries_is_large_itself_is_refused_before_it_is_read(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "a")
    with zipfile.ZipFile(folder / "weights.npz", "w") as archive:
        for number in range(1 + MAX_DIRECTORY // 60_000):
            entry = zipfile.ZipInfo(f"{number}.npy")
            entry.comment = bytes(60_000)
            archive.writestr(entry, b"")
    with pytest.raises(ModelRefused, match="in one piece"):
        read_weights(folder)


def test_files_that_are_not_there_or_links_are_refused(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "a")
    (folder / "weights.npz").unlink()
    (folder / "structure.json").rename(tmp_path / "elsewhere")
    (folder / "structure.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelRefused, match=r"weights.npz: isn't there"):
        read_weights(folder)
    with pytest.raises(ModelRefused, match=r"structure.json: isn't there"):
        read_structure(folder)


def test_json_that_is_none_or_nested_without_end_is_refused(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "a")
    for text in ("{", "[" * 100_000):
        (folder / "structure.json").write_text(text)
        with pytest.raises(ModelRefused, match=r"structure.json: not JSON"):
            read_structure(folder)
    (folder / "info.json").write_text(json.dumps({"name": "a" * (2 << 20)}))
    with pytest.raises(ModelRefused, match=r"info.json: larger than"):
        read_info(folder)
