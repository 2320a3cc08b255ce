"""RPC methods ``chainHead_v1_*``: a client follows the newest blocks and queries those it pins.

Blocks are final at once: each is reported as ``newBlock``, ``bestBlockChanged`` and ``finalized``, in this order.
Source: https://paritytech.github.io/json-rpc-interface-spec/api/chainHead.html.
"""

import secrets
from dataclasses import dataclass, field

from node_runtime.devnet import runtime_api
from node_runtime.devnet.blocks import CODE_KEY
from node_runtime.devnet.chain import EmbeddedChain, Sealed
from node_runtime.devnet.state.store import StateDiscarded, StoredBlock
from node_runtime.devnet.wasm.host import RuntimePanic
from node_runtime.errors import NodeRuntimeError

from . import errors
from .request import LARGEST_REPLY, ConnectionMethods, Json, Params, Subscriber, hexed, notice
from .storage import StorageRead, items_of

_MOST_FOLLOWS = 4  # per connection; the specification requires at least two
_MOST_PINNED = 1024  # blocks per subscription; states are kept for more blocks
_MOST_OPERATIONS = 16  # operations per subscription that wait for ``continue``
_MOST_ITEMS = 1000  # per storage query; the rest are discarded, as the specification permits
_RECENT = 16  # finalised blocks in the first notification, for reconnecting clients
_PIECE = 256 * 1024  # bytes of results per notification


@dataclass(kw_only=True, eq=False)
class Follow:
    """One subscription. ``waiting`` are storage queries paused until the client calls ``continue``."""

    id: str
    subscriber: Subscriber
    with_runtime: bool
    pinned: set[bytes]
    waiting: dict[str, StorageRead] = field(default_factory=dict)

    def tell(self, event: str, **fields: Json) -> None:
        self.subscriber.push(notice("chainHead_v1_followEvent", self.id, {"event": event, **fields}))


class ChainHead:
    """All ``chainHead`` subscriptions of a server."""

    def __init__(self) -> None:
        self._open: dict[str, Follow] = {}

    def methods(self) -> ConnectionMethods:
        return {
            "chainHead_v1_body": self.body,
            "chainHead_v1_call": self.call,
            "chainHead_v1_continue": self.go_on,
            "chainHead_v1_follow": self.follow,
            "chainHead_v1_header": self.header,
            "chainHead_v1_stopOperation": self.stop_operation,
            "chainHead_v1_storage": self.storage,
            "chainHead_v1_unfollow": self.unfollow,
            "chainHead_v1_unpin": self.unpin,
        }

    def follows(self, subscriber: Subscriber) -> bool:
        return any(follow.subscriber is subscriber for follow in self._open.values())

    def forget(self, subscriber: Subscriber) -> None:
        """Drop the state of a closed connection."""
        self._open = {name: follow for name, follow in self._open.items() if follow.subscriber is not subscriber}

    def block_sealed(self, chain: EmbeddedChain, sealed: Sealed) -> None:
        for follow in tuple(self._open.values()):
            if len(follow.pinned) >= _MOST_PINNED:
                del self._open[follow.id]
                follow.tell("stop")
                continue
            follow.pinned.add(sealed.block.hash)
            _tell_block(follow, chain, sealed)

    def follow(self, chain: EmbeddedChain, params: Params, subscriber: Subscriber) -> Json:
        with_runtime = params.flag(0)
        if sum(follow.subscriber is subscriber for follow in self._open.values()) >= _MOST_FOLLOWS:
            raise errors.TOO_MANY_FOLLOWS
        head = chain.head.number
        recent = [chain.hash_at(number) for number in range(max(0, head - _RECENT + 1), head + 1)]
        hashes = [block_hash for block_hash in recent if block_hash is not None]
        follow = Follow(id=secrets.token_hex(8), subscriber=subscriber, with_runtime=with_runtime, pinned=set(hashes))
        self._open[follow.id] = follow
        runtime: dict[str, Json] = {"finalizedBlockRuntime": _runtime(chain, head)} if with_runtime else {}
        follow.tell("initialized", finalizedBlockHashes=[hexed(one) for one in hashes], **runtime)
        follow.tell("bestBlockChanged", bestBlockHash=hexed(chain.head.hash))
        return follow.id

    def unfollow(self, _chain: EmbeddedChain, params: Params, subscriber: Subscriber) -> Json:
        if (follow := self._find(params, subscriber)) is not None:
            del self._open[follow.id]
        return None

    def unpin(self, _chain: EmbeddedChain, params: Params, subscriber: Subscriber) -> Json:
        given = params.get(1)
        hashes = params.many_data(1) if isinstance(given, list) else [params.data(1)]
        if (follow := self._find(params, subscriber)) is None:
            return None
        if len(set(hashes)) != len(hashes):
            raise errors.UNPINNED_TWICE
        if not follow.pinned.issuperset(hashes):
            raise errors.BLOCK_NOT_PINNED
        follow.pinned.difference_update(hashes)
        return None

    def header(self, chain: EmbeddedChain, params: Params, subscriber: Subscriber) -> Json:
        params.data(1)
        if (follow := self._find(params, subscriber)) is None:
            return None
        return hexed(_pinned(chain, params, follow).header)

    def body(self, chain: EmbeddedChain, params: Params, subscriber: Subscriber) -> Json:
        params.data(1)
        if (follow := self._find(params, subscriber)) is None:
            return _LIMIT_REACHED
        block = _pinned(chain, params, follow)
        operation = secrets.token_hex(8)
        extrinsics = [hexed(extrinsic) for extrinsic in block.extrinsics]
        follow.tell("operationBodyDone", operationId=operation, value=extrinsics)
        return _started(operation)

    def call(self, chain: EmbeddedChain, params: Params, subscriber: Subscriber) -> Json:
        """Call a runtime function. Parameters: subscription, block hash, function, encoded arguments."""
        function, argument = params.text(2), params.data(3)
        if (follow := self._find(params, subscriber)) is None:
            return _LIMIT_REACHED
        if not follow.with_runtime:
            raise errors.FOLLOWED_WITHOUT_RUNTIME
        number = _pinned(chain, params, follow).number
        operation = secrets.token_hex(8)
        try:
            output = chain.runtime_at(number).runtime.call(function, argument, chain.overlay_at(number))
        except RuntimePanic as failure:
            follow.tell("operationError", operationId=operation, error=str(failure)[:1000])
        except StateDiscarded:
            follow.tell("operationInaccessible", operationId=operation)
        else:
            follow.tell("operationCallDone", operationId=operation, output=hexed(output))
        return _started(operation)

    def storage(self, chain: EmbeddedChain, params: Params, subscriber: Subscriber) -> Json:
        """Query storage; child tries are empty. Parameters: subscription, block hash, items, child trie."""
        items, child = items_of(params, 2), params.optional_data(3)
        if (follow := self._find(params, subscriber)) is None:
            return _LIMIT_REACHED
        block = _pinned(chain, params, follow)
        if len(follow.waiting) >= _MOST_OPERATIONS:
            return _LIMIT_REACHED
        operation = secrets.token_hex(8)
        taken = items[:_MOST_ITEMS] if child is None else []
        _continue(follow, chain, operation, StorageRead(block.number, taken))
        return {**_started(operation), "discardedItems": max(0, len(items) - _MOST_ITEMS)}

    def go_on(self, chain: EmbeddedChain, params: Params, subscriber: Subscriber) -> Json:
        operation = params.text(1)
        follow = self._find(params, subscriber)
        if follow is not None and (read := follow.waiting.pop(operation, None)) is not None:
            _continue(follow, chain, operation, read)
        return None

    def stop_operation(self, _chain: EmbeddedChain, params: Params, subscriber: Subscriber) -> Json:
        operation = params.text(1)
        if (follow := self._find(params, subscriber)) is not None:
            follow.waiting.pop(operation, None)
        return None

    def _find(self, params: Params, subscriber: Subscriber) -> Follow | None:
        """Return the client's subscription that a request names, None without one."""
        follow = self._open.get(params.text(0))
        return follow if follow is not None and follow.subscriber is subscriber else None


