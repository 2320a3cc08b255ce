"""Blocks: headers in Substrate's format with blake2-256 and 32-bit numbers, construction and re-execution."""

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from node_runtime.devnet.state.state import EmptyView, Overlay, View
from node_runtime.devnet.state.trie import blake2_256
from node_runtime.devnet.wasm.functions import twox
from node_runtime.devnet.wasm.host import Runtime, RuntimePanic
from node_runtime.errors import InputError

from . import runtime_api
from .scale import Reader, ScaleError, compact, prefixed
from .state import trie

log = logging.getLogger(__name__)

CodeCheck = Callable[[bytes], str | None]
"""Returns the reason why a runtime's code is unusable, None for usable code."""

CODE_KEY = b":code"
NO_HASH = bytes(32)
_NOW_KEY = twox(b"Timestamp", 2) + twox(b"Now", 2)
_ONLY_INHERENTS = b"\1"  # sp-runtime's ExtrinsicInclusionMode
_MOST_TRANSACTIONS = 128  # about half a second of work; the rest waits for the next block, which lets queries run
# kinds of digest items
_OTHER, _CONSENSUS, _SEAL, _PRE_RUNTIME, _CODE_CHANGED = 0, 4, 5, 6, 8
_AURA = b"aura"


@dataclass(frozen=True, kw_only=True)
class Header:
    """A block header. ``digest`` holds encoded digest items; hashes and roots are 32 bytes."""

    parent: bytes
    number: int
    state_root: bytes
    extrinsics_root: bytes
    digest: tuple[bytes, ...]

    def encode(self) -> bytes:
        parts = (self.parent, compact(self.number), self.state_root, self.extrinsics_root, compact(len(self.digest)))
        return b"".join((*parts, *self.digest))

    @property
    def hash(self) -> bytes:
        return blake2_256(self.encode())


def decode_header(encoded: bytes) -> Header:
    reader = Reader(encoded)
    return Header(
        parent=reader.take(32),
        number=reader.compact(),
        state_root=reader.take(32),
        extrinsics_root=reader.take(32),
        digest=tuple(_digest_item(reader, encoded) for _ in range(reader.compact())),
    )


def aura_slot(slot: int) -> bytes:
    """Return the digest item that carries a block's slot to the runtime."""
    return bytes((_PRE_RUNTIME,)) + _AURA + prefixed(slot.to_bytes(8, "little"))


def _digest_item(reader: Reader, encoded: bytes) -> bytes:
    start = reader.offset
    kind = reader.u8()
    if kind in (_CONSENSUS, _SEAL, _PRE_RUNTIME):
        reader.take(4)
        reader.prefixed()
    elif kind == _OTHER:
        reader.prefixed()
    elif kind != _CODE_CHANGED:
        raise ScaleError(f"unknown digest item {kind}")
    return encoded[start : reader.offset]


@dataclass(frozen=True, kw_only=True)
class Built:
    """A block ready to be stored. ``refused`` are the transactions that are invalid in every later block.

    ``only_inherents`` means that the runtime accepts no transactions while it migrates its storage.
    """

    header: Header
    extrinsics: tuple[bytes, ...]
    overlay: Overlay
    included: tuple[bytes, ...]
    refused: tuple[bytes, ...]
    only_inherents: bool


def genesis(runtime: Runtime, code: bytes, preset: str) -> tuple[Header, Overlay]:
    """Build the genesis block's header and state from the runtime's named preset.

    Raises `InputError` when the runtime lacks the preset or refuses it.
    """
    overlay = Overlay(EmptyView(), lambda: None)
    config = _merged(_preset(runtime, None), _preset(runtime, preset))
    overlay.set(CODE_KEY, code)
    answer = runtime.call("GenesisBuilder_build_state", prefixed(json.dumps(config).encode()), overlay)
    if answer[0]:
        reason = Reader(answer, 1).prefixed().decode(errors="replace")
        raise InputError(f"the runtime refuses its preset {preset!r}: {reason}", remedy="build the runtime again")
    root = trie.root_of(overlay.trie())
    header = Header(parent=NO_HASH, number=0, state_root=root, extrinsics_root=trie.EMPTY_ROOT, digest=())
    return header, overlay


