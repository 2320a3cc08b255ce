"""How is a call signed? Envelope and signature of a version 4 extrinsic, mortal.

Source: the Substrate documentation on extrinsic encoding; `Codec` has checked that the chain's extensions are these.
"""

import struct
from dataclasses import dataclass
from hashlib import blake2b

from substrateinterface import Keypair

from .codec import Codec

LIFETIME = 64  # blocks; a power of two
_SIGNED_VERSION_4 = b"\x84"
_ACCOUNT_ID = b"\0"  # of MultiAddress
_LONGEST_UNHASHED = 256  # bytes of a payload that are signed as they are


@dataclass(frozen=True, kw_only=True)
class Transaction:
    """A signed call. The same bytes can be sent again and again: they count once.

    It can stand in blocks after `birth` and before `death` only, and only as its account's `nonce`-th.
    """

    encoded: bytes
    nonce: int
    birth: int
    death: int

    @property
    def hex(self) -> str:
        return "0x" + self.encoded.hex()


def sign(codec: Codec, key: Keypair, call: bytes, *, nonce: int, block: int, block_hash: str) -> Transaction:
    """Sign a call that lives from `block`, a finalised one, for `LIFETIME` blocks."""
    era = codec.encode("Era", {"period": LIFETIME, "phase": block % LIFETIME})
    extra = era + codec.encode("Compact<u32>", nonce) + codec.encode("Compact<u128>", 0)  # no tip
    versions = struct.pack("<II", codec.version.spec, codec.version.transaction)
    payload = call + extra + versions + bytes.fromhex(codec.version.genesis[2:]) + bytes.fromhex(block_hash[2:])
    if len(payload) > _LONGEST_UNHASHED:
        payload = blake2b(payload, digest_size=32).digest()
    signature = bytes([key.crypto_type]) + key.sign(payload)
    body = _SIGNED_VERSION_4 + _ACCOUNT_ID + key.public_key + signature + extra + call
    encoded = codec.encode("Compact<u32>", len(body)) + body
    return Transaction(encoded=encoded, nonce=nonce, birth=block, death=block + LIFETIME)
