"""What can a host function reach? The memory of the call that asked, its storage, and little else."""

import ctypes
import struct
from collections.abc import Callable

import wasmtime

from .scale import prefixed
from .state import Overlay

_WORD = struct.Struct("<I")
_IN_USE = struct.Struct("<II")


class HostRefusal(Exception):
    """The runtime asked for something this host does not give; the text says what."""


class Memory:
    """A call's wasm memory. Addresses and lengths are non-negative.

    ``_space`` is that memory as bytes. It stays where it is while it grows: wasmtime reserves the whole 4 GiB of
    addresses.
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
        """The bytes behind a fat pointer: length << 32 | address."""
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
        """Copy as much of ``data`` as the space behind a fat pointer holds."""
        self.write_at(span & 0xFFFFFFFF, data[: span >> 32])

    def give(self, data: bytes) -> int:
        """Put bytes where the runtime will find and free them; returns the address."""
        address = self._taken_from_end(len(data))
        self._space[address : address + len(data)] = data
        return address

    def give_span(self, data: bytes) -> int:
        """As `give`, but returns a fat pointer."""
        return self.give(data) | len(data) << 32

    def give_option(self, data: bytes | None) -> int:
        """A fat pointer to an ``Option<Vec<u8>>``."""
        return self.give_span(b"\0" if data is None else b"\1" + prefixed(data))

    def _taken_from_end(self, size: int) -> int:
        """What ``malloc`` would give, did it not look for freed blocks: a call into wasm costs twenty times as much."""
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
        """The memory may have grown since we looked; raises `HostRefusal` when it is still too small."""
        self._look()
        if address + length > self._size:
            raise HostRefusal(f"{length} bytes at {address} lie outside the memory of {self._size} bytes")

    def _look(self) -> None:
        self._size = self._memory.data_len(self._store)
        start = ctypes.addressof(self._memory.data_ptr(self._store).contents)
        self._space = memoryview((ctypes.c_ubyte * self._size).from_address(start)).cast("B")


class Call:
    """One call of the runtime, as its host functions see it.

    ``version_of`` tells the encoded version of some other runtime's code. ``last_words`` is the last error the
    runtime logged: before a panic it says there why. ``failure`` is what a host function met.
    """

    def __init__(self, memory: Memory, overlay: Overlay, version_of: Callable[[bytes], bytes]) -> None:
        self.memory = memory
        self.overlay = overlay
        self.version_of = version_of
        self.last_words = ""
        self.failure: Exception | None = None
