"""A runtime is compiled once; a damaged, missing or concurrently used cache is handled."""

from pathlib import Path

import pytest
import wasmtime

from node_runtime.devnet.wasm.compiled import compiled, unpacked
from node_runtime.errors import InputError
from tests.background import all_at_once

MODULE = b"\0asm\1\0\0\0"  # an empty module


def kept(cache: Path) -> list[Path]:
    return sorted(cache.iterdir())


def test_a_compiled_runtime_is_kept_and_used_again(tmp_path: Path) -> None:
    compiled(MODULE, tmp_path)
    first = kept(tmp_path)[0].stat().st_mtime_ns
    assert isinstance(compiled(MODULE, tmp_path), wasmtime.Module)
    assert [path.stat().st_mtime_ns for path in kept(tmp_path)] == [first]


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda _: b"", lambda c: c[:60] + b"!" + c[61:]])
def test_a_damaged_copy_is_compiled_again(tmp_path: Path, damage: object) -> None:
    compiled(MODULE, tmp_path)
    path = kept(tmp_path)[0]
    content = path.read_bytes()
    path.write_bytes(damage(content))  # type: ignore[operator]
    compiled(MODULE, tmp_path)
    assert path.read_bytes() == content


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert isinstance(compiled(MODULE, tmp_path / "file" / "cache"), wasmtime.Module)


def test_several_at_once_leave_one_complete_copy(tmp_path: Path) -> None:
    all_at_once([lambda: compiled(MODULE, tmp_path)] * 8)
    assert len(kept(tmp_path)) == 1
    compiled(MODULE, tmp_path)


def test_a_damaged_packed_runtime_is_told(code: bytes) -> None:
    with pytest.raises(InputError, match="damaged"):
        unpacked(code[:100] + bytes(100) + code[200:])


def test_what_is_no_wasm_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no valid wasm"):
        compiled(b"text", tmp_path)
