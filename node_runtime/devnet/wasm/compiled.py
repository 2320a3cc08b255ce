"""Compilation of runtimes: unpacked, compiled once, kept in the user's cache folder.

Source of the packed form: sp-maybe-compressed-blob, eight marker bytes and then zstd.
"""

from contextlib import suppress
from functools import cache as once
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import platformdirs
import wasmtime
import zstandard

from node_runtime.errors import HostError, InputError
from node_runtime.platform.files import write_atomically

_PACKED = bytes((82, 188, 83, 118, 70, 219, 142, 5))
_MOST_UNPACKED = 50 * 1024 * 1024  # as sp-maybe-compressed-blob


def engine(*, interruptible: bool = False) -> wasmtime.Engine:
    """Return the engine of calls that can be interrupted, or of calls that can't, which take 6% less time.

    Runtimes are deterministic: features that differ by CPU are off.
    """
    return _engine(interruptible)


@once
def _engine(interruptible: bool) -> wasmtime.Engine:
    config = wasmtime.Config()
    config.cranelift_nan_canonicalization = True
    config.wasm_relaxed_simd = False
    config.wasm_threads = False
    config.epoch_interruption = interruptible
    return wasmtime.Engine(config)


def unpacked(code: bytes) -> bytes:
    """Return the wasm of a runtime's code, which may be packed. Raises `InputError` for damaged or too large code."""
    if not code.startswith(_PACKED):
        return code
    try:
        with zstandard.ZstdDecompressor().stream_reader(code[len(_PACKED) :]) as stream:
            wasm = stream.read(_MOST_UNPACKED + 1)
    except zstandard.ZstdError as failure:
        raise InputError(
            f"the runtime's compressed code is damaged: {failure}", remedy="build or check out the runtime again"
        ) from failure
    if len(wasm) > _MOST_UNPACKED:
        raise InputError(f"the runtime unpacks to more than {_MOST_UNPACKED} bytes", remedy="use a smaller runtime")
    return wasm


def default_cache() -> Path:
    """Return the folder of compiled runtimes."""
    return platformdirs.user_cache_path("node-runtime") / "runtimes"


def compiled(wasm: bytes, cache: Path, *, interruptible: bool = False) -> wasmtime.Module:
    """Return the module, from the cache if it has a usable one. An unusable cache costs only time.

    Two processes may do this at once: files are written atomically, and both write the same.
    """
    kind = "-interruptible" if interruptible else ""
    kept = cache / f"{sha256(wasm).hexdigest()}-wasmtime-{version('wasmtime')}{kind}.cwasm"
    own = engine(interruptible=interruptible)
    with suppress(OSError, wasmtime.WasmtimeError):
        content = kept.read_bytes()
        digest, module = content[:32], content[32:]
        # wasmtime trusts what it loads, so a damaged file must not get that far
        if sha256(module).digest() == digest:
            return wasmtime.Module.deserialize(own, module)
    try:
        module_of_wasm = wasmtime.Module(own, wasm)
    except wasmtime.WasmtimeError as failure:
        raise InputError(f"the runtime is no valid wasm: {failure}", remedy="build the runtime again") from failure
    with suppress(OSError, HostError):
        _keep(kept, bytes(module_of_wasm.serialize()))
    return module_of_wasm


def _keep(path: Path, module: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(path, sha256(module).digest() + module, mode=0o600)
