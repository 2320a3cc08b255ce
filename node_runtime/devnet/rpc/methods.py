"""Table of the RPC methods, each a function of chain and parameters."""

from collections.abc import Callable, Mapping
from importlib.metadata import version as installed_version

from scalecodec.utils.ss58 import ss58_decode

from node_runtime.devnet import runtime_api
from node_runtime.devnet.blocks import Header, decode_header
from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.scale import Reader, ScaleError
from node_runtime.devnet.state.store import StoredBlock
from node_runtime.devnet.wasm.host import RuntimePanic

from . import archive, errors, storage
from .request import Json, Params, ReplyRoom, as_number, hexed
from .storage import block_number, view


def header_json(header: Header) -> Json:
    return {
        "parentHash": hexed(header.parent),
        "number": hex(header.number),
        "stateRoot": hexed(header.state_root),
        "extrinsicsRoot": hexed(header.extrinsics_root),
        "digest": {"logs": [hexed(item) for item in header.digest]},
    }


def version_json(version: runtime_api.Version) -> Json:
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


def _block(chain: EmbeddedChain, params: Params) -> StoredBlock | None:
    wanted = params.optional_data(0)
    number = chain.head.number if wanted is None else chain.number_of(wanted)
    return None if number is None else chain.block_at(number)


def get_block_hash(chain: EmbeddedChain, params: Params) -> Json:
    wanted = params.get(0)
    if wanted is None:
        return hexed(chain.head.hash)
    if isinstance(wanted, list):
        storage.check_reads(len(wanted))
        room = ReplyRoom()
        return [_hash_at(chain, as_number(item, 0), room) for item in wanted]
    return _hash_at(chain, as_number(wanted, 0), ReplyRoom())


def _hash_at(chain: EmbeddedChain, number: int, room: ReplyRoom) -> str | None:
    found = chain.hash_at(number)
    return None if found is None else room.hexed(found)


def pending(chain: EmbeddedChain, _params: Params) -> Json:
    room = ReplyRoom()
    return [room.hexed(entry.extrinsic) for entry in chain.pool.ready()]


def get_header(chain: EmbeddedChain, params: Params) -> Json:
    block = _block(chain, params)
    return None if block is None else header_json(decode_header(block.header))


def get_block(chain: EmbeddedChain, params: Params) -> Json:
    block = _block(chain, params)
    if block is None:
        return None
    extrinsics = [hexed(extrinsic) for extrinsic in block.extrinsics]
    return {
        "block": {"header": header_json(decode_header(block.header)), "extrinsics": extrinsics},
        "justifications": None,
    }


def call_runtime(chain: EmbeddedChain, params: Params) -> Json:
    """Call a runtime function and discard its changes. Parameters: function, encoded arguments, block hash."""
    view(chain, params, 2)
    number = block_number(chain, params, 2)
    runtime = chain.runtime_at(number).runtime
    return hexed(runtime.call(params.text(0), params.data(1), chain.overlay_at(number)))


def get_runtime_version(chain: EmbeddedChain, params: Params) -> Json:
    view(chain, params, 0)
    return version_json(chain.runtime_at(block_number(chain, params, 0)).version)


def get_metadata(chain: EmbeddedChain, params: Params) -> Json:
    view(chain, params, 0)
    return hexed(chain.runtime_at(block_number(chain, params, 0)).metadata)


def query_fee(chain: EmbeddedChain, params: Params) -> Json:
    extrinsic = well_formed(params.data(0))
    view(chain, params, 1)
    number = block_number(chain, params, 1)
    try:
        fee = runtime_api.fee_of(chain.runtime_at(number).runtime, chain.overlay_at(number), extrinsic)
    except RuntimePanic as failure:
        raise errors.RpcError(1, "Unable to query dispatch info.", str(failure)) from failure
    weight = {"ref_time": fee.ref_time, "proof_size": fee.proof_size}
    return {"weight": weight, "class": fee.dispatch_class, "partialFee": str(fee.fee)}


def query_fee_details(chain: EmbeddedChain, params: Params) -> Json:
    extrinsic = well_formed(params.data(0))
    view(chain, params, 1)
    number = block_number(chain, params, 1)
    try:
        parts = runtime_api.fee_details_of(chain.runtime_at(number).runtime, chain.overlay_at(number), extrinsic)
    except RuntimePanic as failure:
        raise errors.RpcError(1, "Unable to query fee details.", str(failure)) from failure
    if parts is None:
        return {"inclusionFee": None}
    return {
        "inclusionFee": {
            "baseFee": hex(parts.base),
            "lenFee": hex(parts.length),
            "adjustedWeightFee": hex(parts.adjusted_weight),
        }
    }


