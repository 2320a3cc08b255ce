"""Fault-injecting relays in front of a chain's node: dropped connections, and dropped transactions."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from node_runtime.substrate import connection
from tests.background import LIMIT

SUBMIT = "author_submitExtrinsic"


@dataclass(kw_only=True)
class LossyChain:
    """A relay that closes the connection on some requests of a method, before or after forwarding them.

    `loses` selects them by number, counted from 1.
    """

    upstream: str
    method: str
    loses: Callable[[int], bool]
    before: bool
    lost: int = 0
    seen: int = 0

    def relay(self, client: ServerConnection) -> None:
        with connect(self.upstream, open_timeout=LIMIT, compression=None, max_size=None) as chain:
            for request in client:
                counts = self.method in str(request)
                self.seen += counts
                loses = counts and self.loses(self.seen)
                self.lost += loses
                if loses and self.before:
                    return
                chain.send(request)
                answer = chain.recv(timeout=LIMIT)  # bounds the relay's shutdown
                if loses:
                    return
                client.send(answer)


@dataclass(kw_only=True)
class ForgetfulChain:
    """A relay that acknowledges and drops transactions while `forgetting` is set, like a node that loses its pool.

    `heard` is set after the first.
    """

    upstream: str
    forgetting: threading.Event = field(default_factory=threading.Event)
    heard: threading.Event = field(default_factory=threading.Event)

    def relay(self, client: ServerConnection) -> None:
        with connect(self.upstream, open_timeout=LIMIT, compression=None, max_size=None) as chain:
            for request in client:
                if SUBMIT in str(request) and self.forgetting.is_set():
                    self.heard.set()
                    client.send(json.dumps({"jsonrpc": "2.0", "id": json.loads(request)["id"], "result": "0x00"}))
                else:
                    chain.send(request)
                    client.send(chain.recv(timeout=LIMIT))


@contextmanager
def lossy_chain(
    upstream: str, *, loses: Callable[[int], bool], before: bool, method: str = SUBMIT
) -> Iterator[tuple[str, LossyChain]]:
    """Run a `LossyChain`; yield its address and the relay."""
    lossy = LossyChain(upstream=upstream, method=method, loses=loses, before=before)
    with served(lossy.relay) as url:
        yield url, lossy


@contextmanager
def forgetful_chain(upstream: str) -> Iterator[tuple[str, ForgetfulChain]]:
    """Run a `ForgetfulChain` that drops from the start; yield its address and the relay."""
    forgetful = ForgetfulChain(upstream=upstream)
    forgetful.forgetting.set()
    with served(forgetful.relay) as url:
        yield url, forgetful


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise the reconnection timeout, so that a slow machine does not fail the tests."""
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT", LIMIT)
    monkeypatch.setattr(connection, "RETRY_TIMEOUT", LIMIT)


@contextmanager
def served(relay: Callable[[ServerConnection], None]) -> Iterator[str]:
    """Run a WebSocket server with this handler; yield its address."""

    def serve_one(client: ServerConnection) -> None:
        try:
            relay(client)
        except ConnectionClosed:
            return

    with serve(serve_one, "127.0.0.1", 0, open_timeout=LIMIT, compression=None, max_size=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        host, port = server.socket.getsockname()
        try:
            yield f"ws://{host}:{port}"
        finally:
            server.shutdown()
            thread.join()
