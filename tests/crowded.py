"""A stored chain of runtime 1 with many records: copies of those that it has, under new numbers."""

from hashlib import blake2b

from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.scale import compact, prefixed
from node_runtime.devnet.state.state import keys_under
from node_runtime.devnet.wasm.functions import twox
from tests.transfers import Signer, development_keys

_COPIED = ("Tasks", "Specs", "Assignments", "Submissions")
_SUDO_SET_STORAGE = bytes((6, 0, 0, 4))
_FIRST_COPY = 1_000
_MOST_ITEMS = 3_000
"""Of one transaction: what a block has room for."""


def crowd(chain: EmbeddedChain, count: int) -> int:
    """Adds ``count`` tasks in all, with the attempts and results of those they are copied from; tells how many records
    that makes."""
    view = chain.state_at(chain.head.number)
    records = [(key, view.get(key) or b"") for name in _COPIED for key in keys_under(view, _prefix(name))]
    originals = sorted(key[-8:] for key, _ in records if key.startswith(_prefix("Tasks")))
    copies = []
    for number in range(count):
        original, copy = originals[number % len(originals)], (_FIRST_COPY + number).to_bytes(8, "little")
        copies += [
            (key.replace(_hashed(original), _hashed(copy)), value) for key, value in records if _hashed(original) in key
        ]
    for start in range(0, len(copies), _MOST_ITEMS):
        _set_storage(chain, copies[start : start + _MOST_ITEMS])
    return len(copies)


def _set_storage(chain: EmbeddedChain, items: list[tuple[bytes, bytes]]) -> None:
    version, genesis = chain.runtime_at(chain.head.number).version, chain.hash_at(0)
    assert genesis is not None
    alice = Signer(
        keys=development_keys()["Alice"],
        genesis=genesis,
        spec_version=version.spec_version,
        transaction_version=version.transaction_version,
    )
    encoded = compact(len(items)) + b"".join(prefixed(key) + prefixed(value) for key, value in items)
    chain.submit(alice.signed(_SUDO_SET_STORAGE + encoded, nonce=chain.next_nonce(alice.account)))
    chain.seal()
    key, value = items[-1]
    assert chain.state_at(chain.head.number).get(key) == value


def _prefix(name: str) -> bytes:
    return twox(b"Tasks", 2) + twox(name.encode(), 2)


def _hashed(number: bytes) -> bytes:
    """As FRAME's Blake2_128Concat."""
    return blake2b(number, digest_size=16).digest() + number
