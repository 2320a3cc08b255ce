"""A bridge network of the engine that takes the place of another one of this machine is a clash; nothing else is."""

from ipaddress import IPv4Interface
from typing import Any

import psutil
import pytest

from node_runtime.cli.network_checks import Interface, bridge_subnets, clashes, interfaces
from node_runtime.cli.node_checks import _endpoint
from node_runtime.config import NodeConfig

SUBNET = "198.51.100.0/24"
DOCKER0 = ("docker0", "172.17.0.1/16")
ETH0 = ("eth0", "198.51.100.20/24")


def network(*given: dict[str, str], driver: str = "bridge", bridge: str | None = None) -> dict[str, Any]:
    """A network as the engine's API lists it."""
    options = None if bridge is None else {"com.docker.network.bridge.name": bridge}
    ipam = {"Config": given}
    return {"Name": "network", "Id": "0123456789abcdef", "Driver": driver, "IPAM": ipam, "Options": options}


def told(listed: dict[str, Any], *here: tuple[str, str], chain: str = "ws://127.0.0.1:1") -> list[str]:
    known = [
        Interface(name=name, address=str(IPv4Interface(address).ip), addresses=IPv4Interface(address).network)
        for name, address in here
    ]
    return list(clashes(bridge_subnets([listed]), known, {"the chain": chain, "the storage": ""}))


def test_a_network_over_this_machines_own_addresses_is_told() -> None:
    assert told(network({"Subnet": SUBNET}), DOCKER0, ETH0) == [f"network ({SUBNET}) overlaps eth0 ({SUBNET})"]


def test_a_network_that_has_the_chains_address_in_it_is_told() -> None:
    found = told(network({"Subnet": SUBNET}), DOCKER0, chain="ws://198.51.100.7:9944")
    assert found == [f"network ({SUBNET}) hides the chain at 198.51.100.7"]


def test_a_network_of_its_own_is_none() -> None:
    assert told(network({"Subnet": SUBNET}), DOCKER0, ("eth0", "203.0.113.4/24")) == []


@pytest.mark.parametrize("driver", ["macvlan", "ipvlan", "host", "null"])
def test_a_network_without_a_bridge_lies_in_its_machines_own(driver: str) -> None:
    assert told(network({"Subnet": SUBNET}, driver=driver), DOCKER0, ETH0) == []


@pytest.mark.parametrize(
    "bridge",
    ["br-0123456789ab", "named", "docker_gwbridge", "podman0", "cni-podman0"],
)
def test_a_networks_own_bridge_is_none(bridge: str) -> None:
    listed = network({"Subnet": SUBNET}, bridge="named" if bridge == "named" else None)
    assert told(listed, DOCKER0, (bridge, "198.51.100.9/24")) == []


def test_an_interface_with_a_networks_gateway_is_its_bridge_whatever_its_name() -> None:
    assert told(network({"Subnet": SUBNET, "Gateway": "198.51.100.1"}), ("bridge7", "198.51.100.1/24")) == []


def test_in_a_container_on_the_engines_network_nothing_is_told() -> None:
    listed = network({"Subnet": SUBNET, "Gateway": "198.51.100.1"})
    assert told(listed, ("lo", "127.0.0.1/8"), ETH0, chain="ws://198.51.100.7:9944") == []


@pytest.mark.parametrize("given", [{}, {"Gateway": "198.51.100.1"}, {"Subnet": "2001:db8::/64"}])
def test_a_network_without_a_subnet_of_ipv4_is_passed_over(given: dict[str, str]) -> None:
    assert bridge_subnets([network(given)]) == []


def test_this_machines_interfaces_have_their_networks() -> None:
    assert psutil.net_if_addrs()
    assert all(IPv4Interface(one.address).ip in one.addresses for one in interfaces())


def test_a_storage_access_file_that_is_not_there_yet_is_no_fault_of_the_networks() -> None:
    given = {"node": "n", "chain": "ws://127.0.0.1:1", "key": "//Bob", "work": "/srv/work"}
    given |= {"storage": "s3://tasks/network", "storage_access": "/srv/not/there.yaml"}
    assert _endpoint(NodeConfig.model_validate(given)) == ""