_LIMIT_REACHED: Json = {"result": "limitReached"}


def _started(operation: str) -> dict[str, Json]:
    return {"result": "started", "operationId": operation}


def _pinned(chain: EmbeddedChain, params: Params, follow: Follow) -> StoredBlock:
    block_hash = params.data(1)
    number = chain.number_of(block_hash) if block_hash in follow.pinned else None
    block = None if number is None else chain.block_at(number)
    if block is None:
        raise errors.BLOCK_NOT_PINNED
    return block


def _continue(follow: Follow, chain: EmbeddedChain, operation: str, read: StorageRead) -> None:
    """Send results until a notification is full; only queries that list keys may wait for ``continue``."""
    may_wait = read.lists
    try:
        while not read.finished:
            if not may_wait and read.told > LARGEST_REPLY:
                follow.tell("operationError", operationId=operation, error="the values are larger than a reply may be")
                return
            results = read.next_results(chain, _PIECE)
            if results:
                follow.tell("operationStorageItems", operationId=operation, items=results)
            if may_wait and not read.finished:
                follow.waiting[operation] = read
                follow.tell("operationWaitingForContinue", operationId=operation)
                return
    except StateDiscarded:
        follow.tell("operationInaccessible", operationId=operation)
        return
    follow.tell("operationStorageDone", operationId=operation)


def _tell_block(follow: Follow, chain: EmbeddedChain, sealed: Sealed) -> None:
    block_hash = hexed(sealed.block.hash)
    runtime: dict[str, Json] = {}
    if follow.with_runtime:
        runtime["newRuntime"] = _runtime(chain, sealed.block.number) if CODE_KEY in sealed.changes else None
    follow.tell("newBlock", blockHash=block_hash, parentBlockHash=hexed(sealed.header.parent), **runtime)
    follow.tell("bestBlockChanged", bestBlockHash=block_hash)
    follow.tell("finalized", finalizedBlockHashes=[block_hash], prunedBlockHashes=[])


def _runtime(chain: EmbeddedChain, number: int) -> Json:
    try:
        version = chain.runtime_at(number).version
    except NodeRuntimeError as failure:
        return {"type": "invalid", "error": str(failure)}
    return {"type": "valid", "spec": _spec(version)}


def _spec(version: runtime_api.Version) -> Json:
    return {
        "specName": version.spec_name,
        "implName": version.impl_name,
        "specVersion": version.spec_version,
        "implVersion": version.impl_version,
        "transactionVersion": version.transaction_version,
        "apis": {hexed(name): number for name, number in version.apis},
    }
