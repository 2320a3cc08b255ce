"""What do the devnet's own tests share? The packaged runtime, and a chain without a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node_runtime.devnet.chain import Chain
from node_runtime.devnet.compiled import default_cache
from node_runtime.devnet.pool import Status
from node_runtime.devnet.server import RUNTIME
from node_runtime.devnet.store import STATE_HISTORY, Store
from tests.devnet import Clock, OpenChain
from tests.transfers import Signer, development_keys


@pytest.fixture(scope="session")
def code() -> bytes:
    return RUNTIME.read_bytes()


@pytest.fixture(scope="session")
def cache_folder() -> Path:
    """The user's own, so that the runtime is compiled once and not for every test run."""
    return default_cache()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def statuses() -> list[tuple[bytes, Status]]:
    """What the pool told about transactions, in order."""
    return []


@pytest.fixture
def open_chain(
    tmp_path: Path, code: bytes, cache_folder: Path, clock: Clock, statuses: list[tuple[bytes, Status]]
) -> Iterator[OpenChain]:
    """Opens the chain in the test's folder; again after a first one means a restart."""
    stores: list[Store] = []

    def open_it(preset: str = "development", code: bytes = code, history: int = STATE_HISTORY) -> Chain:
        while stores:
            stores.pop().close()
        stores.append(Store(tmp_path / "chain.sqlite", history=history))
        return Chain(
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
def chain(open_chain: OpenChain) -> Chain:
    return open_chain()


@pytest.fixture
def signers(chain: Chain) -> dict[str, Signer]:
    version = chain.rules_at(0).version
    return {
        name: Signer(
            keys=keys,
            genesis=chain.head.hash,
            spec_version=version.spec_version,
            transaction_version=version.transaction_version,
        )
        for name, keys in development_keys().items()
    }
