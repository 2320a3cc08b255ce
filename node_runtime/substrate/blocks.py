"""Caches of finalised blocks and their events, and `Snapshot`, the typed reads of the state at one block."""

import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, TypeAlias

from node_runtime.errors import ChainUnavailable

from .codec import Codec, Event
from .connection import Requests
from .current_codec import CurrentCodec, keep

_FRESH = 0.003  # seconds for which a fetched head is reused, so that concurrent reads share one request
_KEPT = 256  # blocks


@dataclass(frozen=True, kw_only=True)
class Block:
    """A finalised block with the blake2-256 of each extrinsic, in order."""

    number: int
    hash: str
    extrinsics: tuple[bytes, ...]

    def index(self, wanted: Collection[bytes]) -> int | None:
        """Return the index of the first extrinsic with one of these hashes, None without one."""
        return next((index for index, name in enumerate(self.extrinsics) if name in wanted), None)


class FinalisedBlocks:
    """Fetch finalised blocks by polling; no method waits for a new block. Safe to share between threads."""

    def __init__(self, connection: Requests, codecs: CurrentCodec) -> None:
        self._connection = connection
        self._codecs = codecs
        self._lock = threading.Lock()
        self._asked = 0.0
        self._newest: str | None = None
        self._head: Block | None = None
        self._blocks: OrderedDict[str, Block] = OrderedDict()
        self._events: OrderedDict[str, tuple[Event, ...]] = OrderedDict()

    def head(self) -> Block:
        with self._lock:
            newest = self._look()
            if self._head is None or self._head.hash != newest:
                self._head = self._block(newest)
            return self._head

    def recent(self) -> Block:
        """Return a finalised block that was the head when it was fetched; ask the node only where there is none yet."""
        return self._head or self.head()

    def head_hash(self) -> str:
        """Return the hash of the finalised head without fetching its block."""
        with self._lock:
            return self._look()

    def at(self, number: int) -> Block:
        """Return the block with this number, which must not be above the head."""
        head = self.head()
        if number == head.number:
            return head
        block_hash = self.hash_of(number)
        with self._lock:
            return self._block(block_hash)

    def hash_of(self, number: int) -> str:
        """Return the hash of the block with this number, which must not be above the finalised head."""
        block_hash = self._connection.request("chain_getBlockHash", number)
        if block_hash is None:
            raise ChainUnavailable(
                f"the chain's node doesn't have the finalised block {number} any more",
                remedy="check that it is the same node as before, with all of its data",
            )
        return str(block_hash)

    def events(self, block: Block, codec: Codec) -> tuple[Event, ...]:
        with self._lock:
            found = self._events.get(block.hash)
            if found is None:
                key = codec.key("System", "Events", ())
                found = codec.events(key, self._connection.request("state_getStorage", key.to_hex(), block.hash))
                keep(self._events, block.hash, found, 8)
            return found

    def _look(self) -> str:
        if self._newest is None or time.monotonic() - self._asked > _FRESH:
            self._newest = str(self._connection.request("chain_getFinalizedHead"))
            self._asked = time.monotonic()
        return self._newest

    def _block(self, block_hash: str) -> Block:
        found = self._blocks.get(block_hash)
        if found is None:
            block = self._connection.request("chain_getBlock", block_hash)["block"]
            extrinsics = tuple(extrinsic_hash(bytes.fromhex(extrinsic[2:])) for extrinsic in block["extrinsics"])
            found = Block(number=int(block["header"]["number"], 16), hash=block_hash, extrinsics=extrinsics)
            keep(self._blocks, block_hash, found, _KEPT)
            self._codecs.follow(block_hash, block["header"])
        return found


def extrinsic_hash(encoded: bytes) -> bytes:
    """Return the blake2-256 digest by which nodes identify an extrinsic."""
    return blake2b(encoded, digest_size=32).digest()


StorageItem: TypeAlias = tuple[str, str, Sequence[object]]
"""Pallet, item and parameters of a storage key."""

U64 = 8  # bytes of a numeric parameter at the end of a key
_PAGE = 1000  # keys per request; nodes refuse more


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The state after the block with this hash; reads that must be consistent share one snapshot."""

    connection: Requests
    codec: Codec
    block: str

    def value(self, pallet: str, item: str, *params: object) -> Any:
        """Return one value as plain Python, None or the item's default when the key is absent."""
        key = self.codec.key(pallet, item, params)
        return self.codec.value(key, self.connection.request("state_getStorage", key.to_hex(), self.block))

    def values(self, pallet: str, item: str, params: Sequence[Sequence[object]]) -> list[Any]:
        """Return one item's values for many parameters, in their order, one round trip per page of keys."""
        return self.values_of([(pallet, item, each) for each in params])

    def values_of(self, items: Sequence[StorageItem]) -> list[Any]:
        """Return the values of different items (pallet, item, parameters), in their order, in one round trip."""
        keys = [self.codec.key(pallet, item, params) for pallet, item, params in items]
        found = self._query([key.to_hex() for key in keys])
        return [self.codec.value(key, found.get(key.to_hex())) for key in keys]

    def are_stored(self, items: Sequence[StorageItem]) -> list[bool]:
        """Return of each item whether the state has it, also where it is stored without a value, in one round trip."""
        keys = [self.codec.key(pallet, item, params).to_hex() for pallet, item, params in items]
        found = self._query(keys)
        return [found.get(key) is not None for key in keys]

    def tails(self, pallet: str, item: str, *params: object, size: int) -> list[bytes]:
        """Return the last `size` bytes of each key under a prefix: the last parameter of a concatenating hasher."""
        return [bytes.fromhex(key[-2 * size :]) for key in self.keys(self.codec.key(pallet, item, params).to_hex())]

    def ids(self, pallet: str, item: str, *params: object) -> list[int]:
        """Return the last parameter, a u64, of each key under a prefix, sorted: nodes list keys by hash."""
        return sorted(number(tail) for tail in self.tails(pallet, item, *params, size=U64))

    def entries(self, pallet: str, item: str, *params: object, size: int) -> list[tuple[bytes, Any]]:
        """Return each key's tail, as in `tails`, with its value."""
        prefix = self.codec.key(pallet, item, params)
        keys = list(self.keys(prefix.to_hex()))
        found = self._query(keys)
        return [(bytes.fromhex(key[-2 * size :]), self.codec.value(prefix, found[key])) for key in keys]

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys under a prefix, both in hex, one request per page of them."""
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
