"""RPC methods that read the state after a block, and the storage queries of the new JSON-RPC interface.

The methods return values, hashes, sizes, keys, changes and proofs. Queries are typed items, answered incrementally.
Source: https://paritytech.github.io/json-rpc-interface-spec/api/chainHead_v1_storage.html.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from itertools import islice

from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.state import trie
from node_runtime.devnet.state.state import StoredState, keys_under
from node_runtime.devnet.state.store import StateDiscarded
from node_runtime.devnet.state.trie import TrieNode, blake2_256

from . import errors
from .request import Json, Params, ReplyRoom, hexed, unhex

_MOST_KEYS = 1000  # per page, as in Substrate nodes
_MOST_READS = 20_000  # values read per request: about a third of a second that blocks other clients
_MOST_PROVED = 1000  # keys per proof, each with its path from the root


def block_number(chain: EmbeddedChain, params: Params, position: int) -> int:
    """Return the number of the block with the given hash, or of the newest without one."""
    wanted = params.optional_data(position)
    if wanted is None:
        return chain.head.number
    number = chain.number_of(wanted)
    if number is None:
        raise errors.unknown_block(wanted)
    return number


def view(chain: EmbeddedChain, params: Params, position: int) -> StoredState:
    """Return the state that a request names. Raises `RpcError` 4003 when it is discarded."""
    number = block_number(chain, params, position)
    try:
        return chain.state_at(number)
    except StateDiscarded as failure:
        raise errors.state_discarded(params.data(position)) from failure


def get_storage(chain: EmbeddedChain, params: Params) -> Json:
    value = view(chain, params, 1).get(params.data(0))
    return None if value is None else hexed(value)


def get_storage_hash(chain: EmbeddedChain, params: Params) -> Json:
    value = view(chain, params, 1).get(params.data(0))
    return None if value is None else hexed(hash_of(value))


@lru_cache(maxsize=4)
def hash_of(value: bytes) -> bytes:
    """Return a value's hash, cached: clients request the code's hash with every block."""
    return blake2_256(value)


def get_storage_size(chain: EmbeddedChain, params: Params) -> Json:
    value = view(chain, params, 1).get(params.data(0))
    return None if value is None else len(value)


def get_keys(chain: EmbeddedChain, params: Params) -> Json:
    """List all keys that fit into a reply. Parameters: prefix, block hash."""
    room = ReplyRoom()
    return [room.hexed(key) for key in keys_under(view(chain, params, 1), params.data(0))]


def get_keys_paged(chain: EmbeddedChain, params: Params) -> Json:
    """List a page of keys. Parameters: prefix, count, the key to start after, block hash."""
    count = params.number(1)
    if count > _MOST_KEYS:
        raise errors.too_many(count, _MOST_KEYS)
    prefix = params.optional_data(0) or b""
    after = params.optional_data(2)
    # substrate-interface passes the prefix itself as the key to start after
    keys = keys_under(view(chain, params, 3), prefix, None if after == prefix else after)
    room = ReplyRoom()
    return [room.hexed(key) for key in islice(keys, count)]


def query_storage_at(chain: EmbeddedChain, params: Params) -> Json:
    keys = params.many_data(0)
    check_reads(len(keys))
    return [storage_changes(chain, view(chain, params, 1), keys, block_number(chain, params, 1), ReplyRoom())]


def query_storage(chain: EmbeddedChain, params: Params) -> Json:
    """Return the values at the first block, then each later block's changes. Parameters: keys, first and last block."""
    keys = params.many_data(0)
    params.data(1)
    first, last = block_number(chain, params, 1), block_number(chain, params, 2)
    if last < first:
        raise errors.invalid_block_range(first, last)
    check_reads((last - first + 1) * len(keys))
    room = ReplyRoom()
    known: dict[bytes, bytes | None] = {}
    told: list[Json] = []
    for number in range(first, last + 1):
        state = chain.state_at(number)
        values = {key: state.get(key) for key in keys}
        changed = [key for key, value in values.items() if number == first or value != known[key]]
        if changed:
            told.append(storage_changes(chain, state, changed, number, room))
        known = values
    return told


def check_reads(count: int) -> None:
    """Raise `RpcError` 4002 for more values than a request may read."""
    if count > _MOST_READS:
        raise errors.too_many(count, _MOST_READS)


