"""Both adapters of the port `Chain` under the same tests: a chain behind a server, and one in memory."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from node_runtime.substrate.memory import MemoryNetwork
from tests.contract.chain_world import (
    World,
    open_world,
    world_of,
)


@pytest.fixture(scope="module", params=["devnet", "memory"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """The accounts of a chain behind its server, and of one in memory: both adapters pass the same tests."""
    if request.param == "devnet":
        with closing(open_world(request.getfixturevalue("shared_url"))) as world:
            yield world
    else:
        with MemoryNetwork() as network, closing(world_of(network)) as world:
            yield world
