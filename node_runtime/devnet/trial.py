"""Trials of new runtime code before a block sets it: whether blocks can follow, and what the migrations weigh."""

import logging
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import wasmtime

from node_runtime.devnet.state.state import EmptyView, Overlay, View
from node_runtime.devnet.wasm.functions import twox
from node_runtime.devnet.wasm.host import Runtime, RuntimePanic
from node_runtime.errors import InputError

from . import blocks, runtime_api
from .scale import Reader, ScaleError

log = logging.getLogger(__name__)

_BROKEN_CODE = (InputError, RuntimePanic, ValueError, wasmtime.WasmtimeError, wasmtime.Trap)
_WEIGHT_KEY = twox(b"System", 2) + twox(b"BlockWeight", 2)
_SECOND = 10**12  # of weight, which is in picoseconds
_CLASSES = 3


class Trials:
    """The trials of a chain's new runtimes. ``refused``: why each unusable one is, by sha256 of its code."""

    def __init__(self, cache_folder: Path, wall_clock: Callable[[], int]) -> None:
        self._cache_folder = cache_folder
        self._wall_clock = wall_clock
        self.refused: dict[bytes, str] = {}

    def version_of(self, code: bytes) -> runtime_api.Version:
        """Return a runtime's version. Raises `InputError` for code that is no runtime."""
        overlay = Overlay(EmptyView(), lambda: None)
        try:
            return runtime_api.version(Runtime(code, self._cache_folder, on_trial=True), overlay)
        except (RuntimePanic, ScaleError, wasmtime.WasmtimeError) as failure:
            raise InputError(f"this runtime states no version: {failure}", remedy="use this network's own") from failure

    def why_unusable(self, code: bytes, *, spec_name: str) -> str | None:
        """Return why the code can't be a runtime of this name, None where it can or wasn't tried out yet."""
        digest = sha256(code).digest()
        if digest not in self.refused:
            try:
                named = self.version_of(code).spec_name
            except _BROKEN_CODE as failure:
                self.refused[digest] = str(failure)
            else:
                if named != spec_name:
                    self.refused[digest] = f"it is a runtime of {named!r}, not of {spec_name!r}"
        return self.refused.get(digest)

    def refuse(self, code: bytes, reason: str) -> None:
        """Remember why the code is unusable."""
        self.refused[sha256(code).digest()] = reason

    def try_out(self, code: bytes, built: blocks.Built) -> str | None:
        """Return why no block could be built after ``built``, which sets the code; None where one could."""
        overlay = built.overlay
        depth = overlay.depth
        overlay.begin()
        try:
            loaded = runtime_api.load_runtime(Runtime(code, self._cache_folder, on_trial=True), overlay)
            blocks.build(
                loaded.runtime,
                overlay,
                built.header,
                now=self._wall_clock(),
                slot_duration=loaded.slot_duration,
                transactions=(),
                check_code=lambda _: None,
            )
            heavy = too_heavy(overlay, largest_weight(loaded.version, loaded.metadata))
            if heavy is not None:
                log.warning("%s; this chain has no slots to miss and takes it", heavy)
        except _BROKEN_CODE as failure:
            return str(failure)
        finally:
            overlay.rollback_to(depth)
        return None


def too_heavy(state: View, limit: int) -> str | None:
    """Return why the newest block weighs more than ``limit`` picoseconds of computing; None where it doesn't.

    A migration is executed whatever it weighs, but real nodes would miss the block's slot.
    """
    weight = block_weight(state)
    if weight <= limit:
        return None
    return (
        f"the block that migrates the chain's storage weighs {weight / _SECOND:.2f} s of computing, and a block holds "
        f"{limit / _SECOND:.2f} s"
    )


def largest_weight(version: runtime_api.Version, metadata: bytes) -> int:
    """Return the most that a block may weigh, in picoseconds: the runtime's constant ``System.BlockWeights``."""
    # a client's libraries take 16 MB, and only an upgrade needs them
    from node_runtime.substrate.codec import Codec, RuntimeVersion

    known = RuntimeVersion(genesis="", code="", spec=version.spec_version, transaction=version.transaction_version)
    reader = Reader(Codec(known, metadata).encoded_constants("System")["BlockWeights"])
    for _ in ("a block's own computing", "its bytes of proof"):
        reader.compact()
    return reader.compact()


def block_weight(state: View) -> int:
    """Return the newest block's weight in picoseconds."""
    reader = Reader(state.get(_WEIGHT_KEY) or bytes(2 * _CLASSES))
    total = 0
    for _ in range(_CLASSES):
        total += reader.compact()
        reader.compact()  # bytes of proof
    return total
