"""Does a runtime call end well or say why, and leave nothing behind when it does not?"""

import sqlite3
from pathlib import Path

import pytest

from node_runtime.devnet.compiled import unpacked
from node_runtime.devnet.host import Runtime, RuntimePanic
from node_runtime.devnet.state import EmptyView, Overlay
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


def test_a_function_that_is_not_there_is_told(runtime: Runtime, overlay: Overlay) -> None:
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
    import wasmtime

    wasm = wasmtime.wat2wasm('(module (import "env" "ext_unheard_of_version_9" (func)))')
    with pytest.raises(InputError, match="ext_unheard_of_version_9"):
        Runtime(bytes(wasm), tmp_path)


def test_packed_and_unpacked_code_are_the_same_runtime(code: bytes, runtime: Runtime, cache_folder: Path) -> None:
    assert Runtime(unpacked(code), cache_folder).functions == runtime.functions
