"""WebSocket connection to a chain's node: shared by all threads, reconnecting, through an HTTP proxy if configured."""

import ipaddress
import json
import logging
import os
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential
from websocket import (
    ABNF,
    WebSocket,
    WebSocketBadStatusException,
    WebSocketConnectionClosedException,
    WebSocketException,
    WebSocketTimeoutException,
    create_connection,
)

from node_runtime.errors import ChainError, ChainUnavailable, ConfigError, InputError


def is_loopback(host: str) -> bool:
    """Return whether a URL's host is a loopback name or address. No name is resolved."""
    if host.lower().rstrip(".") == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """An HTTP proxy and the environment variable that configures it."""

    host: str
    port: int
    credentials: tuple[str, str] | None
    variable: str

    def __str__(self) -> str:
        """Format the proxy for messages, without its credentials."""
        return f"the proxy {self.host}:{self.port} of {self.variable}"


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy for a ``ws://`` or ``wss://`` URL, None for a direct connection.

    Raises `ConfigError` when the environment's value is not a proxy URL.
    """
    address = urlsplit(url)
    scheme = "https" if address.scheme == "wss" else "http"
    named = getproxies().get(scheme)
    host = address.hostname or ""
    if not named or is_loopback(host) or proxy_bypass(host):
        return None
    lower = f"{scheme}_proxy"
    variable = lower if os.environ.get(lower) else lower.upper()
    try:
        proxy = urlsplit(named if "://" in named else f"http://{named}")
        port = proxy.port or 80
    except ValueError:
        raise _no_proxy(variable) from None
    if not proxy.hostname or proxy.scheme != "http":
        raise _no_proxy(variable)
    credentials = (unquote(proxy.username), unquote(proxy.password or "")) if proxy.username else None
    return Proxy(host=proxy.hostname, port=port, credentials=credentials, variable=variable)


def proxy_options(proxy: Proxy | None) -> dict[str, Any]:
    """Return the options that make `websocket.create_connection` ignore the environment's proxy variables."""
    if proxy is None:
        return {"http_proxy_host": "none", "http_no_proxy": ["*"]}
    return {
        "http_proxy_host": proxy.host,
        "http_proxy_port": proxy.port,
        "http_proxy_auth": proxy.credentials,
        "http_no_proxy": [f"{proxy.variable} was evaluated here"],  # an empty list falls back to the environment
    }


def _no_proxy(variable: str) -> ConfigError:
    return ConfigError(
        f"the environment's {variable} is not an HTTP proxy's address",
        remedy=f"set {variable} to one like http://proxy.example:3128, or unset it",
    )


ANSWER_SECONDS = 30.0  # a connection without an answer, or with a stalled one, for longer is dead
HANDSHAKE_SECONDS = 15.0  # timeout of the WebSocket handshake; a busy node accepts first and answers late
CONNECT_TIMEOUT = 3.0  # seconds of retries of the first connection; short, since the URL may be wrong
RETRY_TIMEOUT = 15.0  # seconds of retries afterwards; covers a node's restart
_ADDRESS = "name one like ws://127.0.0.1:9944"
_FIRST_PAUSE, MAX_PAUSE = 0.1, 2.0  # seconds of backoff between attempts
_TRY_AGAIN_LATER = 1013  # WebSocket close code of a node that has reached its limit of clients
_CLOSE_GRACE = 1.0  # seconds of grace for the thread that holds the lock to notice the broken socket

logger = logging.getLogger(__name__)


class _ClosedByNode(WebSocketConnectionClosedException):
    """The node closed the connection, with a close code and a reason where it sent them."""

    def __init__(self, close_frame: bytes) -> None:
        self.code = int.from_bytes(close_frame[:2], "big") if len(close_frame) >= 2 else None
        reason = "".join(letter for letter in close_frame[2:].decode(errors="replace") if letter.isprintable())
        if self.code is None:
            super().__init__("it closed the connection without a reason")
        else:
            super().__init__(f"it closed the connection: {reason or 'no reason given'} (code {self.code})")


class RpcRefused(ChainError):
    """A JSON-RPC error response: code, message and data."""

    def __init__(self, method: str, code: int, message: str, data: str) -> None:
        told = " ".join(f"{message}{': ' + data if data else ''}".split())  # a panic's message has several lines
        super().__init__(f"the chain's node refused {method}: {told} ({code})")
        self.code = code
        self.data = data


class Requests(Protocol):
    """Interface of a JSON-RPC client of a chain's node. Safe to share between threads.

    An implementation may repeat a request. `generation` counts the connections made, and `genesis` is the hash of the
    chain's first block.
    """

    url: str
    generation: int
    genesis: str

    def request(self, method: str, *params: object) -> Any:
        """Return the result of a JSON-RPC request. Raises `RpcRefused` or `ChainUnavailable`."""
        ...

    def close(self) -> None:
        """Close the client; later requests fail."""
        ...