def storage_changes(
    chain: EmbeddedChain, state: StoredState, keys: Sequence[bytes], number: int, room: ReplyRoom
) -> Json:
    """Return a ``StorageChangeSet``: the values of some keys after a block."""
    changes: list[Json] = []
    for key in keys:
        value = state.get(key)
        changes.append([room.hexed(key), None if value is None else room.hexed(value)])
    block_hash = chain.hash_at(number)
    return {"block": None if block_hash is None else hexed(block_hash), "changes": changes}


def get_read_proof(chain: EmbeddedChain, params: Params) -> Json:
    """Return the trie nodes that prove the keys' values or absence. Parameters: keys, block hash."""
    keys = params.many_data(0)
    if len(keys) > _MOST_PROVED:
        raise errors.too_many(len(keys), _MOST_PROVED)
    state, number = view(chain, params, 1), block_number(chain, params, 1)
    room = ReplyRoom()
    proof: dict[bytes, Json] = {}
    for node in trie.proof(chain.trie_at(number), state.get, keys):
        if node not in proof:
            proof[node] = room.hexed(node)
    block_hash = chain.hash_at(number)
    return {"at": None if block_hash is None else hexed(block_hash), "proof": list(proof.values())}


class ItemType(StrEnum):
    VALUE = "value"
    HASH = "hash"
    CLOSEST = "closestDescendantMerkleValue"
    VALUES = "descendantsValues"
    HASHES = "descendantsHashes"


@dataclass(frozen=True, kw_only=True)
class Item:
    """A query at or under ``key``; listings start after the key ``after``."""

    key: bytes
    type: ItemType
    after: bytes | None

    @property
    def lists(self) -> bool:
        return self.type in (ItemType.VALUES, ItemType.HASHES)


def items_of(params: Params, position: int) -> list[Item]:
    """Parse the parameter ``items``. Raises `RpcError` -32602."""
    given = params.get(position)
    if not isinstance(given, list):
        raise errors.invalid_params(f"parameter {position + 1} must be a list of items")
    return [_item(one, position) for one in given]


def _item(given: object, position: int) -> Item:
    if not isinstance(given, dict):
        raise errors.invalid_params(f"parameter {position + 1} must be a list of objects")
    key, kind, after = given.get("key"), given.get("type"), given.get("paginationStartKey")
    if not isinstance(key, str) or not isinstance(after, str | None) or kind not in tuple(ItemType):
        raise errors.invalid_params(f"an item needs a key and a type: {', '.join(ItemType)}")
    start = None if after is None else unhex(after, position)
    return Item(key=unhex(key, position), type=ItemType(kind), after=start)


class StorageRead:
    """A resumable query at one block. Each step reopens the state, since blocks are made between steps."""

    def __init__(self, number: int, items: list[Item]) -> None:
        self._number = number
        self._items = deque(items)
        self._after = items[0].after if items else None
        self.told = 0  # approximate bytes of results sent

    @property
    def lists(self) -> bool:
        return any(item.lists for item in self._items)

    @property
    def finished(self) -> bool:
        return not self._items

    def next_results(self, chain: EmbeddedChain, most: int) -> list[dict[str, str]]:
        """Return further results up to ``most`` bytes, empty at the end. Raises `StateDiscarded`."""
        state = chain.state_at(self._number)
        results: list[dict[str, str]] = []
        full = self.told + most
        trie_then = cache(lambda: chain.trie_at(self._number))  # a past block's trie is built on demand
        while self._items:
            item = self._items[0]
            for key, result in self._results(state, item, trie_then):
                results.append(result)
                self.told += sum(len(text) + 12 for text in result.values())
                self._after = key
                if self.told >= full and item.lists:
                    return results
            self._items.popleft()
            self._after = self._items[0].after if self._items else None
            if self.told >= full:
                return results
        return results

    def _results(
        self, state: StoredState, item: Item, trie_then: Callable[[], TrieNode | None]
    ) -> Iterator[tuple[bytes, dict[str, str]]]:
        if item.lists:
            for key in keys_under(state, item.key, self._after):
                yield key, _result(key, state.get(key) or b"", item.type is ItemType.VALUES)
        elif item.type is ItemType.CLOSEST:
            merkle = trie.closest_descendant(trie_then(), item.key)
            if merkle is not None:
                yield item.key, {"key": hexed(item.key), ItemType.CLOSEST.value: hexed(merkle)}
        elif (value := state.get(item.key)) is not None:
            yield item.key, _result(item.key, value, item.type is ItemType.VALUE)


def _result(key: bytes, value: bytes, whole: bool) -> dict[str, str]:
    if whole:
        return {"key": hexed(key), "value": hexed(value)}
    return {"key": hexed(key), "hash": hexed(hash_of(value))}
