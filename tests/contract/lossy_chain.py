"""How do tests lose answers? A relay before a chain's node that passes transactions on and then hangs up."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve


@dataclass(kw_only=True)
class LossyChain:
    """Each `every`-th transaction gets no answer: the relay hangs up, before or after the chain's node saw it."""

    upstream: str
    every: int
    before: bool
    lost: int = 0
    seen: int = 0

    def relay(self, client: ServerConnection) -> None:
        with connect(self.upstream, compression=None, max_size=None) as chain:
            try:
                for request in client:
                    submits = "author_submitExtrinsic" in str(request)
                    self.seen += submits
                    loses = submits and self.seen % self.every == 0
                    self.lost += loses
                    if loses and self.before:
                        return
                    chain.send(request)
                    answer = chain.recv()
                    if loses:
                        return
                    client.send(answer)
            except ConnectionClosed:
                return


@contextmanager
def lossy_chain(upstream: str, *, every: int, before: bool) -> Iterator[tuple[str, LossyChain]]:
    """The relay's address, and what it did."""
    lossy = LossyChain(upstream=upstream, every=every, before=before)
    with serve(lossy.relay, "127.0.0.1", 0, compression=None, max_size=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        host, port = server.socket.getsockname()
        try:
            yield f"ws://{host}:{port}", lossy
        finally:
            server.shutdown()
            thread.join()