class Connection:
    """JSON-RPC client that serialises the requests of any number of threads.

    A request on a broken connection is repeated on a new one, with jittered backoff, for `RETRY_TIMEOUT` seconds; so
    every request must be idempotent. `generation` counts the connections made. ``patience``: seconds of retries of the
    first connection, by default `CONNECT_TIMEOUT`.
    """

    def __init__(self, url: str, *, patience: float | None = None) -> None:
        if not url.startswith(("ws://", "wss://")):
            raise InputError(f"'{url}' is not a chain's address", remedy=_ADDRESS)
        self.url = url
        self.generation = 0
        self._lock = threading.Lock()
        self._socket: WebSocket | None = None
        self._number = 0
        self._closed = False
        self.genesis = ""  # until the first answer
        patience = CONNECT_TIMEOUT if patience is None else patience
        self.genesis = self._with_retries(patience, lambda: self._once("chain_getBlockHash", (0,)))

    def request(self, method: str, *params: object) -> Any:
        """Return the result of a JSON-RPC request. Raises `RpcRefused` or `ChainUnavailable`."""
        return self._with_retries(RETRY_TIMEOUT, lambda: self._once(method, params))

    def close(self) -> None:
        """Close the connection without waiting for a request in flight; later requests fail."""
        self._closed = True
        if (waiting := self._socket) is not None:
            _shut_down_socket(waiting)
        if self._lock.acquire(timeout=_CLOSE_GRACE):  # else a request in flight closes it when it ends
            self._drop()
            self._lock.release()

    def _with_retries(self, seconds: float, attempt: Callable[[], Any]) -> Any:
        """Retry `attempt` for `seconds`; the first try bypasses the retry library, a tenth of a request's time."""
        started = time.monotonic()
        try:
            return attempt()
        except ChainUnavailable:
            left = started + seconds - time.monotonic()
            if left <= 0:
                raise
        time.sleep(random.uniform(0, _FIRST_PAUSE))
        retrying = Retrying(
            retry=retry_if_exception_type(ChainUnavailable),
            stop=stop_after_delay(left),
            wait=wait_random_exponential(multiplier=_FIRST_PAUSE, max=MAX_PAUSE),
            reraise=True,
        )
        return retrying(attempt)

    def _once(self, method: str, params: tuple[object, ...]) -> Any:
        with self._lock:  # never held during backoff, nor while waiting for a block
            if self._closed:
                raise ChainError(f"the connection to the chain at {self.url} was closed")
            try:
                if self._socket is None:
                    self._open()
                return self._exchange(method, params)
            except (OSError, WebSocketException, json.JSONDecodeError, UnicodeDecodeError) as error:
                self._drop()
                logger.debug("%s at %s failed: %r", method, self.url, error)
                raise self._unavailable(error) from None

    def _unavailable(self, error: Exception) -> ChainUnavailable:
        proxy = proxy_for(self.url)
        through = "" if proxy is None else f" through {proxy}"
        if isinstance(error, _ClosedByNode) and error.code == _TRY_AGAIN_LATER:
            remedy = "end other programs that are connected to it, or repeat later"
        elif proxy is not None:
            remedy = "check that it is running and that the proxy leads there, or name its host in no_proxy"
        else:
            remedy = "check that it is running and that the address is right"
        return ChainUnavailable(f"no answer from the chain at {self.url}{through}: {_reason(error)}", remedy=remedy)

    def _open(self) -> None:
        # json decoding rejects invalid UTF-8; the library's own check in pure Python dominates a request's time
        try:
            self._socket = create_connection(
                self.url,
                timeout=HANDSHAKE_SECONDS,
                enable_multithread=False,
                skip_utf8_validation=True,
                suppress_origin=True,  # that of web pages: nodes refuse those whose name they don't know
                **proxy_options(proxy_for(self.url)),
            )
        except ValueError as error:
            raise InputError(f"'{self.url}' is not a chain's address: {error}", remedy=_ADDRESS) from None
        self.generation += 1
        if self.genesis and self._exchange("chain_getBlockHash", (0,)) != self.genesis:
            self._drop()
            raise ChainError(
                f"the chain at {self.url} has changed: its genesis block differs",
                remedy="restart this program if the chain was reset on purpose",
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
            raise ChainError(f"{self.url} answers, but is not a chain's node", remedy="check the address")
        return answer["result"]

    def _drop(self) -> None:
        dropped, self._socket = self._socket, None
        if dropped is not None:
            try:
                dropped.shutdown()  # type: ignore[no-untyped-call]  # close() would wait for the peer's close frame
            except (OSError, WebSocketException):
                logger.debug("the connection to %s was already gone", self.url)


def _answer(line: WebSocket, number: int) -> dict[str, Any]:
    """Return the response with this request's id. Other frames, e.g. a proxy's pings, don't extend the timeout."""
    give_up = time.monotonic() + ANSWER_SECONDS
    while (left := give_up - time.monotonic()) > 0:
        line.settimeout(left)  # per frame, so that a long message may take several
        kind, data = line.recv_data(control_frame=True)
        if kind == ABNF.OPCODE_CLOSE:
            raise _ClosedByNode(data)
        if kind in (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY):
            message = json.loads(data)
            if isinstance(message, dict) and message.get("id") == number:
                return message
    raise WebSocketTimeoutException(f"nothing within {ANSWER_SECONDS:g} s")


def _shut_down_socket(line: WebSocket) -> None:
    """Shut the socket down, which wakes a thread of this process that reads it; close() alone would not."""
    if line.sock is not None:  # None when already closed
        with suppress(OSError):
            socket.socket.shutdown(line.sock, socket.SHUT_RDWR)  # not TLS's shutdown: another thread may be using it


def _refusal(method: str, error: Any) -> RpcRefused:
    told = error if isinstance(error, dict) else {"message": str(error)}
    return RpcRefused(
        method, int(told.get("code", 0)), str(told.get("message", "no reason given")), str(told.get("data") or "")
    )


def _reason(error: Exception) -> str:
    if isinstance(error, WebSocketBadStatusException):
        return f"it answered with HTTP status {error.status_code}, where a WebSocket should open"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
