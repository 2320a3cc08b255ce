"""An engine's network that takes the place of another one of this machine is a clash."""

from ipaddress import IPv4Network

from node_runtime.cli.node_checks import _clashes
from node_runtime.config import NodeConfig


def clashes(subnet: str, *, chain: str = "ws://127.0.0.1:1", **more: str) -> list[str]:
    given = {"node": "n", "chain": chain, "key": "//Bob", "storage": "/srv/store", "work": "/srv/work", **more}
    config = NodeConfig.model_validate(given)
    return list(_clashes(config, [("network", IPv4Network(subnet))], set()))


def test_a_network_over_this_machines_own_addresses_is_told() -> None:
    assert clashes("127.0.0.0/16") == ["network (127.0.0.0/16) overlaps lo (127.0.0.0/8)"]


def test_a_network_that_has_the_chains_address_in_it_is_told() -> None:
    assert clashes("198.51.100.0/24", chain="ws://198.51.100.7:9944") == [
        "network (198.51.100.0/24) hides the chain at 198.51.100.7"
    ]


def test_a_network_of_its_own_is_none() -> None:
    assert clashes("198.51.100.0/24") == []


def test_a_storage_access_file_that_is_not_there_yet_is_no_fault_of_the_networks() -> None:
    assert clashes("198.51.100.0/24", storage="s3://tasks/network", storage_access="/srv/not/there.yaml") == []
