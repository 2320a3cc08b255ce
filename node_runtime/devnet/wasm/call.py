"""Host calls: the wasm memory and the storage of one runtime call, and the functions bound through wasmtime's C API.

A block makes some thousand host calls; wasmtime's Python wrapper takes 30 µs for each, most of a block's time. The C
function ``wasmtime_linker_define_func_unchecked`` passes plain 16-byte cells instead: arguments in, the result in the
first one (https://docs.wasmtime.dev/c-api/). Its bindings are generated from wasmtime's headers; the lock file pins the
version.
"""

import ctypes
import struct
from collections.abc import Callable
from typing import Any

import wasmtime
from wasmtime import _bindings as c_api

from node_runtime.devnet.scale import prefixed
from node_runtime.devnet.state.state import Overlay

_WORD = struct.Struct("<I")
_IN_USE = struct.Struct("<II")
_MASKS = {"i32": (1 << 32) - 1, "i64": (1 << 64) - 1}  # the upper half of a narrow argument's cell is undefined

# wasmtime_func_unchecked_callback_t with each cell as two integers
_Callback = ctypes.CFUNCTYPE(
    ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int64), ctypes.c_size_t
)
_NO_FINALIZER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)()


class HostRefusal(Exception):
    """The runtime requested an unsupported host operation; the text names it."""


class Memory:
    """A call's wasm memory. Addresses and lengths are non-negative.

    ``_space`` is a view of the memory. Its address is stable while it grows: wasmtime reserves all 4 GiB of addresses.
    """

    def __init__(
        self, store: wasmtime.Store, memory: wasmtime.Memory, allocate: wasmtime.Func, allocator_table: int
    ) -> None:
        self._store = store
        self._memory = memory
        self._allocate = allocate
        self._heap_end = allocator_table + 128
        self._look()

    def read(self, span: int) -> bytes:
        """Return the bytes behind a fat pointer: length << 32 | address."""
        return self.read_at(span & 0xFFFFFFFF, span >> 32)

    def read_at(self, address: int, length: int) -> bytes:
        end = address + length
        if end > self._size:
            self._reach(address, length)
        return self._space[address:end].tobytes()

    def write_at(self, address: int, data: bytes) -> None:
        end = address + len(data)
        if end > self._size:
            self._reach(address, len(data))
        self._space[address:end] = data

    def write_into(self, span: int, data: bytes) -> None:
        """Copy as much of ``data`` as fits into the space behind a fat pointer."""
        self.write_at(span & 0xFFFFFFFF, data[: span >> 32])

    def give(self, data: bytes) -> int:
        """Copy bytes into memory that the runtime frees; return the address."""
        address = self._taken_from_end(len(data))
        self._space[address : address + len(data)] = data
        return address

    def give_span(self, data: bytes) -> int:
        """Like `give`, but return a fat pointer."""
        return self.give(data) | len(data) << 32

    def give_option(self, data: bytes | None) -> int:
        """Return a fat pointer to an ``Option<Vec<u8>>``."""
        return self.give_span(b"\0" if data is None else b"\1" + prefixed(data))

    def _taken_from_end(self, size: int) -> int:
        """Allocate at the heap's end like ``malloc`` without its free list; a call into wasm is twenty times slower."""
        order = (size - 1).bit_length() - 3 if size > 8 else 0
        block: int = _WORD.unpack_from(self._space, self._heap_end)[0]
        after = block + 8 + (8 << order)
        if after > self._size:
            address: int = self._allocate(self._store, size)
            self._look()
            return address & 0xFFFFFFFF
        _WORD.pack_into(self._space, self._heap_end, after)
        _IN_USE.pack_into(self._space, block, order, 1)
        return block + 8

    def _reach(self, address: int, length: int) -> None:
        """Refresh the size of a memory that may have grown. Raises `HostRefusal` for addresses outside it."""
        self._look()
        if address + length > self._size:
            raise HostRefusal(f"{length} bytes at {address} lie outside the memory of {self._size} bytes")

    def _look(self) -> None:
        self._size = self._memory.data_len(self._store)
        start = ctypes.addressof(self._memory.data_ptr(self._store).contents)
        self._space = memoryview((ctypes.c_ubyte * self._size).from_address(start)).cast("B")


class CallContext:
    """One call of the runtime, as its host functions access it.

    ``version_of`` returns the encoded version of another runtime's code. ``last_words`` is the last error that the
    runtime logged, which holds the reason of a panic. ``failure`` is the exception of a host function.
    """

    def __init__(self, memory: Memory, overlay: Overlay, version_of: Callable[[bytes], bytes]) -> None:
        self.memory = memory
        self.overlay = overlay
        self.version_of = version_of
        self.last_words = ""
        self.failure: Exception | None = None


class Imports:
    """The host functions of one linker; it must outlive the linker, which holds pointers into it.

    ``failed`` receives an exception before it ends the wasm call as a trap.
    """

    def __init__(self, linker: wasmtime.Linker, failed: Callable[[Exception], None]) -> None:
        self._linker = linker
        self._failed = failed
        self._callbacks: list[Any] = []

    def define(self, name: str, kind: wasmtime.FuncType, function: Callable[..., int | None]) -> None:
        """Define ``env.<name>``. The function takes and returns non-negative integers."""
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
            except Exception as failure:  # exceptions must not unwind through wasm frames
                self._failed(failure)
                return _trap()
            return 0

        return _Callback(call)


def _trap() -> int:
    message = b"a host function failed"
    trap = c_api.wasmtime_trap_new(ctypes.create_string_buffer(message), len(message))
    return ctypes.cast(trap, ctypes.c_void_p).value or 0
