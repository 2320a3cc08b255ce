"""JSON-RPC errors with the codes and messages of Substrate nodes.

Source: the JSON-RPC 2.0 specification, and sc-rpc-api's ``author`` and ``state`` errors.
"""

from node_runtime.devnet.chain import TransactionRefused
from node_runtime.devnet.pool import AlreadyImported, NoRoom, PoolRefusal, TemporarilyBanned, TooLowPriority
from node_runtime.devnet.state.store import StateDiscarded
from node_runtime.devnet.wasm.host import RuntimePanic
from node_runtime.errors import NodeRuntimeError


class RpcError(Exception):
    """An error reply: a code, a message, and optionally the reason as ``data``."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


PARSE_ERROR = RpcError(-32700, "Parse error")
INVALID_REQUEST = RpcError(-32600, "Invalid request")
NO_SUBSCRIPTION_HERE = RpcError(-32601, "Method not found", "over HTTP there are no subscriptions: use a WebSocket")
TOO_MANY_SUBSCRIPTIONS = RpcError(-32006, "Too many subscriptions on the connection")
# errors of the new JSON-RPC interface, https://paritytech.github.io/json-rpc-interface-spec
TOO_MANY_FOLLOWS = RpcError(-32800, "Too many chainHead_v1_follow subscriptions on the connection")
BLOCK_NOT_PINNED = RpcError(-32801, "The block was not reported by this subscription, or was unpinned")
FOLLOWED_WITHOUT_RUNTIME = RpcError(-32802, "chainHead_v1_follow was called without withRuntime")
UNPINNED_TWICE = RpcError(-32804, "A block hash is given twice")


def method_not_found(method: str) -> RpcError:
    return RpcError(-32601, "Method not found", f"{method[:100]} is none of those that rpc_methods lists")


def invalid_params(reason: str) -> RpcError:
    return RpcError(-32602, "Invalid params", reason)


def reply_too_big(most: int) -> RpcError:
    return RpcError(-32008, "Response is too big", f"Exceeded max limit of {most} bytes")


def batch_reply_too_big(most: int) -> RpcError:
    return RpcError(-32011, "The batch response was too large", f"Exceeded max limit of {most} bytes")


def bad_extrinsic_format(reason: str) -> RpcError:
    return RpcError(1001, f"Extrinsic has invalid format: {reason}")


def unknown_block(block_hash: bytes) -> RpcError:
    return RpcError(4003, f"Client error: UnknownBlock: Header was not found in the database: 0x{block_hash.hex()}")


def state_discarded(block_hash: bytes) -> RpcError:
    return RpcError(4003, f"Client error: UnknownBlock: State already discarded for 0x{block_hash.hex()}")


def too_many(count: int, most: int) -> RpcError:
    return RpcError(4002, f"count exceeds maximum value. value: {count}, max: {most}")


def invalid_block_range(first: int, last: int) -> RpcError:
    return RpcError(4001, f"Cannot resolve a block range: block {last} comes before block {first}")


def of_failure(failure: Exception) -> RpcError | None:
    """Return the error reply for a failure of the chain, None for an unexpected exception."""
    match failure:
        case RpcError():
            return failure
        case TransactionRefused() if failure.refusal.unknown:
            return RpcError(1011, "Unknown Transaction Validity", str(failure))
        case TransactionRefused():
            return RpcError(1010, "Invalid Transaction", str(failure))
        case PoolRefusal():
            return _of_pool_refusal(failure)
        case RuntimePanic():
            return RpcError(4003, f"Client error: Execution failed: Runtime panicked: {failure}")
        case StateDiscarded():
            return RpcError(4003, f"Client error: UnknownBlock: State already discarded for block {failure}")
        case NodeRuntimeError():
            return RpcError(-32603, "Internal error", str(failure))
        case _:
            return None


def _of_pool_refusal(refusal: PoolRefusal) -> RpcError:
    match refusal:
        case TemporarilyBanned():
            return RpcError(1012, "Transaction is temporarily banned")
        case AlreadyImported():
            return RpcError(1013, "Transaction Already Imported")
        case TooLowPriority():
            return RpcError(
                1014,
                f"Priority is too low: ({refusal.old} vs {refusal.new})",
                "The transaction has too low priority to replace another transaction already in the pool.",
            )
        case NoRoom():
            return RpcError(1016, "Immediately Dropped", "The transaction couldn't enter the pool because of the limit")
        case _:
            return RpcError(1000, str(refusal))
