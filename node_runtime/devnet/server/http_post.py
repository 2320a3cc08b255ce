"""JSON-RPC over HTTP POST: a request or a batch in the body, the reply in the response's body."""

import asyncio
import http
import io
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, parse_headers

from node_runtime.devnet.rpc.dispatch import encoded
from node_runtime.devnet.rpc.methods import HEALTH
from node_runtime.devnet.rpc.request import Json

from .connections import LARGEST_MESSAGE, ConnectionSlots, ServerLimits

_LINGER_S = 1.0
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class HttpClient:
    """An HTTP connection. It receives replies only, no notifications."""

    takes_notices = False
    awaits_notifications = False

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.gone = False
        self.answering = False
        self.heard = time.monotonic()

    @property
    def last_heard(self) -> float:
        return time.monotonic() if self.answering else self.heard

    def push(self, message: Json) -> None:
        """Discard a notification."""

    def close(self, code: int, reason: str) -> None:  # noqa: ARG002  HTTP has no equivalent
        self.gone = True
        self._writer.transport.abort()


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    path: str
    headers: Message

    @property
    def origin(self) -> str | None:
        """Return the ``Origin`` headers, joined when there are several, which matches no allowed origin."""
        return ", ".join(self.headers.get_all("Origin", [])) or None

    @property
    def keeps_open(self) -> bool:
        return "close" not in str(self.headers.get("Connection", "")).lower()


class HttpServer:
    """Server of HTTP connections. ``allows`` checks a browser's ``Origin``."""

    def __init__(
        self,
        answer: Callable[[bytes, HttpClient], Awaitable[bytes | None]],
        allows: Callable[[str | None], bool],
        slots: ConnectionSlots,
        limits: ServerLimits,
    ) -> None:
        self._answer = answer
        self._allows = allows
        self._slots = slots
        self._limits = limits

    def protocol(self) -> asyncio.StreamReaderProtocol:
        """Create the protocol of a new connection."""
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._serve)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = HttpClient(writer)
        if not self._slots.taken(client):
            await self._refuse_all(writer)
            return
        try:
            with suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                while await self._serve_one(reader, writer, client):
                    client.heard = time.monotonic()
                await _linger(reader, writer)
        finally:
            client.gone = True
            self._slots.leave(client)
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: HttpClient) -> bool:
        """Serve one request; return whether the connection stays open."""
        async with asyncio.timeout(self._limits.idle_s):
            request = _request(await reader.readuntil(b"\r\n\r\n"))
            if isinstance(request, http.HTTPStatus):
                return await _respond(writer, request)
            if (problem := self._problem(request)) is not None:
                return await _respond(writer, problem)
            if request.method != "POST":
                return await _respond(writer, *_without_body(request), request=request)
            if request.headers.get("Expect", "").lower() == "100-continue":
                writer.write(_CONTINUE)
            body = await reader.readexactly(int(request.headers["Content-Length"]))
        client.answering = True
        reply = await self._answer(body, client)
        client.answering, client.heard = False, time.monotonic()
        async with asyncio.timeout(self._limits.idle_s):
            return await _respond(writer, http.HTTPStatus.OK, reply or b"", request=request)

    def _problem(self, request: Request) -> http.HTTPStatus | None:
        if not self._allows(request.origin):
            return http.HTTPStatus.FORBIDDEN
        if request.method != "POST":
            return None
        length = request.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            return http.HTTPStatus.LENGTH_REQUIRED
        if len(length) > 12 or int(length) > LARGEST_MESSAGE:
            return http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        if request.headers.get_content_type() != "application/json":
            return http.HTTPStatus.UNSUPPORTED_MEDIA_TYPE  # a web page's form can send it without a CORS preflight
        return None

    async def _refuse_all(self, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(1):
                await _respond(writer, http.HTTPStatus.SERVICE_UNAVAILABLE)
        writer.close()


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read the unread rest of the request: closing earlier resets the connection and loses the response."""
    writer.write_eof()
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            while await reader.read(65_536):
                pass


def _request(head: bytes) -> Request | http.HTTPStatus:
    first, _, rest = head.partition(b"\r\n")
    words = first.decode("latin-1").split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return http.HTTPStatus.BAD_REQUEST
    try:
        headers: Message = parse_headers(io.BytesIO(rest))
    except HTTPException:
        return http.HTTPStatus.BAD_REQUEST
    return Request(method=words[0], path=words[1], headers=headers)


def _without_body(request: Request) -> tuple[http.HTTPStatus, bytes]:
    """Answer a request without a body: a CORS preflight, or ``/health`` on a kept-open connection."""
    if request.method == "OPTIONS":
        return http.HTTPStatus.NO_CONTENT, b""
    if request.method == "GET" and request.path == "/health":
        return http.HTTPStatus.OK, encoded(HEALTH)
    return http.HTTPStatus.METHOD_NOT_ALLOWED, b""


async def _respond(
    writer: asyncio.StreamWriter, status: http.HTTPStatus, body: bytes | None = None, *, request: Request | None = None
) -> bool:
    """Write a response; return whether the connection stays open. Without ``request`` it closes, its body unread."""
    goes_on = request is not None and request.keeps_open
    content = f"{status.value} {status.phrase}\n".encode() if body is None else body
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {'text/plain' if body is None else 'application/json'}",
        f"Connection: {'keep-alive' if goes_on else 'close'}",
    ]
    if status is not http.HTTPStatus.NO_CONTENT:
        lines.append(f"Content-Length: {len(content)}")
    if request is not None and request.origin is not None:
        lines += [
            f"Access-Control-Allow-Origin: {request.origin}",
            "Access-Control-Allow-Methods: POST",
            "Access-Control-Allow-Headers: content-type",
            "Vary: Origin",
        ]
    writer.write("\r\n".join((*lines, "", "")).encode("latin-1"))
    writer.write(content)
    await writer.drain()
    return goes_on
