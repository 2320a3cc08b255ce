"""What can a client ask? The methods of a Substrate node that clients use, each a function of chain and parameters."""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version as installed_version
from itertools import islice

from scalecodec.utils.ss58 import ss58_decode

from . import api, rpc_errors
from .chain import Chain
from .header import Header, decode_header
from .host import RuntimePanic
from .params import Json, Params, as_number, hexed
from .scale import Reader, ScaleError
from .store import Block, StateDiscarded
from .trie import blake2_256
from .views import StoredState, keys_under

_MOST_KEYS = 1000  # as a Substrate node allows a page


def header_json(header: Header) -> Json:
    return {
        "parentHash": hexed(header.parent),
        "number": hex(header.number),
        "stateRoot": hexed(header.state_root),
        "extrinsicsRoot": hexed(header.extrinsics_root),
        "digest": {"logs": [hexed(item) for item in header.digest]},
    }


def version_json(version: api.Version) -> Json:
    return {
        "specName": version.spec_name,
        "implName": version.impl_name,
        "authoringVersion": version.authoring_version,
        "specVersion": version.spec_version,
        "implVersion": version.impl_version,
        "apis": [[hexed(name), number] for name, number in version.apis],
        "transactionVersion": version.transaction_version,
        "systemVersion": version.state_version,
        "stateVersion": version.state_version,
    }


def block_number(chain: Chain, params: Params, position: int) -> int:
    """The block a request is about: the one with the given hash, or the newest when none is given."""
    wanted = params.optional_data(position)
    if wanted is None:
        return chain.head.number
    number = chain.number_of(wanted)
    if number is None:
        raise rpc_errors.unknown_block(wanted)
    return number


def view(chain: Chain, params: Params, position: int) -> StoredState:
    """The state a request is about; `RpcError` 4003 when it is no longer kept."""
    number = block_number(chain, params, position)
    try:
        return chain.state_at(number)
    except StateDiscarded as failure:
        raise rpc_errors.state_discarded(params.data(position)) from failure


def _block(chain: Chain, params: Params) -> Block | None:
    wanted = params.optional_data(0)
    number = chain.head.number if wanted is None else chain.number_of(wanted)
    return None if number is None else chain.block_at(number)


def get_block_hash(chain: Chain, params: Params) -> Json:
    wanted = params.get(0)
    if wanted is None:
        return hexed(chain.head.hash)
    if isinstance(wanted, list):
        return [_hash_at(chain, as_number(item, 0)) for item in wanted]
    return _hash_at(chain, as_number(wanted, 0))


def _hash_at(chain: Chain, number: int) -> str | None:
    found = chain.hash_at(number)
    return None if found is None else hexed(found)


def get_header(chain: Chain, params: Params) -> Json:
    block = _block(chain, params)
    return None if block is None else header_json(decode_header(block.header))


def get_block(chain: Chain, params: Params) -> Json:
    block = _block(chain, params)
    if block is None:
        return None
    extrinsics = [hexed(extrinsic) for extrinsic in block.extrinsics]
    return {
        "block": {"header": header_json(decode_header(block.header)), "extrinsics": extrinsics},
        "justifications": None,
    }


def get_storage(chain: Chain, params: Params) -> Json:
    value = view(chain, params, 1).get(params.data(0))
    return None if value is None else hexed(value)


def get_storage_hash(chain: Chain, params: Params) -> Json:
    value = view(chain, params, 1).get(params.data(0))
    return None if value is None else hexed(blake2_256(value))


def get_storage_size(chain: Chain, params: Params) -> Json:
    value = view(chain, params, 1).get(params.data(0))
    return None if value is None else len(value)


def get_keys_paged(chain: Chain, params: Params) -> Json:
    """Parameters: prefix, count, the key after which to go on, block hash."""
    count = params.number(1)
    if count > _MOST_KEYS:
        raise rpc_errors.too_many(count, _MOST_KEYS)
    prefix = params.optional_data(0) or b""
    after = params.optional_data(2)
    # substrate-interface gives the bare prefix as the key to start after
    keys = keys_under(view(chain, params, 3), prefix, None if after == prefix else after)
    return [hexed(key) for key in islice(keys, count)]


def query_storage_at(chain: Chain, params: Params) -> Json:
    keys = params.many_data(0)
    return [storage_changes(chain, view(chain, params, 1), keys, block_number(chain, params, 1))]


def storage_changes(chain: Chain, state: StoredState, keys: Sequence[bytes], number: int) -> Json:
    """A ``StorageChangeSet``: what some keys hold after a block."""
    values = ((hexed(key), state.get(key)) for key in keys)
    changes: list[Json] = [[key, None if value is None else hexed(value)] for key, value in values]
    return {"block": _hash_at(chain, number), "changes": changes}


