"""RPC methods ``archive_v1_*``: one block of any age, and storage queries at any block with a kept state.

Source: https://paritytech.github.io/json-rpc-interface-spec/api/archive.html.
"""

import secrets

from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.state.store import StateDiscarded, StoredBlock
from node_runtime.devnet.wasm.host import RuntimePanic

from . import errors
from .request import ConnectionMethods, Json, Params, Subscriber, hexed, notice
from .storage import StorageRead, items_of

_MOST_ITEMS = 1000
_MOST_TOLD = 8 * 1024 * 1024  # bytes of results; notifications are about twice as large


def body(chain: EmbeddedChain, params: Params) -> Json:
    block = _block(chain, params)
    return None if block is None else [hexed(extrinsic) for extrinsic in block.extrinsics]


def header(chain: EmbeddedChain, params: Params) -> Json:
    block = _block(chain, params)
    return None if block is None else hexed(block.header)


def finalized_height(chain: EmbeddedChain, _params: Params) -> Json:
    return chain.head.number


def hash_by_height(chain: EmbeddedChain, params: Params) -> Json:
    found = chain.hash_at(params.number(0))
    return [] if found is None else [hexed(found)]


def call(chain: EmbeddedChain, params: Params) -> Json:
    """Call a runtime function. Parameters: block hash, function, encoded arguments."""
    function, argument = params.text(1), params.data(2)
    block = _block(chain, params)
    if block is None:
        return None
    try:
        output = chain.runtime_at(block.number).runtime.call(function, argument, chain.overlay_at(block.number))
    except RuntimePanic as failure:
        return {"success": False, "error": str(failure)[:1000]}
    except StateDiscarded:
        return {"success": False, "error": errors.state_discarded(block.hash).message}
    return {"success": True, "value": hexed(output)}


def storage(chain: EmbeddedChain, params: Params, subscriber: Subscriber) -> Json:
    """Send all results at once, up to the limit. Parameters: block hash, items, child trie."""
    block_hash, items, child = params.data(0), items_of(params, 1), params.optional_data(2)
    if len(items) > _MOST_ITEMS:
        raise errors.too_many(len(items), _MOST_ITEMS)
    operation = secrets.token_hex(8)
    number = chain.number_of(block_hash)
    if number is None:
        _tell(subscriber, operation, {"event": "storageError", "error": "no block has this hash"})
        return operation
    read = StorageRead(number, items if child is None else [])
    try:
        results = read.next_results(chain, _MOST_TOLD)
    except StateDiscarded:
        _tell(subscriber, operation, {"event": "storageError", "error": "the state of this block is no longer kept"})
        return operation
    if not read.finished:
        message = f"more than {_MOST_TOLD} bytes: ask for fewer, and go on with paginationStartKey"
        _tell(subscriber, operation, {"event": "storageError", "error": message})
        return operation
    for result in results:
        _tell(subscriber, operation, {"event": "storage", **result})
    _tell(subscriber, operation, {"event": "storageDone"})
    return operation


def stop_storage(_chain: EmbeddedChain, _params: Params, _subscriber: Subscriber) -> Json:
    """Do nothing: ``archive_v1_storage`` sends all results with its reply."""
    return None


def _tell(subscriber: Subscriber, operation: str, result: Json) -> None:
    subscriber.push(notice("archive_v1_storageEvent", operation, result))


def _block(chain: EmbeddedChain, params: Params) -> StoredBlock | None:
    number = chain.number_of(params.data(0))
    return None if number is None else chain.block_at(number)


CONNECTION_METHODS: ConnectionMethods = {"archive_v1_storage": storage, "archive_v1_stopStorage": stop_storage}
