"""Fairness between clients of the chain's server: requests alternate, and limits bound each client's cost."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from node_runtime.devnet import BlockTime
from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.rpc.subscriptions import Subscriptions
from node_runtime.devnet.server.client import ServedClient
from node_runtime.devnet.server.connections import ServerLimits
from node_runtime.devnet.server.server import DevnetServer
from tests.background import LIMIT

HOURS = 3600.0


@asynccontextmanager
async def serving(chain: EmbeddedChain, limits: ServerLimits) -> AsyncIterator[str]:
    """Run the chain's server in this process; yield its address."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = DevnetServer(chain, Subscriptions(), BlockTime.INSTANT, limits)
    running = asyncio.create_task(server.run("127.0.0.1", 0, ready.set_result))
    try:
        yield await ready
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def in_server(chain: EmbeddedChain, limits: ServerLimits, talk: Callable[[str], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(LIMIT), serving(chain, limits) as url:
            await talk(url)

    asyncio.run(run())


def dial(url: str) -> connect:
    return connect(url, open_timeout=LIMIT, ping_interval=None, compression=None, max_size=None)


async def ask(client: ClientConnection, method: str, *params: object) -> Any:
    await client.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    return json.loads(await client.recv())["result"]


def batch(method: str, count: int) -> str:
    return json.dumps([{"jsonrpc": "2.0", "id": number, "method": method} for number in range(count)])


async def farewell(client: ClientConnection) -> tuple[int, str]:
    """Return the code and reason with which the server closes the connection."""
    with pytest.raises(ConnectionClosed) as closed:
        await client.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


def test_messages_to_a_disconnected_client_block_nothing() -> None:
    async def serve_one(socket: ServerConnection) -> None:
        await socket.wait_closed()
        connection = ServedClient(socket, ServerLimits(), lambda _: False)
        writing = asyncio.create_task(connection.write())
        connection.push("found nobody")
        await writing
        connection.push("comes later still")
        await asyncio.wait_for(connection.all_written(), LIMIT)
        served.set()

    async def talk() -> None:
        async with serve(serve_one, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            async with connect(f"ws://{host}:{port}"):
                pass

    served = asyncio.Event()
    asyncio.run(talk())  # the server stops after its last client
    assert served.is_set()


def test_a_clients_queue_is_bounded_and_the_close_reason_names_the_limit() -> None:
    async def serve_one(socket: ServerConnection) -> None:
        connection = ServedClient(socket, ServerLimits(queued=100_000), lambda _: False)
        for _ in range(200):
            connection.push("x" * 1000)
        assert connection.gone
        await socket.wait_closed()

    async def talk() -> None:
        async with serve(serve_one, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            async with connect(f"ws://{host}:{port}") as client:
                assert await farewell(client) == (1008, "more than 100000 bytes of unread messages")

    asyncio.run(asyncio.wait_for(talk(), LIMIT))


def test_a_batch_whose_reply_would_be_too_big_gets_an_error_instead(chain: EmbeddedChain) -> None:
    async def talk(url: str) -> None:
        async with dial(url) as client:
            await client.send(batch("state_getMetadata", 1000))
            text = await client.recv()
            assert len(text) < 1000
            assert json.loads(text)["error"]["code"] == -32011
            assert await ask(client, "system_name")

    in_server(chain, ServerLimits(), talk)


def test_a_client_with_a_long_batch_lets_others_have_their_turn(chain: EmbeddedChain) -> None:
    async def talk(url: str) -> None:
        async with dial(url) as busy, dial(url) as other:
            await ask(other, "system_name")
            await busy.send(batch("state_getKeysPaged", 1000).replace("}", ', "params": ["0x", 500]}'))
            whole = asyncio.create_task(busy.recv())
            for _ in range(20):
                await ask(other, "chain_getHeader")
            assert not whole.done()
            assert len(json.loads(await whole)) == 1000

    in_server(chain, ServerLimits(), talk)


def test_notices_of_a_batch_follow_its_reply_whatever_happens_meanwhile(chain: EmbeddedChain) -> None:
    async def talk(url: str) -> None:
        async with dial(url) as busy, dial(url) as other:
            subscribing = batch("chain_subscribeNewHeads", 1)[1:-1]
            rest = batch("chain_getHeader", 500)[1:-1]
            await busy.send(f"[{subscribing},{rest}]")
            first = asyncio.create_task(busy.recv())
            while not first.done():
                await ask(other, "chain_getHeader")
            assert isinstance(json.loads(await first), list)
            assert json.loads(await busy.recv())["method"] == "chain_newHead"

    in_server(chain, ServerLimits(), talk)


def test_a_connection_on_which_nothing_is_said_is_closed_unless_it_waits_for_news(chain: EmbeddedChain) -> None:
    async def talk(url: str) -> None:
        async with dial(url) as subscribed, dial(url) as idle:
            await ask(subscribed, "chain_subscribeNewHeads")
            assert await farewell(idle) == (1000, "idle for 0.2 s")
            await subscribed.recv()
            assert await ask(subscribed, "system_name")

    in_server(chain, ServerLimits(idle_s=0.2), talk)


def test_idle_connections_make_room_for_a_newcomer_those_that_wait_for_news_last(chain: EmbeddedChain) -> None:
    async def talk(url: str) -> None:
        async with AsyncExitStack() as opened:
            subscribed, silent = [await opened.enter_async_context(dial(url)) for _ in range(2)]
            await ask(subscribed, "chain_subscribeNewHeads")
            await subscribed.recv()
            await ask(silent, "system_name")
            newcomer = await opened.enter_async_context(dial(url))
            assert await ask(newcomer, "system_name")
            assert await farewell(silent) == (1013, "this connection was idle and another client needed its place")
            assert await ask(subscribed, "system_name")

    in_server(chain, ServerLimits(connections=2, spare_s=0.0), talk)


def test_a_client_whose_request_takes_long_is_not_taken_for_silent(chain: EmbeddedChain) -> None:
    async def talk(url: str) -> None:
        async with dial(url) as busy:
            await busy.send(batch("state_getKeysPaged", 1000).replace("}", ', "params": ["0x", 500]}'))
            async with dial(url) as newcomer:
                assert await farewell(newcomer) == (1013, "too many connections: 1 are in use")
            assert len(json.loads(await busy.recv())) == 1000

    in_server(chain, ServerLimits(connections=1, spare_s=0.0), talk)


def test_a_new_client_is_refused_when_all_are_active(chain: EmbeddedChain) -> None:
    async def talk(url: str) -> None:
        async with dial(url) as first, dial(url) as second, dial(url) as third:
            assert await farewell(third) == (1013, "too many connections: 2 are in use")
            for client in (first, second):
                assert await ask(client, "system_name")

    in_server(chain, ServerLimits(connections=2, spare_s=HOURS), talk)


def test_connections_without_a_request_do_not_block_others(chain: EmbeddedChain) -> None:
    async def talk(url: str) -> None:
        address = urlsplit(url)
        silent = [await asyncio.open_connection(address.hostname, address.port) for _ in range(12)]
        for _, writer in silent[::2]:
            writer.write(b"POST / HTTP/1.1\r\n")
        async with dial(url) as client:
            assert await ask(client, "system_name")
        for reader, writer in silent[:8]:
            with suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()

    in_server(chain, ServerLimits(connections=4, spare_s=HOURS), talk)
