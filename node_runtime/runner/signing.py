"""Signatures of an account's key over messages other than transactions."""

from typing import Protocol

from node_runtime.domain.assets import Account

_SIGNATURE_BYTES = 64


class Signer(Protocol):
    """An account with its key."""

    @property
    def account(self) -> Account: ...

    def sign(self, message: bytes) -> bytes:
        """Return a ``MultiSignature``: the scheme's number and the signature."""
        ...


def message(purpose: str, content: bytes) -> bytes:
    """Return the message to sign, of one purpose only, and wrapped as wallets do so that it is no transaction."""
    return b"<Bytes>node-runtime " + purpose.encode() + b" " + content + b"</Bytes>"


def is_signed_by(account: Account, signed: bytes, signature: str) -> bool:
    """Return whether the signature, in hexadecimal, is the account's for the message ``signed``."""
    from substrateinterface import Keypair, KeypairType  # lazy import: slow, and few commands verify

    try:
        scheme, *rest = bytes.fromhex(signature)
        if scheme not in (KeypairType.ED25519, KeypairType.SR25519) or len(rest) != _SIGNATURE_BYTES:
            return False
        return bool(Keypair(ss58_address=account, crypto_type=scheme).verify(signed, bytes(rest)))
    except ValueError:
        return False
