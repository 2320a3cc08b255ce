"""Fixtures of the chain's rules: the packaged runtime, and a world grown from it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.server.server import RUNTIME
from node_runtime.devnet.state.store import Store
from node_runtime.devnet.wasm.compiled import default_cache
from tests.chain_rules.purses import Purses
from tests.chain_rules.world import World
from tests.devnet import Clock

NAMES = ("Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie")

POOR = "Mallory"
"""Has nothing at genesis."""

OpenWorld = Callable[..., World]


@pytest.fixture
def open_world() -> Iterator[OpenWorld]:
    """Opens worlds, each with a chain of its own, under the packaged runtime or another one's code."""
    stores: list[Store] = []

    def open_it(code: bytes | None = None, preset: str = "development") -> World:
        clock = Clock()
        stores.append(Store(Path(":memory:")))  # nothing here asks what survives a crash
        chain = EmbeddedChain(
            stores[-1],
            code=code or RUNTIME.read_bytes(),
            preset=preset,
            cache_folder=default_cache(),
            wall_clock=clock,
            notify=lambda _transaction, _status: None,
        )
        return World(chain, clock, (*NAMES, POOR))

    yield open_it
    for store in stores:
        store.close()


@pytest.fixture
def world(open_world: OpenWorld) -> World:
    return open_world()


@pytest.fixture
def purses(world: World) -> Purses:
    return Purses(world)
