"""Does a client that is gone hold up nobody?"""

import asyncio

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from node_runtime.devnet.server import Connection
from tests.background import LIMIT


def test_what_is_said_to_a_client_that_has_left_is_waited_for_by_nobody() -> None:
    async def serve_one(socket: ServerConnection) -> None:
        await socket.wait_closed()
        connection = Connection(socket)
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
    asyncio.run(talk())  # a server ends with its last client
    assert served.is_set()