def build(
    runtime: Runtime,
    overlay: Overlay,
    parent: Header,
    *,
    now: int,
    slot_duration: int,
    transactions: Iterable[bytes],
    check_code: CodeCheck,
) -> Built:
    """Build a block after ``parent`` with as many of the transactions, in their order, as fit.

    ``overlay`` is on the parent's state; ``now`` is in milliseconds since 1970, ``slot_duration`` in milliseconds.
    Chain time is strictly increasing: with a stopped or set-back clock each block adds one millisecond. A transaction
    that sets code which ``check_code`` finds unusable is refused: no block could be built with it.
    """
    time = max(now, timestamp(overlay) + 1)
    only_inherents = _begin(runtime, overlay, parent, time // slot_duration) == _ONLY_INHERENTS
    extrinsics = runtime_api.inherents(runtime, overlay, time)
    for inherent in extrinsics:
        refusal = runtime_api.apply(runtime, overlay, inherent)
        if refusal is not None:
            raise RuntimePanic(f"the runtime refuses its own inherent: {refusal.text}")
    included, refused = _apply_transactions(runtime, overlay, () if only_inherents else transactions, check_code)
    header = decode_header(runtime.call("BlockBuilder_finalize_block", b"", overlay))
    return Built(
        header=header,
        extrinsics=(*extrinsics, *included),
        overlay=overlay,
        included=tuple(included),
        refused=tuple(refused),
        only_inherents=only_inherents,
    )


def dry_run(runtime: Runtime, overlay: Overlay, parent: Header, extrinsic: bytes, *, slot_duration: int) -> bytes:
    """Return the encoded ``ApplyExtrinsicResult`` of an extrinsic as the first in a block after ``parent``."""
    _begin(runtime, overlay, parent, (timestamp(overlay) + 1) // slot_duration)
    return runtime.call("BlockBuilder_apply_extrinsic", extrinsic, overlay)


def execute(runtime: Runtime, overlay: Overlay, header: Header, extrinsics: Iterable[bytes]) -> None:
    """Execute a block on its parent's state. Raises `RuntimePanic` when the result differs, roots included."""
    bodies = tuple(extrinsics)
    runtime.call("Core_execute_block", header.encode() + compact(len(bodies)) + b"".join(bodies), overlay)


def timestamp(state: View) -> int:
    """Return the newest block's time in milliseconds since 1970, 0 at genesis."""
    stored = state.get(_NOW_KEY)
    return int.from_bytes(stored, "little") if stored else 0


def _begin(runtime: Runtime, overlay: Overlay, parent: Header, slot: int) -> bytes:
    """Initialise the block after ``parent``; return the encoded ``ExtrinsicInclusionMode``."""
    unsealed = Header(
        parent=parent.hash,
        number=parent.number + 1,
        state_root=NO_HASH,
        extrinsics_root=NO_HASH,
        digest=(aura_slot(slot),),
    )
    return runtime.call("Core_initialize_block", unsealed.encode(), overlay)


def _apply_transactions(
    runtime: Runtime, overlay: Overlay, transactions: Iterable[bytes], check_code: CodeCheck
) -> tuple[list[bytes], list[bytes]]:
    included: list[bytes] = []
    refused: list[bytes] = []
    for transaction in transactions:
        if len(included) == _MOST_TRANSACTIONS:
            break
        overlay.begin()
        try:
            refusal = runtime_api.apply(runtime, overlay, transaction)
        except RuntimePanic:
            overlay.rollback()
            refused.append(transaction)
            continue
        reason = _unusable_code(overlay, check_code) if refusal is None else None
        if reason is not None:
            log.error("excluded a transaction that sets code unusable as a runtime: %s", reason)
            overlay.rollback()
            refused.append(transaction)
            continue
        if refusal is None:
            overlay.commit()
            included.append(transaction)
            continue
        overlay.rollback()
        if refusal.exhausts_block and included:
            break  # it may fit into the next block
        refused.append(transaction)
    return included, refused


def _unusable_code(overlay: Overlay, check_code: CodeCheck) -> str | None:
    """Return why the code that the last transaction set is unusable, None for usable code and without a change."""
    return check_code(overlay.get(CODE_KEY) or b"") if overlay.changed_last(CODE_KEY) else None


def _preset(runtime: Runtime, name: str | None) -> Any:
    """Return a genesis configuration: the complete default, or the patch of a named preset."""
    argument = b"\0" if name is None else b"\1" + prefixed(name.encode())
    overlay = Overlay(EmptyView(), lambda: None)
    answer = runtime.call("GenesisBuilder_get_preset", argument, overlay)
    if not answer[0]:
        known = Reader(runtime.call("GenesisBuilder_preset_names", b"", overlay)).prefixed_list()
        names = ", ".join(known_name.decode() for known_name in known)
        raise InputError(f"the runtime has no preset {name!r}", remedy=f"choose one of: {names}")
    return json.loads(Reader(answer, 1).prefixed())


def _merged(config: Any, patch: Any) -> Any:
    """Apply a JSON Merge Patch (RFC 7396) without removals, as Substrate's chain specifications do."""
    if not isinstance(config, dict) or not isinstance(patch, dict):
        return patch
    return {**config, **{key: _merged(config.get(key), value) for key, value in patch.items()}}
