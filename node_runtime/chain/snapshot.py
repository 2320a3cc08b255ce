"""What does the chain's state say at one finalised block?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .codec import Codec
from .connection import Connection

U64 = 8  # bytes of a key's last parameter that is a number
_PAGE = 1000  # keys a request; nodes refuse more


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The state after the block with this hash. All reads of one question use one snapshot, so that they agree."""

    connection: Connection
    codec: Codec
    block: str

    def value(self, pallet: str, item: str, *params: object) -> Any:
        """One value as plain Python, None (or the item's default) when it isn't there."""
        key = self.codec.key(pallet, item, params)
        return self.codec.value(key, self.connection.request("state_getStorage", key.to_hex(), self.block))

    def values(self, pallet: str, item: str, params: Sequence[Sequence[object]]) -> list[Any]:
        """The values for many parameters, in their order, in few round trips."""
        keys = [self.codec.key(pallet, item, each) for each in params]
        found = self._query([key.to_hex() for key in keys])
        return [self.codec.value(key, found.get(key.to_hex())) for key in keys]

    def tails(self, pallet: str, item: str, *params: object, size: int) -> list[bytes]:
        """The last `size` bytes of each key under a prefix: with concatenating hashers that is the last parameter."""
        return [bytes.fromhex(key[-2 * size :]) for key in self._keys(self.codec.key(pallet, item, params).to_hex())]

    def ids(self, pallet: str, item: str, *params: object) -> list[int]:
        """The last parameter of each key under a prefix, a u64, ascending: keys come in the order of their hashes."""
        return sorted(number(tail) for tail in self.tails(pallet, item, *params, size=U64))

    def entries(self, pallet: str, item: str, *params: object, size: int) -> list[tuple[bytes, Any]]:
        """Each key's tail, as in `tails`, with its value."""
        prefix = self.codec.key(pallet, item, params)
        keys = list(self._keys(prefix.to_hex()))
        found = self._query(keys)
        return [(bytes.fromhex(key[-2 * size :]), self.codec.value(prefix, found[key])) for key in keys]

    def _keys(self, prefix: str) -> Iterator[str]:
        last = None
        while True:
            page: list[str] = self.connection.request("state_getKeysPaged", prefix, _PAGE, last, self.block)
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1]

    def _query(self, keys: list[str]) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        for start in range(0, len(keys), _PAGE):
            for changes in self.connection.request("state_queryStorageAt", keys[start : start + _PAGE], self.block):
                found.update(changes["changes"])
        return found


def number(tail: bytes) -> int:
    return int.from_bytes(tail, "little")
