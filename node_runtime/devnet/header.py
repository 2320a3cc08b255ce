"""What does a block header say, and how is it written? Substrate's header with blake2-256 and 32-bit numbers."""

from dataclasses import dataclass

from .scale import Reader, ScaleError, compact, prefixed
from .trie import blake2_256

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
    """The digest item that tells the runtime in which slot a block is made."""
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
