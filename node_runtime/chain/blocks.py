"""What stands in the finalised blocks? Shared by all threads, so that each block is fetched and decoded once."""

import threading
import time
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

from node_runtime.errors import ChainUnavailable

from .codec import Codec, Event
from .connection import Connection

T = TypeVar("T")
_FRESH = 0.003  # seconds for which the head is taken as known, so that threads and reads in a row ask once
_KEPT = 256  # blocks


@dataclass(frozen=True, kw_only=True)
class Block:
    """A finalised block: the blake2-256 of each extrinsic, in order."""

    number: int
    hash: str
    extrinsics: tuple[bytes, ...]

    def index(self, wanted: Collection[bytes]) -> int | None:
        """Where the first extrinsic with one of these hashes stands."""
        return next((index for index, name in enumerate(self.extrinsics) if name in wanted), None)


class FinalisedBlocks:
    """Looks at finalised blocks by polling; nothing here waits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
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

    def head_hash(self) -> str:
        """The hash alone, for who wants to read the state there."""
        with self._lock:
            return self._look()

    def at(self, number: int) -> Block:
        """The block with this number, which must not be above the head."""
        head = self.head()
        if number == head.number:
            return head
        with self._lock:
            block_hash = self._connection.request("chain_getBlockHash", number)
            if block_hash is None:
                raise ChainUnavailable(
                    f"the chain's node doesn't have the finalised block {number} any more",
                    remedy="check that it is the same node as before, with all of its data",
                )
            return self._block(block_hash)

    def events(self, block: Block, codec: Codec) -> tuple[Event, ...]:
        with self._lock:
            found = self._events.get(block.hash)
            if found is None:
                key = codec.key("System", "Events", ())
                found = codec.events(key, self._connection.request("state_getStorage", key.to_hex(), block.hash))
                _keep(self._events, block.hash, found, 8)
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
            _keep(self._blocks, block_hash, found, _KEPT)
        return found


def extrinsic_hash(encoded: bytes) -> bytes:
    """blake2-256, as nodes name extrinsics."""
    return blake2b(encoded, digest_size=32).digest()


def _keep(kept: OrderedDict[str, T], name: str, value: T, most: int) -> None:
    kept[name] = value
    while len(kept) > most:
        kept.popitem(last=False)