def call_runtime(chain: Chain, params: Params) -> Json:
    """Parameters: function, encoded arguments, block hash. What the call changes is thrown away."""
    view(chain, params, 2)
    number = block_number(chain, params, 2)
    runtime = chain.rules_at(number).runtime
    return hexed(runtime.call(params.text(0), params.data(1), chain.overlay_at(number)))


def get_runtime_version(chain: Chain, params: Params) -> Json:
    view(chain, params, 0)
    return version_json(chain.rules_at(block_number(chain, params, 0)).version)


def get_metadata(chain: Chain, params: Params) -> Json:
    view(chain, params, 0)
    return hexed(chain.rules_at(block_number(chain, params, 0)).metadata)


def query_fee(chain: Chain, params: Params) -> Json:
    extrinsic = well_formed(params.data(0))
    view(chain, params, 1)
    number = block_number(chain, params, 1)
    try:
        fee = api.fee_of(chain.rules_at(number).runtime, chain.overlay_at(number), extrinsic)
    except RuntimePanic as failure:
        raise rpc_errors.RpcError(1, "Unable to query dispatch info.", str(failure)) from failure
    weight = {"ref_time": fee.ref_time, "proof_size": fee.proof_size}
    return {"weight": weight, "class": fee.dispatch_class, "partialFee": str(fee.fee)}


def next_index(chain: Chain, params: Params) -> Json:
    address = params.text(0)
    try:
        account = bytes.fromhex(ss58_decode(address).removeprefix("0x"))
    except (ValueError, IndexError) as failure:
        raise rpc_errors.invalid_params(f"{address!r} is no address: {failure}") from failure
    if len(account) != 32:
        raise rpc_errors.invalid_params(f"{address!r} is no account of 32 bytes")
    return chain.next_nonce(account)


def submit(chain: Chain, params: Params) -> bytes:
    """Put an extrinsic into the pool; returns its hash."""
    extrinsic = well_formed(params.data(0))
    try:
        return chain.submit(extrinsic)
    except RuntimePanic as failure:
        raise rpc_errors.RpcError(1002, "Verification Error: Execution failed", str(failure)) from failure


def well_formed(extrinsic: bytes) -> bytes:
    """An extrinsic has to be one length-prefixed byte string; the runtime judges what is in it."""
    reader = Reader(extrinsic)
    try:
        reader.prefixed()
    except ScaleError as failure:
        raise rpc_errors.bad_extrinsic_format(str(failure)) from failure
    if not reader.finished:
        raise rpc_errors.bad_extrinsic_format("bytes follow after its end")
    return extrinsic


Method = Callable[[Chain, Params], Json]


def _constant(value: Json) -> Method:
    return lambda _chain, _params: value


def _head_hash(chain: Chain, _params: Params) -> Json:
    return hexed(chain.head.hash)


METHODS: Mapping[str, Method] = {
    "author_pendingExtrinsics": lambda chain, _: [hexed(entry.extrinsic) for entry in chain.pool.ready()],
    "author_submitExtrinsic": lambda chain, params: hexed(submit(chain, params)),
    "chain_getBlock": get_block,
    "chain_getBlockHash": get_block_hash,
    "chain_getHead": get_block_hash,
    "chain_getHeader": get_header,
    "chain_getFinalizedHead": _head_hash,
    "chain_getFinalisedHead": _head_hash,
    "chain_getRuntimeVersion": get_runtime_version,
    "payment_queryInfo": query_fee,
    "state_call": call_runtime,
    "state_callAt": call_runtime,
    "state_getKeysPaged": get_keys_paged,
    "state_getKeysPagedAt": get_keys_paged,
    "state_getMetadata": get_metadata,
    "state_getRuntimeVersion": get_runtime_version,
    "state_getStorage": get_storage,
    "state_getStorageAt": get_storage,
    "state_getStorageHash": get_storage_hash,
    "state_getStorageSize": get_storage_size,
    "state_queryStorageAt": query_storage_at,
    "system_accountNextIndex": next_index,
    "account_nextIndex": next_index,
    "system_chain": _constant("Node Runtime Devnet"),
    "system_chainType": _constant("Development"),
    "system_health": _constant({"peers": 0, "isSyncing": False, "shouldHavePeers": False}),
    "system_name": _constant("node-runtime devnet"),
    "system_nodeRoles": _constant(["Authority"]),
    "system_peers": _constant([]),
    "system_properties": _constant({"ss58Format": 42, "tokenDecimals": 12, "tokenSymbol": "UNIT"}),
    "system_version": _constant(installed_version("node-runtime")),
}
