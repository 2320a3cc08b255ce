"""A node's key without a chain, which signs as `SubstrateChain` does."""

from dataclasses import dataclass

from substrateinterface import Keypair

from node_runtime.domain.assets import Account


@dataclass(frozen=True)
class NodeKey:
    pair: Keypair

    @property
    def account(self) -> Account:
        return Account(self.pair.ss58_address)

    def sign(self, message: bytes) -> bytes:
        return bytes([self.pair.crypto_type]) + bytes(self.pair.sign(message))


def development_key(name: str) -> NodeKey:
    return NodeKey(Keypair.create_from_uri(f"//{name}", ss58_format=42))
