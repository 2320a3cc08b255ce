"""How does a test make many transfers quickly? By writing the bytes itself; client libraries take ten times as long."""

import struct
from dataclasses import dataclass

from substrateinterface import Keypair

from node_runtime.devnet.scale import compact, prefixed
from node_runtime.devnet.trie import blake2_256

_BALANCES, _TRANSFER_KEEP_ALIVE = 4, 3
_SIGNED_VERSION_4 = 0x84
_IMMORTAL = b"\0"
UNIT = 10**12


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Makes one account's transactions for the chain with this genesis and runtime version."""

    keys: Keypair
    genesis: bytes
    spec_version: int = 1
    transaction_version: int = 1

    @property
    def account(self) -> bytes:
        return bytes(self.keys.public_key)

    def transfer(self, to: bytes, amount: int, *, nonce: int, tip: int = 0) -> bytes:
        """A transfer of ``amount`` base units, encoded as clients submit it."""
        call = bytes((_BALANCES, _TRANSFER_KEEP_ALIVE)) + b"\0" + to + compact(amount)
        return self.signed(call, nonce=nonce, tip=tip)

    def signed(self, call: bytes, *, nonce: int, tip: int = 0) -> bytes:
        extra = _IMMORTAL + compact(nonce) + compact(tip)
        versions = struct.pack("<II", self.spec_version, self.transaction_version)
        payload = call + extra + versions + self.genesis + self.genesis
        signature = self.keys.sign(blake2_256(payload) if len(payload) > 256 else payload)
        return prefixed(bytes((_SIGNED_VERSION_4, 0)) + self.account + b"\1" + signature + extra + call)


def development_keys() -> dict[str, Keypair]:
    """The accounts that the development preset endows, by name."""
    return {name: Keypair.create_from_uri(f"//{name}") for name in ("Alice", "Bob", "Charlie", "Dave", "Eve")}
