"""A daemon belongs to the local network's chain however its node.yaml spells the address."""

import pytest

from node_runtime.cli.known_nodes import is_same_chain


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ws://127.0.0.1:9944", "ws://127.0.0.1:9944", True),
        ("ws://localhost:9944", "ws://127.0.0.1:9944", True),
        ("ws://[::1]:9944/", "ws://127.0.0.1:9944", True),
        ("ws://127.0.0.1:9944", "ws://127.0.0.1:9945", False),
        ("wss://chain.example.org:9944", "ws://127.0.0.1:9944", False),
        ("wss://chain.example.org", "wss://chain.example.org", True),
    ],
)
def test_addresses_of_this_machine_are_compared_by_their_port(one: str, other: str, same: bool) -> None:
    assert is_same_chain(one, other) is same
    assert is_same_chain(other, one) is same
