"""What do the tests of the chain's rules share? The packaged runtime, and a world grown from it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node_runtime.devnet.chain import Chain
from node_runtime.devnet.compiled import default_cache
from node_runtime.devnet.server import RUNTIME
from node_runtime.devnet.store import Store
from tests.chain_rules.purses import Purses
from tests.chain_rules.world import World
from tests.devnet import Clock

NAMES = ("Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie")

POOR = "Mallory"
"""Has nothing at genesis."""

OpenWorld = Callable[[], World]


@pytest.fixture
def open_world() -> Iterator[OpenWorld]:
    """Opens worlds, each with a chain of its own."""
    stores: list[Store] = []

    def open_it() -> World:
        clock = Clock()
        stores.append(Store(Path(":memory:")))  # nothing here asks what survives a crash
        chain = Chain(
            stores[-1],
            code=RUNTIME.read_bytes(),
            preset="development",
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
