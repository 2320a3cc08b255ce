"""What does a client's message ask, and what is it answered? JSON-RPC 2.0: one request or a batch, of any bytes."""

import json
import logging
from collections.abc import Mapping

from . import rpc_errors
from .chain import Chain
from .params import Json, Params
from .rpc import METHODS
from .rpc_errors import RpcError
from .subscriptions import EVENTS, UNSUBSCRIBING, Subscriber, Subscriptions

_LARGEST_BATCH = 1000
_NAMES: Json = {"methods": sorted({*METHODS, *EVENTS, *UNSUBSCRIBING, "rpc_methods"})}

log = logging.getLogger(__name__)


def answer(message: str | bytes, chain: Chain, subscriptions: Subscriptions, client: Subscriber) -> Json:
    """The reply to a message, None when it wants none. Never raises for what a client sent."""
    try:
        request = json.loads(message)
    except (ValueError, RecursionError):
        return _failed(None, rpc_errors.PARSE_ERROR)
    if not isinstance(request, list):
        return _answer_one(request, chain, subscriptions, client)
    if not request or len(request) > _LARGEST_BATCH:
        return _failed(None, rpc_errors.INVALID_REQUEST)
    replies = [_answer_one(one, chain, subscriptions, client) for one in request]
    return [reply for reply in replies if reply is not None] or None


def _answer_one(request: object, chain: Chain, subscriptions: Subscriptions, client: Subscriber) -> Json:
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        return _failed(None, rpc_errors.INVALID_REQUEST)
    identity = request.get("id")
    if not isinstance(identity, str | int | None):
        return _failed(None, rpc_errors.INVALID_REQUEST)
    try:
        params = request.get("params")
        if not isinstance(params, list | None):
            raise rpc_errors.invalid_params("parameters are given by position, as a list")
        result = _result(request["method"], Params(tuple(params or ())), chain, subscriptions, client)
    except Exception as failure:  # whatever it was, the other clients go on
        known = rpc_errors.of_failure(failure)
        if known is None:
            log.exception("%s failed", request["method"])
        return _failed(identity, known or RpcError(-32603, "Internal error", repr(failure)))
    return {"jsonrpc": "2.0", "id": identity, "result": result} if "id" in request else None


def _result(method: str, params: Params, chain: Chain, subscriptions: Subscriptions, client: Subscriber) -> Json:
    if method in METHODS:
        return METHODS[method](chain, params)
    if method in EVENTS:
        return subscriptions.subscribe(chain, method, params, client)
    if method in UNSUBSCRIBING:
        return subscriptions.unsubscribe(params, client)
    if method == "rpc_methods":
        return _NAMES
    raise rpc_errors.method_not_found(method)


def _failed(identity: str | int | None, error: RpcError) -> Mapping[str, Json]:
    described: dict[str, Json] = {"code": error.code, "message": error.message}
    if error.data is not None:
        described["data"] = error.data
    return {"jsonrpc": "2.0", "id": identity, "error": described}
