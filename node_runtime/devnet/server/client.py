"""A client's WebSocket connection and its queue of outgoing messages."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from node_runtime.devnet.rpc.dispatch import encoded
from node_runtime.devnet.rpc.request import Json, Subscriber

from .connections import ServerLimits


class ServedClient:
    """One client with a queue of outgoing messages, so that a slow client blocks only itself."""

    takes_notices = True

    def __init__(
        self, socket: ServerConnection, limits: ServerLimits, subscribed: Callable[[Subscriber], bool]
    ) -> None:
        self._socket = socket
        self._limits = limits
        self._subscribed = subscribed
        self._outgoing: deque[bytes] = deque()
        self._behind_reply: list[bytes] | None = None  # notifications pushed during a request
        self._queued = 0
        self._wanted = asyncio.Event()
        self._all_written = asyncio.Event()
        self._all_written.set()
        self._closing: asyncio.Task[None] | None = None
        self.gone = False
        self._last_heard = time.monotonic()

    @property
    def last_heard(self) -> float:
        """The monotonic time of its last read or write; the current time during a request."""
        return self._last_heard if self._behind_reply is None else time.monotonic()

    @property
    def awaits_notifications(self) -> bool:
        """Return whether it has a subscription and an empty queue."""
        return not self._queued and self._subscribed(self)

    def push(self, message: Json) -> None:
        if not self.gone:  # requests received before a disconnect still run
            self._add(encoded(message))

    def begin_reply(self) -> None:
        """Hold back notifications until the reply is queued."""
        self._last_heard = time.monotonic()
        self._behind_reply = []

    def reply(self, message: bytes | None) -> None:
        """Queue a request's reply, then the held-back notifications."""
        waiting, self._behind_reply = self._behind_reply or [], None
        if self.gone:
            return
        if message is not None:
            self._add(message)
        for one in waiting:
            self._queued -= len(one)
            self._add(one)

    async def all_written(self) -> None:
        """Wait until the queue is empty, so that no replies are computed for a client that does not read them."""
        await self._all_written.wait()

    def close(self, code: int, reason: str) -> None:
        """Close the connection with a reason; force it soon if the client does not read."""
        if self._closing is None:
            self._end()
            self._closing = asyncio.create_task(self._socket.close(code, reason))

    async def write(self) -> None:
        """Write queued messages until the connection ends."""
        try:
            while True:
                await self._wanted.wait()
                while self._outgoing:
                    message = self._outgoing.popleft()
                    await self._socket.send(message, text=True)
                    self._queued -= len(message)
                    self._last_heard = time.monotonic()
                self._wanted.clear()
                self._all_written.set()
        except ConnectionClosed:
            pass
        finally:
            self._end()

    def _add(self, message: bytes) -> None:
        self._queued += len(message)
        if self._queued > self._limits.queued:
            self.close(1008, f"more than {self._limits.queued} bytes of unread messages")
        elif self._behind_reply is not None:
            self._behind_reply.append(message)
        else:
            self._outgoing.append(message)
            self._all_written.clear()
            self._wanted.set()

    def _end(self) -> None:
        self.gone = True
        self._outgoing.clear()
        self._behind_reply = None
        self._all_written.set()
