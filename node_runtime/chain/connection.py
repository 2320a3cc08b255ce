"""How do requests reach the chain's node? One WebSocket shared by all threads, opened again when it breaks."""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential
from websocket import (
    ABNF,
    WebSocket,
    WebSocketConnectionClosedException,
    WebSocketException,
    WebSocketTimeoutException,
    create_connection,
)

from node_runtime.errors import ChainError, ChainUnavailable, InputError

ANSWER_SECONDS = 30.0  # no answer for longer, or no more of one, means that the connection is dead
GREETING_SECONDS = 15.0  # who takes the call but is slow to say hello may be a busy node
FIRST_PATIENCE = 3.0  # seconds: who just typed a wrong address, where nobody takes the call, wants to know soon
PATIENCE = 15.0  # seconds: a chain that restarts is back by then
_ADDRESS = "name one like ws://127.0.0.1:9944"
MAX_PAUSE = 2.0  # seconds between attempts
_LETTING_GO = 1.0  # seconds in which whoever has a connection that broke notices it

logger = logging.getLogger(__name__)


class RpcRefused(ChainError):
    """The node answered a request with an error: JSON-RPC's code, message and data."""

    def __init__(self, method: str, code: int, message: str, data: str) -> None:
        told = " ".join(f"{message}{': ' + data if data else ''}".split())  # a panic's text has several lines
        super().__init__(f"the chain's node refused {method}: {told} ({code})")
        self.code = code
        self.data = data


class Connection:
    """Requests and answers, one at a time, for any number of threads.

    A request on a broken connection is repeated on a new one, with jittered pauses, for `PATIENCE` seconds; so only
    what may be repeated may be requested. `generation` counts the connections made.
    """

    def __init__(self, url: str) -> None:
        if not url.startswith(("ws://", "wss://")):
            raise InputError(f"'{url}' is not a chain's address", remedy=_ADDRESS)
        self.url = url
        self.generation = 0
        self._lock = threading.Lock()
        self._socket: WebSocket | None = None
        self._number = 0
        self._closed = False
        self.genesis = ""  # until the first answer
        self.genesis = self._patiently(FIRST_PATIENCE, lambda: self._once("chain_getBlockHash", (0,)))

    def request(self, method: str, *params: object) -> Any:
        """The result of a JSON-RPC request. Raises `RpcRefused` or `ChainUnavailable`."""
        return self._patiently(PATIENCE, lambda: self._once(method, params))

    def close(self) -> None:
        """No request after this succeeds; one that waits for its answer just now is not waited for."""
        self._closed = True
        if (waiting := self._socket) is not None:
            _hang_up(waiting)
        if self._lock.acquire(timeout=_LETTING_GO):  # else somebody is still calling, and lets go when that is over
            self._drop()
            self._lock.release()

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
                if self._socket is None:
                    self._open()
                return self._exchange(method, params)
            except (OSError, WebSocketException, json.JSONDecodeError, UnicodeDecodeError) as error:
                self._drop()
                logger.debug("%s at %s failed: %r", method, self.url, error)
                raise ChainUnavailable(
                    f"no answer from the chain at {self.url}: {_reason(error)}",
                    remedy="check that it is running and that the address is right",
                ) from None

    def _open(self) -> None:
        # decoding finds what is no text; the library's own check before, in Python, takes longer than all the rest
        try:
            self._socket = create_connection(
                self.url, timeout=GREETING_SECONDS, enable_multithread=False, skip_utf8_validation=True
            )
        except ValueError as error:
            raise InputError(f"'{self.url}' is not a chain's address: {error}", remedy=_ADDRESS) from None
        self.generation += 1
        if self.genesis and self._exchange("chain_getBlockHash", (0,)) != self.genesis:
            self._drop()
            raise ChainError(
                f"the chain at {self.url} is another one than before: its first block differs",
                remedy="restart this program if the chain was meant to start afresh",
            )

    def _exchange(self, method: str, params: tuple[object, ...]) -> Any:
        assert self._socket is not None
        self._number += 1
        request = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        self._socket.settimeout(ANSWER_SECONDS)
        self._socket.send(json.dumps(request))
        answer = _answer(self._socket, self._number)
        if "error" in answer:
            raise _refusal(method, answer["error"])
        if "result" not in answer:
            self._drop()
            raise ChainError(f"what answers at {self.url} is no chain's node", remedy="check the address")
        return answer["result"]

    def _drop(self) -> None:
        dropped, self._socket = self._socket, None
        if dropped is not None:
            try:
                dropped.shutdown()  # type: ignore[no-untyped-call]  # close() would wait for the other side's farewell
            except (OSError, WebSocketException):
                logger.debug("the connection to %s was already gone", self.url)


def _answer(line: WebSocket, number: int) -> dict[str, Any]:
    """The answer to the request of this number. What else comes, e.g. a proxy's pings, is no sign that one will."""
    give_up = time.monotonic() + ANSWER_SECONDS
    while (left := give_up - time.monotonic()) > 0:
        line.settimeout(left)  # for each piece of a message: a long one may take its time
        kind, data = line.recv_data(control_frame=True)
        if kind == ABNF.OPCODE_CLOSE:
            raise WebSocketConnectionClosedException("it hung up")
        if kind in (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY):
            message = json.loads(data)
            if isinstance(message, dict) and message.get("id") == number:
                return message
    raise WebSocketTimeoutException(f"nothing within {ANSWER_SECONDS:g} s")


def _hang_up(line: WebSocket) -> None:
    """Whoever waits at the other end of this process hears of it; closing alone would leave them waiting."""
    if line.sock is not None:  # else it was closed meanwhile
        with suppress(OSError):
            socket.socket.shutdown(line.sock, socket.SHUT_RDWR)  # not TLS's own, which others may be using


def _refusal(method: str, error: Any) -> RpcRefused:
    told = error if isinstance(error, dict) else {"message": str(error)}
    return RpcRefused(
        method, int(told.get("code", 0)), str(told.get("message", "no reason given")), str(told.get("data") or "")
    )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
