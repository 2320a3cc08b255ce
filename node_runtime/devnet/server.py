"""How do clients reach the chain? JSON-RPC over WebSocket, in the one asyncio room of this project.

All work on the chain happens in this one thread: requests and blocks take turns.
"""

import asyncio
import ipaddress
import json
import re
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websocket
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from node_runtime.errors import ConfigError, HostError

from .block_time import BlockTime
from .chain import Chain, Sealed
from .compiled import default_cache
from .dispatch import answer
from .folder import locked_folder
from .params import Json
from .sealing import Sealer, wall_clock
from .store import Store
from .subscriptions import Subscriptions

RUNTIME = Path(__file__).parent / "runtime" / "chain_runtime.compressed.wasm"
_MOST_CONNECTIONS = 100
_GREETING_S = 60.0  # a disk that is slow to write may hold everything up for a while
_FAREWELL_S = 3.0  # for all clients: one that says nothing, or reads nothing, holds up no end
_LARGEST_MESSAGE = 15 * 1024 * 1024  # bytes, as a Substrate node
_LONGEST_QUEUE = 4096
"""Messages a client may leave unread before it is disconnected."""

# A web page may not drive the devnet behind its user's back: its keys are known to everybody.
_ORIGINS = (None, re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"), Origin("https://polkadot.js.org"))


class Connection:
    """One client: its outgoing messages wait here, so that nobody waits for it but itself."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._outgoing: asyncio.Queue[Json] = asyncio.Queue(_LONGEST_QUEUE)
        self._all_written = asyncio.Event()
        self._ended = False

    def push(self, message: Json) -> None:
        if self._ended:  # requests that came before the client left are still answered, to nobody
            return
        self._all_written.clear()
        try:
            self._outgoing.put_nowait(message)
        except asyncio.QueueFull:
            self._socket.transport.abort()

    async def all_written(self) -> None:
        """Return when nothing waits any more. A client that does not read its replies gets no further ones made."""
        await self._all_written.wait()

    async def write(self) -> None:
        """Write what is pushed until the connection ends."""
        try:
            while True:
                message = await self._outgoing.get()
                await self._socket.send(json.dumps(message, separators=(",", ":")))
                if self._outgoing.empty():
                    self._all_written.set()
        except ConnectionClosed:
            pass
        finally:
            self._ended = True
            self._all_written.set()


class DevnetServer:
    """Clients on one side, the chain on the other."""

    def __init__(self, chain: Chain, subscriptions: Subscriptions, block_time: BlockTime) -> None:
        self._chain = chain
        self._subscriptions = subscriptions
        self._sealer = Sealer(chain, block_time, self._announce)
        self._connections = 0

    async def run(self, host: str, port: int, ready: Callable[[str], None]) -> None:
        """Serve until SIGTERM or SIGINT. ``port`` 0 takes a free one; ``ready`` is given the address."""
        stopped = asyncio.Event()
        for stop_signal in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(stop_signal, stopped.set)
        try:
            server = await serve_websocket(
                self._serve_client,
                host,
                port,
                max_size=_LARGEST_MESSAGE,
                compression=None,
                origins=_ORIGINS,
                # substrate-interface answers pings only while it waits for a reply: an idle client would be cut off
                ping_interval=None,
                open_timeout=_GREETING_S,
                close_timeout=1,
            )
        except OSError as failure:
            raise HostError(
                f"cannot listen on {host}:{port}: {failure.strerror}", remedy="choose another port (0 takes a free one)"
            ) from failure
        try:
            sealing = asyncio.create_task(self._sealer.run())
            stopping = asyncio.create_task(stopped.wait())
            ready(_url(host, server.sockets[0].getsockname()[1]))
            await asyncio.wait((sealing, stopping), return_when=asyncio.FIRST_COMPLETED)
            for task in (sealing, stopping):
                task.cancel()
            if not stopped.is_set():
                sealing.result()  # a sealer never ends by itself: this raises what ended it
        finally:
            server.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_S):
                    await server.wait_closed()

    async def _serve_client(self, socket: ServerConnection) -> None:
        if self._connections >= _MOST_CONNECTIONS:
            await socket.close(1013, "too many connections")
            return
        self._connections += 1
        connection = Connection(socket)
        writing = asyncio.create_task(connection.write())
        try:
            async for message in socket:
                reply = answer(message, self._chain, self._subscriptions, connection)
                if reply is not None:
                    connection.push(reply)
                self._subscriptions.deliver()
                self._sealer.wake()
                if reply is not None:
                    await connection.all_written()
        except ConnectionClosed:
            pass
        finally:
            self._connections -= 1
            self._subscriptions.forget(connection)
            writing.cancel()

    def _announce(self, sealed: Sealed) -> None:
        self._subscriptions.block_sealed(self._chain, sealed)
        self._subscriptions.deliver()


def serve(
    *,
    base_path: Path,
    host: str = "127.0.0.1",
    port: int = 9944,
    block_time: BlockTime = BlockTime.INSTANT,
    preset: str = "development",
    ready: Callable[[str], None] | None = None,
    fresh: bool = False,
    allow_remote: bool = False,
) -> None:
    """Run a devnet until SIGTERM or SIGINT.

    ``base_path`` is the chain's folder, made when missing; ``fresh`` forgets a chain that is stored there. ``ready``
    is called with the WebSocket address once clients may connect. Without ``allow_remote`` only this machine may.
    Raises `ConfigError`, `InputError` or `HostError` when it cannot start.
    """
    if not allow_remote and not _is_loopback(host):
        raise ConfigError(
            f"the devnet would listen on {host}, where others can reach it, and everybody knows its keys",
            remedy="listen on 127.0.0.1, or allow it explicitly with --allow-remote",
        )
    subscriptions = Subscriptions()
    with locked_folder(base_path, fresh=fresh) as database:
        store = Store(database)
        try:
            chain = Chain(
                store,
                code=_runtime_code(),
                preset=preset,
                cache_folder=default_cache(),
                wall_clock=wall_clock,
                notify=subscriptions.transaction_changed,
            )
            server = DevnetServer(chain, subscriptions, block_time)
            asyncio.run(server.run(host, port, ready or (lambda _url: None)))
        finally:
            store.close()


def _runtime_code() -> bytes:
    try:
        return RUNTIME.read_bytes()
    except OSError as failure:
        raise HostError(
            f"cannot read the chain's runtime {RUNTIME}: {failure.strerror}", remedy="install the package again"
        ) from failure


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _url(host: str, port: int) -> str:
    return f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"
