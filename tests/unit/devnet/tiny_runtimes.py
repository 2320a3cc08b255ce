"""Runtimes of a few hundred bytes whose calls have fixed answers; the packaged one takes seconds to compile."""

from collections.abc import Mapping

import wasmtime

from node_runtime.devnet.blocks import Header
from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.scale import prefixed
from node_runtime.devnet.state.state import EmptyView, Overlay

HEADER = Header(parent=bytes(32), number=1, state_root=bytes(32), extrinsics_root=bytes(32), digest=())
"""The header of each block that a tiny runtime makes."""

ENDLESS = "(loop $for_ever br $for_ever) unreachable"


def tiny_runtime(answers: Mapping[str, bytes], *, bodies: Mapping[str, str] | None = None, start: str = "") -> bytes:
    """Build a runtime; ``bodies`` are instructions before a call's answer, ``start`` those of the module's start."""
    functions, data, address = "", "", 0
    for name, answer in answers.items():
        escaped = "".join(f"\\{byte:02x}" for byte in answer)
        data += f'(data (i32.const {address}) "{escaped}")'
        body, span = (bodies or {}).get(name, ""), len(answer) << 32 | address
        functions += f'(func (export "{name}") (param i32 i32) (result i64) {body} (i64.const {span}))'
        address += len(answer)
    if start:
        functions += f"(func $start {start}) (start $start)"
    heap = '(global (export "__heap_base") i32 (i32.const 16384))'
    return bytes(wasmtime.wat2wasm(f'(module (import "env" "memory" (memory 1)) {heap} {data} {functions})'))


def usable_answers(chain: EmbeddedChain) -> dict[str, bytes]:
    """The answers of a runtime that starts as the chain's own does, and makes empty blocks."""
    runtime, nothing = chain.runtime_at(0).runtime, Overlay(EmptyView(), lambda: None)
    answers = {name: runtime.call(name, b"", nothing) for name in ("Core_version", "AuraApi_slot_duration")}
    answers["Metadata_metadata_at_version"] = b"\1" + prefixed(b"meta")
    answers["Core_initialize_block"] = answers["BlockBuilder_inherent_extrinsics"] = b"\0"
    answers["BlockBuilder_finalize_block"] = HEADER.encode()
    return answers
