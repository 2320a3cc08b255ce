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
    """A call's wasm memory. Addresses and lengths are non-negative."""

    def __init__(
        self, store: wasmtime.Store, memory: wasmtime.Memory, allocate: wasmtime.Func, allocator_table: int
    ) -> None:
        self._store = store
        self._memory = memory
        self._allocate = allocate
        self._heap_end = allocator_table + 128
        # stays where it is while the memory grows: wasmtime reserves the whole 4 GiB of addresses
        self._start = ctypes.addressof(memory.data_ptr(store).contents)
        self._size = memory.data_len(store)

    def read(self, span: int) -> bytes:
        """The bytes behind a fat pointer: length << 32 | address."""
        return self.read_at(span & 0xFFFFFFFF, span >> 32)

    def read_at(self, address: int, length: int) -> bytes:
        return ctypes.string_at(self._checked(address, length), length)

    def write_at(self, address: int, data: bytes) -> None:
        ctypes.memmove(self._checked(address, len(data)), data, len(data))

    def write_into(self, span: int, data: bytes) -> None:
        """Copy as much of ``data`` as the space behind a fat pointer holds."""
        self.write_at(span & 0xFFFFFFFF, data[: span >> 32])

    def give(self, data: bytes) -> int:
        """Put bytes where the runtime will find and free them; returns the address."""
        address = self._taken_from_end(len(data))
        self.write_at(address, data)
        return address

    def give_span(self, data: bytes) -> int:
        """As `give`, but returns a fat pointer."""
        return self.give(data) | len(data) << 32

    def give_option(self, data: bytes | None) -> int:
        """A fat pointer to an ``Option<Vec<u8>>``."""
        return self.give_span(b"\0" if data is None else b"\1" + prefixed(data))

    def _taken_from_end(self, size: int) -> int:
        """What ``malloc`` would give, did it not look for freed blocks: a call into wasm costs twenty times as much."""
        order = max(0, (size - 1).bit_length() - 3)
        block: int = _WORD.unpack(self.read_at(self._heap_end, 4))[0]
        after = block + 8 + (8 << order)
        if not self._reaches(after):
            address: int = self._allocate(self._store, size)
            return address & 0xFFFFFFFF
        self.write_at(self._heap_end, _WORD.pack(after))
        self.write_at(block, _IN_USE.pack(order, 1))
        return block + 8

    def _checked(self, address: int, length: int) -> int:
        if not self._reaches(address + length):
            raise HostRefusal(f"{length} bytes at {address} lie outside the memory of {self._size} bytes")
        return self._start + address

    def _reaches(self, end: int) -> bool:
        if end > self._size:
            self._size = self._memory.data_len(self._store)  # it may have grown since we looked
        return end <= self._size


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
