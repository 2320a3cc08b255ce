"""Connections of the server: protocol detection on one port, and limits of sizes, idle times and their number.

The head of the first request selects HTTP or WebSocket.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

LARGEST_MESSAGE = 15 * 1024 * 1024  # bytes per message from a client, as in Substrate nodes
_LARGEST_HEAD = 16 * 1024  # bytes
_END_OF_HEAD = b"\r\n\r\n"
_HTTP = (b"POST ", b"OPTIONS ")  # everything else, e.g. a WebSocket handshake, goes to the WebSocket library


class PendingConnections:
    """Connections without a complete first request, limited in number and in time."""

    def __init__(self, most: int, patience_s: float) -> None:
        self._most = most
        self._patience_s = patience_s
        self._waiting: dict[asyncio.Transport, asyncio.TimerHandle] = {}

    def add(self, transport: asyncio.Transport) -> None:
        """Add a connection; above the limit close the oldest."""
        if len(self._waiting) >= self._most:
            self.end(next(iter(self._waiting)))
        later = asyncio.get_running_loop().call_later(self._patience_s, self.end, transport)
        self._waiting[transport] = later

    def remove(self, transport: asyncio.Transport) -> None:
        timer = self._waiting.pop(transport, None)
        if timer is not None:
            timer.cancel()

    def end(self, transport: asyncio.Transport) -> None:
        self.remove(transport)
        transport.abort()

    def end_all(self) -> None:
        for transport in tuple(self._waiting):
            self.end(transport)


class PendingConnection(asyncio.Protocol):
    """A new connection: reads the head of the first request, then passes all bytes to ``http`` or ``websocket``."""

    def __init__(
        self, pending: PendingConnections, websocket: asyncio.Protocol, http: Callable[[], asyncio.StreamReaderProtocol]
    ) -> None:
        self._pending = pending
        self._websocket = websocket
        self._http = http
        self._head = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._pending.add(transport)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if _END_OF_HEAD in self._head or len(self._head) > _LARGEST_HEAD:
            self._pending.remove(self._transport)
            protocol = self._http() if self._head.startswith(_HTTP) else self._websocket
            self._transport.set_protocol(protocol)
            protocol.connection_made(self._transport)
            protocol.data_received(bytes(self._head))

    def connection_lost(self, failure: Exception | None) -> None:  # noqa: ARG002  the protocol's signature
        self._pending.remove(self._transport)


@dataclass(frozen=True, kw_only=True)
class ServerLimits:
    """Limits of a server. At ``connections`` open connections a new one replaces the one idle for longest, if that is
    at least ``spare_s`` seconds. A connection that awaits no notifications is closed after ``idle_s`` idle seconds.
    ``queued`` is the maximum of unread bytes per client."""

    connections: int = 100
    spare_s: float = 1.0
    idle_s: float = 600.0
    queued: int = 32 * 1024 * 1024


class LimitedClient(Protocol):
    """A connected client. ``last_heard`` is monotonic time."""

    @property
    def last_heard(self) -> float: ...

    @property
    def awaits_notifications(self) -> bool:
        """Return whether it is idle because it waits for notifications."""
        ...

    def close(self, code: int, reason: str) -> None: ...


class ConnectionSlots:
    """The connected clients. A client that has `taken` a slot must `leave`."""

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self._clients: set[LimitedClient] = set()

    def taken(self, client: LimitedClient) -> bool:
        """Give a client a slot, if necessary in place of the one idle for longest; return False when all are active."""
        if len(self._clients) >= self._limits.connections:
            silent_before = time.monotonic() - self._limits.spare_s
            silent = [other for other in self._clients if other.last_heard <= silent_before]
            if not silent:
                return False
            left = min(silent, key=lambda other: (other.awaits_notifications, other.last_heard))
            self.leave(left)
            left.close(1013, "this connection was idle and another client needed its place")
        self._clients.add(client)
        return True

    def leave(self, client: LimitedClient) -> None:
        self._clients.discard(client)

    def close_idle(self) -> None:
        """Close the connections that have been idle for too long."""
        silent_before = time.monotonic() - self._limits.idle_s
        for client in tuple(self._clients):
            if client.last_heard <= silent_before and not client.awaits_notifications:
                self.leave(client)
                client.close(1000, f"idle for {self._limits.idle_s:g} s")

    def close_all(self, code: int, reason: str) -> None:
        for client in tuple(self._clients):
            self.leave(client)
            client.close(code, reason)
