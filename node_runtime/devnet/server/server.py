"""JSON-RPC server over WebSocket and HTTP POST on one port, in one asyncio loop.

One thread does all work on the chain: requests and block building alternate.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as serve_websocket
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Origin

from node_runtime.devnet import BlockTime
from node_runtime.devnet.chain import EmbeddedChain, Sealed
from node_runtime.devnet.folder import drop_future_blocks, future_warning, locked_folder
from node_runtime.devnet.rpc.dispatch import Dispatcher, encoded
from node_runtime.devnet.rpc.methods import HEALTH
from node_runtime.devnet.rpc.subscriptions import Subscriptions
from node_runtime.devnet.sealing import Sealer, wall_clock
from node_runtime.devnet.state.store import Store
from node_runtime.devnet.upgrade import Say, follow_package
from node_runtime.devnet.wasm.compiled import default_cache
from node_runtime.errors import ConfigError, HostError
from node_runtime.platform.printable import print_line
from node_runtime.platform.signals import ending_signals
from node_runtime.substrate.connection import is_loopback

from .client import ServedClient
from .connections import LARGEST_MESSAGE, ConnectionSlots, PendingConnection, PendingConnections, ServerLimits
from .http_post import HttpClient, HttpServer

RUNTIME = Path(__file__).parents[1] / "runtime" / "chain_runtime.compressed.wasm"
_HANDSHAKE_S = 60.0  # handshake timeout; a slow disk can block the loop
_SHUTDOWN_S = 3.0  # shutdown timeout for all clients together
_IDLE_CHECK_S = 30.0  # between checks for idle connections

# Foreign web pages are refused: the devnet's keys are public, so a page could act as its user.
_ORIGINS = (None, re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"), Origin("https://polkadot.js.org"))


class DevnetServer:
    """The server: connections, request dispatch and sealing for one chain."""

    def __init__(
        self,
        chain: EmbeddedChain,
        subscriptions: Subscriptions,
        block_time: BlockTime,
        limits: ServerLimits | None = None,
    ) -> None:
        self._subscriptions = subscriptions
        self._dispatcher = Dispatcher(chain, subscriptions)
        self._sealer = Sealer(chain, block_time, self._announce)
        self._limits = limits or ServerLimits()
        self._slots = ConnectionSlots(self._limits)
        self._pending = PendingConnections(self._limits.connections, _HANDSHAKE_S)
        self._http = HttpServer(self._answer_post, _allowed, self._slots, self._limits)

    async def run(self, host: str, port: int, ready: Callable[[str], None]) -> None:
        """Serve until SIGTERM, SIGINT or SIGHUP. ``port`` 0 takes a free one; ``ready`` receives the address."""
        stopped = asyncio.Event()
        for stop_signal in ending_signals():
            asyncio.get_running_loop().add_signal_handler(stop_signal, stopped.set)
        server = await self._listen(host, port)
        try:
            tasks = [asyncio.create_task(work) for work in (self._sealer.run(), self._close_idle(), stopped.wait())]
            ready(_url(host, server.sockets[0].getsockname()[1]))
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            if not stopped.is_set():
                for task in tasks:
                    if task.done():
                        task.result()  # neither ends normally: this raises its exception
        finally:
            self._pending.end_all()
            self._slots.close_all(1001, "the chain's node is shutting down")
            server.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(_SHUTDOWN_S):
                    await server.wait_closed()

    async def _listen(self, host: str, port: int) -> Server:
        try:
            return await serve_websocket(
                self._serve_client,
                host,
                port,
                max_size=LARGEST_MESSAGE,
                max_queue=2,  # messages read ahead, each up to the maximum size
                compression=None,
                origins=_ORIGINS,
                process_request=_health,
                # no pings: substrate-interface answers them only while it waits for a reply
                ping_interval=None,
                open_timeout=_HANDSHAKE_S,
                close_timeout=1,
                create_connection=self._arrival,  # type: ignore[arg-type]  # a wrapper, supported by the library
            )
        except OSError as failure:
            reason = str(failure.strerror).rpartition(": ")[2]  # asyncio puts the address before it once more
            raise HostError(
                f"cannot listen on {host}:{port}: {reason}",
                remedy="name another with --port; --port 0 takes a free one",
            ) from failure

    def _arrival(self, *arguments: Any, **options: Any) -> Any:
        """Create a connection's protocol: a detector in front of the library's WebSocket protocol."""
        return PendingConnection(self._pending, ServerConnection(*arguments, **options), self._http.protocol)

    async def _serve_client(self, socket: ServerConnection) -> None:
        connection = ServedClient(socket, self._limits, self._dispatcher.awaits_notifications)
        if not self._slots.taken(connection):
            await socket.close(1013, f"too many connections: {self._limits.connections} are in use")
            return
        writing = asyncio.create_task(connection.write())
        try:
            async for message in socket:
                connection.begin_reply()
                connection.reply(await self._dispatcher.answer(message, connection))
                self._settle()
                await connection.all_written()
                await asyncio.sleep(0)  # yield to the other clients
        except ConnectionClosed:
            pass
        finally:
            self._slots.leave(connection)
            self._dispatcher.forget(connection)
            writing.cancel()

    async def _answer_post(self, body: bytes, client: HttpClient) -> bytes | None:
        reply = await self._dispatcher.answer(body, client)
        self._settle()
        await asyncio.sleep(0)
        return reply

    def _settle(self) -> None:
        """After a request, deliver notifications and wake the sealer."""
        self._subscriptions.deliver()
        self._sealer.wake()

    async def _close_idle(self) -> None:
        while True:
            await asyncio.sleep(min(self._limits.idle_s / 4, _IDLE_CHECK_S))
            self._slots.close_idle()

    def _announce(self, sealed: Sealed) -> None:
        self._dispatcher.block_sealed(sealed)
        self._subscriptions.deliver()


def _allowed(origin: str | None) -> bool:
    return any(
        allowed.fullmatch(origin) is not None if isinstance(allowed, re.Pattern) and origin else allowed == origin
        for allowed in _ORIGINS
    )


def _health(socket: ServerConnection, request: Request) -> Response | None:
    """Answer ``GET /health`` as a Substrate node does; return None for a WebSocket handshake."""
    if request.path != "/health" or "Upgrade" in request.headers:
        return None
    response = socket.respond(HTTPStatus.OK, encoded(HEALTH).decode())
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    return response


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
    upgrade: bool = False,
    cut_future: bool = False,
    say: Say = print_line,
) -> None:
    """Run a devnet until SIGTERM, SIGINT or SIGHUP.

    ``base_path`` is the chain's folder, created when missing; ``fresh`` deletes a stored chain. ``ready`` is called
    with the WebSocket address once clients may connect. Without ``allow_remote`` only this machine may connect. A
    stored chain is upgraded to the packaged runtime, with ``upgrade`` also to one of the same version. ``cut_future``
    drops blocks later than this machine's clock. ``say`` receives messages to the operator. Raises `ConfigError`,
    `InputError` or `HostError` when the server cannot start.
    """
    if not allow_remote and not is_loopback(host):
        raise ConfigError(
            f"the devnet would listen on {host}, where others can reach it, and everybody knows its keys",
            remedy="listen on 127.0.0.1, or allow it explicitly with --allow-remote",
        )
    subscriptions = Subscriptions()
    with locked_folder(base_path, fresh=fresh) as database:
        store = Store(database)
        try:
            if cut_future:
                say(drop_future_blocks(database, store, wall_clock()))
            code = _runtime_code()
            chain = EmbeddedChain(
                store,
                code=code,
                preset=preset,
                cache_folder=default_cache(),
                wall_clock=wall_clock,
                notify=subscriptions.transaction_changed,
            )
            follow_package(chain, code, same_version=upgrade, say=say)
            if (told := future_warning(store, wall_clock())) is not None:
                say(told)
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


def _url(host: str, port: int) -> str:
    return f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"
