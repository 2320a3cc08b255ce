"""In-process development chain without a socket: the packaged runtime behind the port `EmbeddedChain`.

One thread owns the chain and its in-memory database and serialises the requests. It makes a block when a transaction
is pending or the agenda has an entry due. The caller supplies the clock, so that a test can advance it.
"""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.rpc import errors
from node_runtime.devnet.rpc.methods import METHODS
from node_runtime.devnet.rpc.request import Params
from node_runtime.devnet.sealing import wall_clock
from node_runtime.devnet.server.server import RUNTIME
from node_runtime.devnet.state.store import Store
from node_runtime.devnet.wasm.compiled import default_cache
from node_runtime.errors import ChainError

from .client import SubstrateChain
from .connection import RpcRefused
from .keys import load_key

_MOST_BLOCKS = 100  # per request; bounds the loop when an agenda entry stays due


class MemoryNetwork:
    """A chain that starts at genesis and serves any number of accounts until `close`."""

    def __init__(self, *, clock: Callable[[], int] = wall_clock) -> None:
        self._clock = clock
        self._closed = False
        self._owner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chain")
        self._chain = self._owner.submit(self._begun).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self, key: str) -> SubstrateChain:
        """Connect the account that ``key`` names, a development account like ``//Alice`` or a keystore file."""
        return SubstrateChain(
            MemoryConnection(self), load_key(key, password_file=None, password=None, development=True)
        )

    def answer(self, method: str, params: tuple[object, ...]) -> Any:
        """Return the result of a JSON-RPC request as a socket client would parse it. Raises `RpcRefused`."""
        return self._owner.submit(self._answered, method, params).result()

    def close(self) -> None:
        """Stop the chain; later requests fail. Idempotent."""
        if not self._closed:
            self._closed = True
            self._owner.submit(self._store.close)
            self._owner.shutdown()

    def _begun(self) -> EmbeddedChain:
        self._store = Store(Path(":memory:"))
        return EmbeddedChain(
            self._store,
            code=RUNTIME.read_bytes(),
            preset="development",
            cache_folder=default_cache(),
            wall_clock=self._clock,
            notify=lambda _transaction, _status: None,
        )

    def _answered(self, method: str, params: tuple[object, ...]) -> Any:
        self._make_blocks()
        try:
            result = METHODS[method](self._chain, Params(tuple(json.loads(json.dumps(params)))))
        except Exception as failure:
            known = errors.of_failure(failure)
            if known is None:
                raise
            raise RpcRefused(method, known.code, known.message, known.data or "") from failure
        self._make_blocks()
        return json.loads(json.dumps(result))

    def _make_blocks(self) -> None:
        for _ in range(_MOST_BLOCKS):
            head = self._chain.agenda_head()
            due = head is not None and head.due < self._clock()
            if not (self._chain.pool.has_ready() or self._chain.upgrading or due):
                return
            self._chain.seal()


class MemoryConnection:
    """`Requests` of one client of a `MemoryNetwork`."""

    def __init__(self, network: MemoryNetwork) -> None:
        self._network = network
        self._closed = False
        self.url = "memory:"
        self.generation = 1
        self.genesis = str(self.request("chain_getBlockHash", 0))

    def request(self, method: str, *params: object) -> Any:
        if self._closed:
            raise ChainError("the connection to the chain in memory was closed")
        return self._network.answer(method, params)

    def close(self) -> None:
        self._closed = True
