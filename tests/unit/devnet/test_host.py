"""Runtime calls succeed or fail with a reason, and a failed call leaves no changes."""

import sqlite3
from pathlib import Path

import pytest
import wasmtime

from node_runtime.devnet.state.state import EmptyView, Overlay
from node_runtime.devnet.wasm.compiled import unpacked
from node_runtime.devnet.wasm.functions import twox
from node_runtime.devnet.wasm.host import Runtime, RuntimePanic
from node_runtime.errors import InputError


@pytest.fixture(scope="module")
def runtime(code: bytes, cache_folder: Path) -> Runtime:
    return Runtime(code, cache_folder)


@pytest.fixture
def overlay() -> Overlay:
    return Overlay(EmptyView(), lambda: None)


def test_the_same_call_gives_the_same_answer(runtime: Runtime, overlay: Overlay) -> None:
    assert runtime.call("Core_version", b"", overlay) == runtime.call("Core_version", b"", overlay)
    assert overlay.changes() == {}


def test_a_panic_tells_the_runtimes_own_words(runtime: Runtime, overlay: Overlay) -> None:
    with pytest.raises(RuntimePanic, match="Timestamp must be updated once in the block"):
        runtime.call("BlockBuilder_finalize_block", b"", overlay)


def test_a_missing_function_is_reported(runtime: Runtime, overlay: Overlay) -> None:
    for name in ("Core_nothing", "__heap_base", "memory"):
        with pytest.raises(RuntimePanic, match=f"no function {name}"):
            runtime.call(name, b"", overlay)


def test_arguments_that_cannot_be_decoded_are_a_panic(runtime: Runtime, overlay: Overlay) -> None:
    with pytest.raises(RuntimePanic):
        runtime.call("Core_initialize_block", b"\xff", overlay)
    runtime.call("Core_version", b"", overlay)


def test_transactions_left_open_by_a_panic_are_rolled_back(runtime: Runtime, overlay: Overlay) -> None:
    overlay.begin()
    with pytest.raises(RuntimePanic):
        runtime.call("BlockBuilder_finalize_block", b"", overlay)
    assert overlay.depth == 1


def test_a_failing_disk_is_not_taken_for_a_panic(runtime: Runtime) -> None:
    class FailingView:
        def get(self, key: bytes) -> bytes | None:
            raise sqlite3.OperationalError(f"disk I/O error at {key!r}")

        def next_key(self, key: bytes) -> bytes | None:
            return self.get(key)

    with pytest.raises(sqlite3.OperationalError):
        runtime.call("AccountNonceApi_account_nonce", bytes(32), Overlay(FailingView(), lambda: None))


def test_a_large_argument_grows_the_memory(runtime: Runtime, overlay: Overlay) -> None:
    with pytest.raises(RuntimePanic):
        runtime.call("BlockBuilder_apply_extrinsic", bytes(20 << 20), overlay)
    runtime.call("Core_version", b"", overlay)


def test_a_runtime_that_wants_unknown_functions_is_refused(tmp_path: Path) -> None:
    wasm = wasmtime.wat2wasm('(module (import "env" "ext_unheard_of_version_9" (func)))')
    with pytest.raises(InputError, match="ext_unheard_of_version_9"):
        Runtime(bytes(wasm), tmp_path)


def test_packed_and_unpacked_code_are_the_same_runtime(code: bytes, runtime: Runtime, cache_folder: Path) -> None:
    assert Runtime(unpacked(code), cache_folder).functions == runtime.functions


@pytest.mark.parametrize("words", [1, 2])
def test_keys_are_hashed_as_the_library_hashes_them(tmp_path: Path, overlay: Overlay, words: int) -> None:
    hashing = Runtime(_hashing(words), tmp_path)
    for length in (*range(100), 1000, 4097):
        data = bytes((7 * place + length) % 256 for place in range(length))
        assert hashing.call("hash", data, overlay) == twox(data, words), f"{length} bytes"


def test_addresses_outside_the_memory_are_not_hashed(tmp_path: Path, overlay: Overlay) -> None:
    hashing = Runtime(_hashing(2), tmp_path)
    with pytest.raises(RuntimePanic, match="out of bounds"):
        hashing.call("hash_beyond", b"", overlay)


def _hashing(words: int) -> bytes:
    """Build a runtime whose ``hash`` returns the twox of its argument; ``hash_beyond`` hashes beyond the memory."""
    return bytes(
        wasmtime.wat2wasm(f"""
        (module
          (import "env" "memory" (memory 1))
          (import "env" "ext_hashing_twox_{64 * words}_version_1" (func $twox (param i64) (result i32)))
          (global (export "__heap_base") i32 (i32.const 1024))
          (func $answer (param $span i64) (result i64)
            (i64.or (i64.const {8 * words << 32}) (i64.extend_i32_u (call $twox (local.get $span)))))
          (func (export "hash") (param $address i32) (param $length i32) (result i64)
            (call $answer
              (i64.or
                (i64.shl (i64.extend_i32_u (local.get $length)) (i64.const 32))
                (i64.extend_i32_u (local.get $address)))))
          (func (export "hash_beyond") (param i32) (param i32) (result i64)
            (call $answer (i64.const 0xFFFFFFFF00000010))))
        """)
    )
