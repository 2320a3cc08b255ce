"""How is a runtime made ready to run? Unpacked, compiled once, and kept compiled in the user's cache folder.

Source of the packed form: sp-maybe-compressed-blob, eight marker bytes and then zstd.
"""

import os
import tempfile
from contextlib import suppress
from functools import cache as once
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import platformdirs
import wasmtime
import zstandard

from node_runtime.errors import InputError

_PACKED = bytes((82, 188, 83, 118, 70, 219, 142, 5))
_MOST_UNPACKED = 50 * 1024 * 1024  # as sp-maybe-compressed-blob


@once
def engine() -> wasmtime.Engine:
    """The one wasmtime engine of this process. Runtimes are deterministic: what may differ by CPU is switched off."""
    config = wasmtime.Config()
    config.cranelift_nan_canonicalization = True
    config.wasm_relaxed_simd = False
    config.wasm_threads = False
    return wasmtime.Engine(config)


def unpacked(code: bytes) -> bytes:
    """The wasm inside a runtime's code, which may be packed or not; `InputError` when it is neither."""
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
    """Where compiled runtimes are kept between runs."""
    return platformdirs.user_cache_path("node-runtime") / "runtimes"


def compiled(wasm: bytes, cache: Path) -> wasmtime.Module:
    """The module, from the cache when a usable one is there. A cache that cannot be used costs only time.

    Two processes may do this at once: a file appears complete or not at all, and both write the same.
    """
    kept = cache / f"{sha256(wasm).hexdigest()}-wasmtime-{version('wasmtime')}.cwasm"
    with suppress(OSError, wasmtime.WasmtimeError):
        content = kept.read_bytes()
        digest, module = content[:32], content[32:]
        # wasmtime trusts what it loads, so a damaged file must not get that far
        if sha256(module).digest() == digest:
            return wasmtime.Module.deserialize(engine(), module)
    try:
        module_of_wasm = wasmtime.Module(engine(), wasm)
    except wasmtime.WasmtimeError as failure:
        raise InputError(f"the runtime is no valid wasm: {failure}", remedy="build the runtime again") from failure
    with suppress(OSError):
        _keep(kept, bytes(module_of_wasm.serialize()))
    return module_of_wasm


def _keep(path: Path, module: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(sha256(module).digest() + module)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
