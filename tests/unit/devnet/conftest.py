"""Fixtures of the devnet's tests: the packaged runtime, and a chain without a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.pool import Status
from node_runtime.devnet.server.server import RUNTIME
from node_runtime.devnet.state.store import STATE_HISTORY, Store
from node_runtime.devnet.wasm.compiled import default_cache
from tests.devnet import Clock, OpenChain
from tests.stored import BEGIN, Stored, unpack_stored
from tests.transfers import Signer, development_keys


@pytest.fixture(scope="session")
def code() -> bytes:
    return RUNTIME.read_bytes()


@pytest.fixture(scope="session")
def cache_folder() -> Path:
    """The user's cache, so that the runtime is compiled once and not for every test run."""
    return default_cache()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def statuses() -> list[tuple[bytes, Status]]:
    """The pool's status notifications, in order."""
    return []


@pytest.fixture
def open_chain(
    tmp_path: Path, code: bytes, cache_folder: Path, clock: Clock, statuses: list[tuple[bytes, Status]]
) -> Iterator[OpenChain]:
    """Open the chain in the test's folder; a second call restarts it."""
    stores: list[Store] = []

    def open_it(preset: str = "development", code: bytes = code, history: int = STATE_HISTORY) -> EmbeddedChain:
        while stores:
            stores.pop().close()
        stores.append(Store(tmp_path / "chain.sqlite", history=history))
        return EmbeddedChain(
            stores[0],
            code=code,
            preset=preset,
            cache_folder=cache_folder,
            wall_clock=clock,
            notify=lambda transaction, status: statuses.append((transaction, status)),
        )

    yield open_it
    while stores:
        stores.pop().close()


@pytest.fixture
def chain(open_chain: OpenChain) -> EmbeddedChain:
    return open_chain()


@pytest.fixture
def signers(chain: EmbeddedChain) -> dict[str, Signer]:
    version = chain.runtime_at(0).version
    return {
        name: Signer(
            keys=keys,
            genesis=chain.head.hash,
            spec_version=version.spec_version,
            transaction_version=version.transaction_version,
        )
        for name, keys in development_keys().items()
    }


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return unpack_stored(tmp_path / "stored")


@pytest.fixture
def old_chain(stored: Stored, code: bytes, cache_folder: Path) -> Iterator[EmbeddedChain]:
    """The stored chain of commit 7bf0b92, still under its own runtime."""
    store = Store(stored.chain / "chain.sqlite")
    yield EmbeddedChain(
        store,
        code=code,
        preset="development",
        cache_folder=cache_folder,
        wall_clock=lambda: BEGIN + 60_000,
        notify=lambda _transaction, _status: None,
    )
    store.close()
