"""Check that no network of the engine takes the place of one that this machine reaches others by."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address, ip_network
from socket import AF_INET, gaierror, getaddrinfo
from typing import Any
from urllib.parse import urlsplit

import psutil

_BRIDGE_NAME = "com.docker.network.bridge.name"
_ENGINES = frozenset({"docker0", "docker_gwbridge", "podman0", "cni-podman0"})


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """An IPv4 subnet of one of the engine's bridge networks; ``gateway`` and ``interface`` tell its bridge."""

    network: str
    addresses: IPv4Network
    gateway: str
    interface: str


@dataclass(frozen=True, kw_only=True)
class Interface:
    """An IPv4 address of this network namespace."""

    name: str
    address: str
    addresses: IPv4Network


def bridge_subnets(networks: Iterable[Mapping[str, Any]]) -> list[Subnet]:
    """Return the subnets of those of the engine's networks that have a bridge: the others are of its machine's own."""
    return [
        Subnet(
            network=str(network["Name"]),
            addresses=addresses,
            gateway=str(given.get("Gateway") or "").partition("/")[0],
            interface=(network.get("Options") or {}).get(_BRIDGE_NAME) or f"br-{str(network['Id'])[:12]}",
        )
        for network in networks
        if network.get("Driver") == "bridge"
        for given in (network.get("IPAM") or {}).get("Config") or ()
        if given.get("Subnet")
        if isinstance(addresses := ip_network(given["Subnet"], strict=False), IPv4Network)
    ]


def interfaces() -> list[Interface]:
    return [
        Interface(
            name=name,
            address=address.address,
            addresses=IPv4Network(f"{address.address}/{address.netmask}", strict=False),
        )
        for name, addresses in psutil.net_if_addrs().items()
        for address in addresses
        if address.family == AF_INET and address.netmask
    ]


def clashes(subnets: Sequence[Subnet], here: Sequence[Interface], reached: Mapping[str, str]) -> Iterator[str]:
    """Yield each subnet that overlaps one of this machine's, or has what is ``reached`` in it: names to addresses.

    None where no bridge of the engine is seen here: it has another network namespace, e.g. than a container's.
    """
    bridges = {one.interface for one in subnets} | _ENGINES
    gateways = {one.gateway for one in subnets}
    others = [one for one in here if one.name not in bridges and one.address not in gateways]
    if len(others) == len(here):
        return
    own = {one.address for one in here}
    for subnet in subnets:
        known, place = f"{subnet.network} ({subnet.addresses})", subnet.addresses
        yield from (f"{known} overlaps {one.name} ({one.addresses})" for one in others if one.addresses.overlaps(place))
        for what, url in reached.items():
            hidden = [address for address in _addresses(url) if ip_address(address) in place and address not in own]
            yield from (f"{known} hides {what} at {address}" for address in hidden)


def _addresses(url: str) -> list[str]:
    with suppress(gaierror):  # the check of the chain or the storage tells it
        if host := urlsplit(url).hostname:
            return sorted({str(found[4][0]) for found in getaddrinfo(host, None, AF_INET)})
    return []
