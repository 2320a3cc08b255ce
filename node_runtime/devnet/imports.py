"""How does wasm call a host function cheaply? Through wasmtime's C API without its checks and conversions.

A block is some thousand host calls; wasmtime's own Python wrapper makes each take 30 µs, which is most of a block's
time. The C function ``wasmtime_linker_define_func_unchecked`` passes plain 16-byte cells instead: arguments in, the
result in the first one (https://docs.wasmtime.dev/c-api/). The bindings it is reached through are generated from
wasmtime's headers; the version is pinned by the lock file.
"""

import ctypes
from collections.abc import Callable
from typing import Any

import wasmtime
from wasmtime import _bindings as c_api

_MASKS = {"i32": (1 << 32) - 1, "i64": (1 << 64) - 1}  # a cell of a narrow argument has leftovers in its upper half

# as wasmtime_func_unchecked_callback_t, but with the cells as integers: a cell is two of them
_Callback = ctypes.CFUNCTYPE(
    ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int64), ctypes.c_size_t
)
_NO_FINALIZER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)()


class Imports:
    """The host functions of one linker. Keep it as long as the linker: wasm calls into what it holds.

    ``failed`` is told of an exception before it ends the wasm call as a trap.
    """

    def __init__(self, linker: wasmtime.Linker, failed: Callable[[Exception], None]) -> None:
        self._linker = linker
        self._failed = failed
        self._callbacks: list[Any] = []

    def define(self, name: str, kind: wasmtime.FuncType, function: Callable[..., int | None]) -> None:
        """Provide ``env.<name>``. The function gets and gives non-negative integers."""
        callback = self._callback(function, tuple(_MASKS[str(parameter)] for parameter in kind.params))
        self._callbacks.append(callback)
        module, encoded = b"env", name.encode()
        error = c_api.wasmtime_linker_define_func_unchecked(
            self._linker.ptr(),
            ctypes.create_string_buffer(module),
            len(module),
            ctypes.create_string_buffer(encoded),
            len(encoded),
            kind.ptr(),
            ctypes.cast(callback, c_api.wasmtime_func_unchecked_callback_t),
            None,
            _NO_FINALIZER,
        )
        if error:
            raise wasmtime.WasmtimeError(f"cannot define {name}")

    def _callback(self, function: Callable[..., int | None], masks: tuple[int, ...]) -> Any:
        cells = tuple(zip(range(0, 2 * len(masks), 2), masks, strict=True))

        def call(_environment: int, _caller: int, values: Any, _count: int) -> int:
            try:
                result = function(*[values[cell] & mask for cell, mask in cells])
                if result is not None:
                    values[0] = result
            except Exception as failure:  # nothing may pass through wasm's frames
                self._failed(failure)
                return _trap()
            return 0

        return _Callback(call)


def _trap() -> int:
    message = b"a host function failed"
    trap = c_api.wasmtime_trap_new(ctypes.create_string_buffer(message), len(message))
    return ctypes.cast(trap, ctypes.c_void_p).value or 0
