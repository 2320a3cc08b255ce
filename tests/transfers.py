"""Transfers signed byte by byte; client libraries take ten times as long."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from substrateinterface import Keypair

from node_runtime.devnet import runtime_api
from node_runtime.devnet.scale import compact, prefixed
from node_runtime.devnet.server.server import RUNTIME
from node_runtime.devnet.state.state import EmptyView, Overlay
from node_runtime.devnet.state.trie import blake2_256
from node_runtime.devnet.wasm.compiled import default_cache
from node_runtime.devnet.wasm.host import Runtime

_BALANCES, _TRANSFER_KEEP_ALIVE = 4, 3
_SIGNED_VERSION_4 = 0x84
_IMMORTAL = b"\0"
UNIT = 10**12


@cache
def packaged_version() -> runtime_api.Version:
    """The version of the packaged runtime."""
    runtime = Runtime(RUNTIME.read_bytes(), default_cache())
    return runtime_api.version(runtime, Overlay(EmptyView(), lambda: None))


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Makes one account's transactions for the chain with this genesis and runtime version."""

    keys: Keypair
    genesis: bytes
    spec_version: int = field(default_factory=lambda: packaged_version().spec_version)
    transaction_version: int = field(default_factory=lambda: packaged_version().transaction_version)

    @property
    def account(self) -> bytes:
        return bytes(self.keys.public_key)

    def transfer(self, to: bytes, amount: int, *, nonce: int, tip: int = 0) -> bytes:
        """A transfer of ``amount`` base units, encoded as clients submit it."""
        return self.transfer_of(self.account, to, amount, nonce=nonce, tip=tip, sign=self._sign)

    def signed(self, call: bytes, *, nonce: int) -> bytes:
        """Any call of this account."""
        return self._encoded(self.account, call, nonce=nonce, tip=0, sign=self._sign)

    def transfer_of(
        self, account: bytes, to: bytes, amount: int, *, nonce: int, sign: Callable[[bytes], bytes], tip: int = 0
    ) -> bytes:
        """The same from another account; ``sign`` makes a ``MultiSignature`` of the bytes it is given."""
        call = bytes((_BALANCES, _TRANSFER_KEEP_ALIVE)) + b"\0" + to + compact(amount)
        return self._encoded(account, call, nonce=nonce, tip=tip, sign=sign)

    def _encoded(self, account: bytes, call: bytes, *, nonce: int, tip: int, sign: Callable[[bytes], bytes]) -> bytes:
        extra = _IMMORTAL + compact(nonce) + compact(tip)
        versions = struct.pack("<II", self.spec_version, self.transaction_version)
        payload = call + extra + versions + self.genesis + self.genesis
        signature = sign(blake2_256(payload) if len(payload) > 256 else payload)
        return prefixed(bytes((_SIGNED_VERSION_4, 0)) + account + signature + extra + call)

    def _sign(self, payload: bytes) -> bytes:
        return b"\1" + bytes(self.keys.sign(payload))


def development_keys() -> dict[str, Keypair]:
    """The accounts that the development preset endows, by name."""
    return {name: Keypair.create_from_uri(f"//{name}") for name in ("Alice", "Bob", "Charlie", "Dave", "Eve")}
