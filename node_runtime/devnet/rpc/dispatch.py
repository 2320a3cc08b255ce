"""JSON-RPC 2.0 dispatcher: decodes a request or a batch, calls the methods, and bounds the reply."""

import asyncio
import json
import logging
from collections.abc import Mapping

from node_runtime.devnet.chain import EmbeddedChain, Sealed

from . import archive, errors
from .chain_head import ChainHead
from .errors import RpcError
from .methods import METHODS
from .request import LARGEST_REPLY, Json, Params, Subscriber
from .subscriptions import Broadcasts, Subscriptions

_LARGEST_BATCH = 1000

log = logging.getLogger(__name__)


class Dispatcher:
    """Answer messages of any number of clients, alternating between them after each request."""

    def __init__(self, chain: EmbeddedChain, subscriptions: Subscriptions) -> None:
        self._chain = chain
        self._subscriptions = subscriptions
        self._chain_head = ChainHead()
        self._broadcasts = Broadcasts()
        self._of_connections = {
            **archive.CONNECTION_METHODS,
            **self._broadcasts.methods(),
            **self._chain_head.methods(),
            **subscriptions.methods(),
        }
        self._names: Json = {"methods": sorted({*METHODS, *self._of_connections, "rpc_methods"})}

    async def answer(self, message: str | bytes, client: Subscriber) -> bytes | None:
        """Return the encoded reply to a message, None for notifications. Never raises for a client's input."""
        try:
            request = json.loads(message)
        except (ValueError, RecursionError):
            return encoded(_failed(None, errors.PARSE_ERROR))
        if isinstance(request, list):
            return await self._answer_batch(request, client)
        reply = self._answer_one(request, client)
        return None if reply is None else _bounded(reply)

    def block_sealed(self, sealed: Sealed) -> None:
        self._subscriptions.block_sealed(self._chain, sealed)
        self._chain_head.block_sealed(self._chain, sealed)

    def awaits_notifications(self, client: Subscriber) -> bool:
        """Return whether the client has a subscription."""
        return self._subscriptions.has(client) or self._chain_head.follows(client)

    def forget(self, client: Subscriber) -> None:
        """Drop the state of a closed connection."""
        self._subscriptions.forget(client)
        self._chain_head.forget(client)
        self._broadcasts.forget(client)

    async def _answer_batch(self, requests: list[object], client: Subscriber) -> bytes | None:
        if not requests or len(requests) > _LARGEST_BATCH:
            return encoded(_failed(None, errors.INVALID_REQUEST))
        replies: list[bytes] = []
        size = 2
        for request in requests:
            if client.gone:
                return None
            reply = self._answer_one(request, client)
            if reply is not None:
                replies.append(_bounded(reply))
                size += len(replies[-1]) + 1
            if size > LARGEST_REPLY:
                return encoded(_failed(None, errors.batch_reply_too_big(LARGEST_REPLY)))
            await asyncio.sleep(0)  # yield to the other clients
        return b"[" + b",".join(replies) + b"]" if replies else None

    def _answer_one(self, request: object, client: Subscriber) -> Mapping[str, Json] | None:
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return _failed(None, errors.INVALID_REQUEST)
        identity = request.get("id")
        if not isinstance(identity, str | int | None):
            return _failed(None, errors.INVALID_REQUEST)
        try:
            params = request.get("params")
            if not isinstance(params, list | None):
                raise errors.invalid_params("parameters are given by position, as a list")
            result = self._result(request["method"], Params(tuple(params or ())), client)
        except Exception as failure:  # one request's failure must not affect other clients
            known = errors.of_failure(failure)
            if known is None:
                log.exception("%s failed", request["method"][:100])
            return _failed(identity, known or RpcError(-32603, "Internal error", repr(failure)))
        return {"jsonrpc": "2.0", "id": identity, "result": result} if "id" in request else None

    def _result(self, method: str, params: Params, client: Subscriber) -> Json:
        if method in METHODS:
            return METHODS[method](self._chain, params)
        if method in self._of_connections:
            if not client.takes_notices:
                raise errors.NO_SUBSCRIPTION_HERE
            return self._of_connections[method](self._chain, params, client)
        if method == "rpc_methods":
            return self._names
        raise errors.method_not_found(method)


def encoded(message: Json) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def _bounded(reply: Mapping[str, Json]) -> bytes:
    text = encoded(reply)
    if len(text) <= LARGEST_REPLY:
        return text
    identity = reply["id"]
    small = identity if isinstance(identity, int) or (isinstance(identity, str) and len(identity) < 1000) else None
    return encoded(_failed(small, errors.reply_too_big(LARGEST_REPLY)))


def _failed(identity: str | int | None, error: RpcError) -> Mapping[str, Json]:
    described: dict[str, Json] = {"code": error.code, "message": error.message}
    if error.data is not None:
        described["data"] = error.data
    return {"jsonrpc": "2.0", "id": identity, "error": described}
