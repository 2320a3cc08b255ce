"""Timeouts of requests without an answer: with other frames arriving, and with a concurrent close."""

import json
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest
from websockets.sync.server import ServerConnection

from node_runtime.errors import ChainError, ChainUnavailable
from node_runtime.substrate import connection as connection_module
from node_runtime.substrate.connection import Connection
from tests.background import LIMIT, in_background
from tests.contract.lossy_chain import served


@pytest.mark.parametrize(
    "says", [ServerConnection.ping, lambda client: client.send('{"id": -1, "result": null}')], ids=["pings", "messages"]
)
def test_a_chain_that_sends_other_frames_than_the_answer_times_out(
    says: Callable[[ServerConnection], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a proxy does in front of a hanging node."""
    monkeypatch.setattr(connection_module, "ANSWER_SECONDS", 1.0)

    def chatter(client: ServerConnection) -> None:
        while True:
            says(client)
            with suppress(TimeoutError):
                client.recv(timeout=0.05)

    with served(chatter) as url, pytest.raises(ChainUnavailable, match="no answer from the chain at"):
        Connection(url)


def test_close_does_not_wait_for_a_request_in_flight_which_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()

    def answer_once(client: ServerConnection) -> None:
        client.send(json.dumps({"id": json.loads(client.recv())["id"], "result": "0x00"}))
        for _ in client:
            asked.set()

    with served(answer_once) as url:
        connection = Connection(url)
        monkeypatch.setattr(connection_module, "ANSWER_SECONDS", 100 * LIMIT)
        waiting = in_background(lambda: connection.request("system_chain"))
        assert asked.wait(LIMIT)
        connection.close()
        with pytest.raises(ChainError, match="was closed"):
            waiting.result(LIMIT)
