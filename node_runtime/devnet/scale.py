"""SCALE encoding and decoding of the numbers and byte strings that the host handles.

Source: the SCALE codec, https://docs.polkadot.com/polkadot-protocol/basics/data-encoding/.
"""

import struct


class ScaleError(ValueError):
    """The bytes are truncated or not a valid encoding."""


def compact(number: int) -> bytes:
    """Encode a non-negative integer below 2**536 in compact form."""
    if number < 1 << 6:
        return bytes((number << 2,))
    if number < 1 << 14:
        return (number << 2 | 1).to_bytes(2, "little")
    if number < 1 << 30:
        return (number << 2 | 2).to_bytes(4, "little")
    length = (number.bit_length() + 7) // 8
    return bytes(((length - 4) << 2 | 3,)) + number.to_bytes(length, "little")


def prefixed(data: bytes) -> bytes:
    """Encode a byte string with its length, as ``Vec<u8>``."""
    return compact(len(data)) + data


class Reader:
    """Sequential reader of SCALE values. Raises `ScaleError` at the end of the bytes."""

    def __init__(self, data: bytes, offset: int = 0) -> None:
        self._data = data
        self.offset = offset

    @property
    def finished(self) -> bool:
        return self.offset == len(self._data)

    def take(self, count: int) -> bytes:
        end = self.offset + count
        if end > len(self._data):
            raise ScaleError(f"{count} bytes wanted at offset {self.offset} of {len(self._data)}")
        taken = self._data[self.offset : end]
        self.offset = end
        return taken

    def rest(self) -> bytes:
        return self.take(len(self._data) - self.offset)

    def u8(self) -> int:
        return self.take(1)[0]

    def u32(self) -> int:
        return int(struct.unpack("<I", self.take(4))[0])

    def u64(self) -> int:
        return int(struct.unpack("<Q", self.take(8))[0])

    def u128(self) -> int:
        return int.from_bytes(self.take(16), "little")

    def compact(self) -> int:
        first = self.u8()
        mode = first & 3
        if mode == 3:
            return int.from_bytes(self.take((first >> 2) + 4), "little")
        extra = (0, 1, 3)[mode]
        return int.from_bytes(bytes((first,)) + self.take(extra), "little") >> 2

    def prefixed(self) -> bytes:
        return self.take(self.compact())

    def prefixed_list(self) -> list[bytes]:
        return [self.prefixed() for _ in range(self.compact())]