def dry_run(chain: EmbeddedChain, params: Params) -> Json:
    """Apply an extrinsic as in the next block and discard its changes. Parameters: extrinsic, block hash."""
    extrinsic = well_formed(params.data(0))
    view(chain, params, 1)
    number = block_number(chain, params, 1)
    return hexed(chain.dry_run(number, extrinsic))


def next_index(chain: EmbeddedChain, params: Params) -> Json:
    address = params.text(0)
    try:
        account = bytes.fromhex(ss58_decode(address).removeprefix("0x"))
    except (ValueError, IndexError) as failure:
        raise errors.invalid_params(f"{address[:100]!r} is no address: {failure}") from failure
    if len(account) != 32:
        raise errors.invalid_params(f"{address[:100]!r} is no account of 32 bytes")
    return chain.next_nonce(account)


def submit(chain: EmbeddedChain, params: Params) -> bytes:
    """Add an extrinsic to the pool; return its hash."""
    extrinsic = well_formed(params.data(0))
    try:
        return chain.submit(extrinsic)
    except RuntimePanic as failure:
        raise errors.RpcError(1002, "Verification Error: Execution failed", str(failure)) from failure


def well_formed(extrinsic: bytes) -> bytes:
    """Check that an extrinsic is one length-prefixed byte string; the runtime validates the content."""
    reader = Reader(extrinsic)
    try:
        reader.prefixed()
    except ScaleError as failure:
        raise errors.bad_extrinsic_format(str(failure)) from failure
    if not reader.finished:
        raise errors.bad_extrinsic_format("bytes follow after its end")
    return extrinsic


Method = Callable[[EmbeddedChain, Params], Json]


def _constant(value: Json) -> Method:
    return lambda _chain, _params: value


def _head_hash(chain: EmbeddedChain, _params: Params) -> Json:
    return hexed(chain.head.hash)


def _genesis_hash(chain: EmbeddedChain, _params: Params) -> Json:
    return _hash_at(chain, 0, ReplyRoom())


def _sync_state(chain: EmbeddedChain, _params: Params) -> Json:
    number = chain.head.number
    return {"startingBlock": 0, "currentBlock": number, "highestBlock": number}


HEALTH: Json = {"peers": 0, "isSyncing": False, "shouldHavePeers": False}
_NAME = "Node Runtime Devnet"
_PROPERTIES: Json = {"ss58Format": 42, "tokenDecimals": 12, "tokenSymbol": "UNIT"}

METHODS: Mapping[str, Method] = {
    "archive_v1_body": archive.body,
    "archive_v1_call": archive.call,
    "archive_v1_finalizedHeight": archive.finalized_height,
    "archive_v1_genesisHash": _genesis_hash,
    "archive_v1_hashByHeight": archive.hash_by_height,
    "archive_v1_header": archive.header,
    "author_pendingExtrinsics": pending,
    "author_submitExtrinsic": lambda chain, params: hexed(submit(chain, params)),
    "chain_getBlock": get_block,
    "chain_getBlockHash": get_block_hash,
    "chain_getHead": get_block_hash,
    "chain_getHeader": get_header,
    "chain_getFinalizedHead": _head_hash,
    "chain_getFinalisedHead": _head_hash,
    "chain_getRuntimeVersion": get_runtime_version,
    "chainSpec_v1_chainName": _constant(_NAME),
    "chainSpec_v1_genesisHash": _genesis_hash,
    "chainSpec_v1_properties": _constant(_PROPERTIES),
    "payment_queryFeeDetails": query_fee_details,
    "payment_queryInfo": query_fee,
    "state_call": call_runtime,
    "state_callAt": call_runtime,
    "state_getKeys": storage.get_keys,
    "state_getKeysPaged": storage.get_keys_paged,
    "state_getKeysPagedAt": storage.get_keys_paged,
    "state_getMetadata": get_metadata,
    "state_getReadProof": storage.get_read_proof,
    "state_getRuntimeVersion": get_runtime_version,
    "state_getStorage": storage.get_storage,
    "state_getStorageAt": storage.get_storage,
    "state_getStorageHash": storage.get_storage_hash,
    "state_getStorageHashAt": storage.get_storage_hash,
    "state_getStorageSize": storage.get_storage_size,
    "state_getStorageSizeAt": storage.get_storage_size,
    "state_queryStorage": storage.query_storage,
    "state_queryStorageAt": storage.query_storage_at,
    "system_accountNextIndex": next_index,
    "account_nextIndex": next_index,
    "system_chain": _constant(_NAME),
    "system_chainType": _constant("Development"),
    "system_dryRun": dry_run,
    "system_dryRunAt": dry_run,
    "system_health": _constant(HEALTH),
    "system_name": _constant("node-runtime devnet"),
    "system_nodeRoles": _constant(["Authority"]),
    "system_peers": _constant([]),
    "system_properties": _constant(_PROPERTIES),
    "system_syncState": _sync_state,
    "system_version": _constant(installed_version("node-runtime")),
}
