"""How does a block come to be? From genesis by the runtime's own presets, later from transactions, and once more when
it is executed again to check it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from node_runtime.errors import InputError

from . import api, trie
from .header import Header, aura_slot, decode_header
from .host import Runtime, RuntimePanic
from .host_functions import twox
from .scale import Reader, compact, prefixed
from .state import EmptyView, Overlay

CODE_KEY = b":code"
NO_HASH = bytes(32)
_NOW_KEY = twox(b"Timestamp", 2) + twox(b"Now", 2)
_MOST_TRANSACTIONS = 128  # about half a second of work; the rest waits for the next block, so that queries get a turn


@dataclass(frozen=True, kw_only=True)
class Built:
    """A block ready to be stored. ``refused`` are the transactions that cannot stand in any block from here on."""

    header: Header
    extrinsics: tuple[bytes, ...]
    overlay: Overlay
    included: tuple[bytes, ...]
    refused: tuple[bytes, ...]


def genesis(runtime: Runtime, code: bytes, preset: str) -> tuple[Header, Overlay]:
    """The first block's header and state, as the runtime's named preset describes them.

    Raises `InputError` when the runtime has no such preset or refuses it.
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
    runtime: Runtime, overlay: Overlay, parent: Header, *, now: int, slot_duration: int, transactions: Iterable[bytes]
) -> Built:
    """A block after ``parent`` with as many of the transactions, in their order, as fit.

    ``overlay`` lies over the parent's state; ``now`` is in milliseconds since 1970, ``slot_duration`` in
    milliseconds. Time on chain always advances, so a clock that stands or was set back counts on by single
    milliseconds.
    """
    time = max(now, timestamp(overlay) + 1)
    unsealed = Header(
        parent=parent.hash,
        number=parent.number + 1,
        state_root=NO_HASH,
        extrinsics_root=NO_HASH,
        digest=(aura_slot(time // slot_duration),),
    )
    runtime.call("Core_initialize_block", unsealed.encode(), overlay)
    extrinsics = api.inherents(runtime, overlay, time)
    for inherent in extrinsics:
        refusal = api.apply(runtime, overlay, inherent)
        if refusal is not None:
            raise RuntimePanic(f"the runtime refuses its own inherent: {refusal.text}")
    included, refused = _apply_transactions(runtime, overlay, transactions)
    header = decode_header(runtime.call("BlockBuilder_finalize_block", b"", overlay))
    return Built(
        header=header,
        extrinsics=(*extrinsics, *included),
        overlay=overlay,
        included=tuple(included),
        refused=tuple(refused),
    )


def execute(runtime: Runtime, overlay: Overlay, header: Header, extrinsics: Iterable[bytes]) -> None:
    """Execute a block over its parent's state; raises `RuntimePanic` when it comes out differently, roots included."""
    bodies = tuple(extrinsics)
    runtime.call("Core_execute_block", header.encode() + compact(len(bodies)) + b"".join(bodies), overlay)


def timestamp(overlay: Overlay) -> int:
    """The newest block's time in milliseconds since 1970, 0 at genesis."""
    stored = overlay.get(_NOW_KEY)
    return int.from_bytes(stored, "little") if stored else 0


def _apply_transactions(
    runtime: Runtime, overlay: Overlay, transactions: Iterable[bytes]
) -> tuple[list[bytes], list[bytes]]:
    included: list[bytes] = []
    refused: list[bytes] = []
    for transaction in transactions:
        if len(included) == _MOST_TRANSACTIONS:
            break
        overlay.begin()
        try:
            refusal = api.apply(runtime, overlay, transaction)
        except RuntimePanic:
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


def _preset(runtime: Runtime, name: str | None) -> Any:
    """A genesis configuration: the default one, which is complete, or what a named preset changes in it."""
    argument = b"\0" if name is None else b"\1" + prefixed(name.encode())
    overlay = Overlay(EmptyView(), lambda: None)
    answer = runtime.call("GenesisBuilder_get_preset", argument, overlay)
    if not answer[0]:
        known = Reader(runtime.call("GenesisBuilder_preset_names", b"", overlay)).prefixed_list()
        names = ", ".join(known_name.decode() for known_name in known)
        raise InputError(f"the runtime has no preset {name!r}", remedy=f"choose one of: {names}")
    return json.loads(Reader(answer, 1).prefixed())


def _merged(config: Any, patch: Any) -> Any:
    """JSON Merge Patch (RFC 7396) without removals, as Substrate's chain specifications do it."""
    if not isinstance(config, dict) or not isinstance(patch, dict):
        return patch
    return {**config, **{key: _merged(config.get(key), value) for key, value in patch.items()}}
