"""How do requests reach the chain's node? One WebSocket shared by all threads, opened again when it breaks."""

import json
import logging
import threading
from collections.abc import Callable
from typing import Any

from substrateinterface.exceptions import SubstrateRequestException
from substrateinterface.transport import WebsocketTransport
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential
from websocket import WebSocketException

from node_runtime.errors import ChainError, ChainUnavailable, InputError

ANSWER_SECONDS = 30.0  # an answer that takes longer means that the connection is dead
GREETING_SECONDS = 15.0  # who takes the call but is slow to say hello may be a busy node
FIRST_PATIENCE = 3.0  # seconds: who just typed a wrong address, where nobody takes the call, wants to know soon
PATIENCE = 15.0  # seconds: a chain that restarts is back by then
_ADDRESS = "name one like ws://127.0.0.1:9944"
MAX_PAUSE = 2.0  # seconds between attempts

logger = logging.getLogger(__name__)


class RpcRefused(ChainError):
    """The node answered a request with an error: JSON-RPC's code, message and data."""

    def __init__(self, method: str, code: int, message: str, data: str) -> None:
        told = " ".join(f"{message}{': ' + data if data else ''}".split())  # a panic's text has several lines
        super().__init__(f"the chain's node refused {method}: {told} ({code})")
        self.code = code
        self.data = data


class Connection:
    """Requests and answers, one at a time: substrate-interface's transport isn't made for several threads.

    A request on a broken connection is repeated on a new one, with jittered pauses, for `PATIENCE` seconds; so only
    what may be repeated may be requested. `generation` counts the connections made.
    """

    def __init__(self, url: str) -> None:
        if not url.startswith(("ws://", "wss://")):
            raise InputError(f"'{url}' is not a chain's address", remedy=_ADDRESS)
        self.url = url
        self.generation = 0
        self._lock = threading.Lock()
        self._transport: WebsocketTransport | None = None
        self._number = 0
        self._closed = False
        self.genesis = ""  # until the first answer
        self.genesis = self._patiently(FIRST_PATIENCE, lambda: self._once("chain_getBlockHash", (0,)))

    def request(self, method: str, *params: object) -> Any:
        """The result of a JSON-RPC request. Raises `RpcRefused` or `ChainUnavailable`."""
        return self._patiently(PATIENCE, lambda: self._once(method, params))

    def close(self) -> None:
        """No request after this succeeds."""
        with self._lock:
            self._closed = True
            self._drop()

    def _patiently(self, seconds: float, attempt: Callable[[], Any]) -> Any:
        retrying = Retrying(
            retry=retry_if_exception_type(ChainUnavailable),
            stop=stop_after_delay(seconds),
            wait=wait_random_exponential(multiplier=0.1, max=MAX_PAUSE),
            reraise=True,
        )
        return retrying(attempt)

    def _once(self, method: str, params: tuple[object, ...]) -> Any:
        with self._lock:  # never held while pausing, nor while waiting for a block
            if self._closed:
                raise ChainError(f"the connection to the chain at {self.url} was closed")
            try:
                if self._transport is None:
                    self._open()
                return self._exchange(method, params)
            except SubstrateRequestException as refusal:
                raise _refusal(method, refusal) from None
            except (OSError, WebSocketException, json.JSONDecodeError, UnicodeDecodeError) as error:
                self._drop()
                logger.debug("%s at %s failed: %r", method, self.url, error)
                raise ChainUnavailable(
                    f"no answer from the chain at {self.url}: {_reason(error)}",
                    remedy="check that it is running and that the address is right",
                ) from None

    def _open(self) -> None:
        # decoding finds what is no text; the library's own check before, in Python, takes longer than all the rest
        options = {"timeout": GREETING_SECONDS, "enable_multithread": False, "skip_utf8_validation": True}
        try:
            self._transport = WebsocketTransport(url=self.url, ws_options=options, auto_reconnect=False)
        except ValueError as error:
            raise InputError(f"'{self.url}' is not a chain's address: {error}", remedy=_ADDRESS) from None
        self._transport.websocket.settimeout(ANSWER_SECONDS)
        self.generation += 1
        if self.genesis and self._exchange("chain_getBlockHash", (0,)) != self.genesis:
            self._drop()
            raise ChainError(
                f"the chain at {self.url} is another one than before: its first block differs",
                remedy="restart this program if the chain was meant to start afresh",
            )

    def _exchange(self, method: str, params: tuple[object, ...]) -> Any:
        assert self._transport is not None
        self._number += 1
        request = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        answer = self._transport.rpc_request(request)
        if "result" not in answer:
            self._drop()
            raise ChainError(f"what answers at {self.url} is no chain's node", remedy="check the address")
        return answer["result"]

    def _drop(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            try:
                transport.websocket.shutdown()  # close() would wait for the other side's farewell
            except (OSError, WebSocketException):
                logger.debug("the connection to %s was already gone", self.url)


def _refusal(method: str, refusal: SubstrateRequestException) -> RpcRefused:
    error = refusal.args[0] if refusal.args and isinstance(refusal.args[0], dict) else {"message": str(refusal)}
    return RpcRefused(
        method, int(error.get("code", 0)), str(error.get("message", "no reason given")), str(error.get("data") or "")
    )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
