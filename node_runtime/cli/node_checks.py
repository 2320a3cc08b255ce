"""Checks of one node by its configuration, for `doctor` and `init`: key, chain, storage, funds, disk, networks."""

import shlex
import shutil
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from node_runtime.config import NodeConfig, load_config
from node_runtime.config.storage_access import storage_access
from node_runtime.domain.assets import Account
from node_runtime.domain.units import amount, size
from node_runtime.engines.docker.client import connect, engine_trouble
from node_runtime.engines.docker.images import ALIAS_REMEDY, alias_faults
from node_runtime.errors import ConfigError
from node_runtime.platform.files import host_errors
from node_runtime.stores.checking import check_storage
from node_runtime.worker.funding import pay_command, read_balance
from node_runtime.worker.state_dir import daemon_process

from .findings import Finding, all_found_by, found_by
from .network_checks import bridge_subnets, clashes, interfaces

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def node_findings(file: Path, engine: str | None) -> Iterator[Finding]:
    """Yield what is found of the node that ``file`` configures; ``engine`` is its address, None where none answers."""
    from node_runtime.substrate.keys import account_of  # slow to import

    config = load_config(file)
    account = account_of(config.key)
    yield found_by("files", lambda: _files(file, config))
    yield found_by("key", lambda: _key(config, account))
    chain = found_by("chain", lambda: _chain(config))
    yield chain
    if chain.well:
        yield found_by("funds", lambda: _funds(config, account))
    yield from all_found_by("storage", lambda: _storage(config, account))
    yield found_by("disk of work", lambda: _disk(config))
    yield found_by("metrics port", lambda: _port(config))
    if engine is not None:
        yield found_by("networks", lambda: _networks(config, engine))
        yield found_by("image aliases", lambda: _image_aliases(config, engine))


def _files(file: Path, config: NodeConfig) -> Finding:
    """Check that nobody else may read what holds secrets. The password's file is checked with the key."""
    key = () if config.key.startswith("//") else (Path(config.key),)
    private = (file, *key, *((config.storage_access,) if config.storage_access else ()))
    opened = []
    for path in private:
        with host_errors(path):
            if path.stat().st_mode & _OTHERS:
                opened.append(str(path))
    if opened:
        remedy = f"chmod go= {shlex.join(opened)}"
        return Finding(name="files", well=False, seen=f"others may read {', '.join(opened)}", remedy=remedy)
    return Finding(
        name="files", well=True, seen=f"only their owner may read {', '.join(path.name for path in private)}"
    )


def _key(config: NodeConfig, account: Account) -> Finding:
    """Check that the password opens the key, if a file has it."""
    from node_runtime.substrate.keys import load_key

    if config.key.startswith("//"):
        seen = f"{config.key} is a development key, which everybody has: for a development chain only"
        return Finding(name="key", well=True, seen=seen)
    if config.password_file is None:
        return Finding(name="key", well=True, seen=f"{account}; its password is asked for at the daemon's start")
    load_key(config.key, password_file=config.password_file, development=False)
    return Finding(name="key", well=True, seen=f"{account}; the password in {config.password_file} opens it")


def _chain(config: NodeConfig) -> Finding:
    from node_runtime.substrate.client import connect_reader  # slow to import

    with closing(connect_reader(config.chain)) as chain:
        seen = f"{config.chain} answers; its genesis is {chain.genesis[:14]}…"
    return Finding(name="chain", well=True, seen=seen)


def _funds(config: NodeConfig, account: Account) -> Finding:
    """Check that the node's account can pay a bond."""
    balance, lack = read_balance(account, config.chain)
    seen = f"{account}, the account of {config.node}, has {amount(balance.free)} free"
    remedy = "" if lack is None else pay_command(account, config.chain)
    return Finding(name="funds", well=lack is None, seen=seen, remedy=remedy)


def _storage(config: NodeConfig, account: Account) -> Iterator[Finding]:
    """Check that the account can store and fetch, and what else `storage check` looks at."""
    from node_runtime.worker.assembly import shared_store

    shared_store(config)
    for one in check_storage(config.storage, storage_access(config.storage_access), account):
        yield Finding(name=f"storage, {one.name}", well=one.well, seen=one.seen, remedy=one.remedy)


def _disk(config: NodeConfig) -> Finding:
    place = next(folder for folder in (config.work, *config.work.parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    seen = f"{size(free)} free at {config.work}, of which {size(config.disk_floor)} stay free (disk_floor)"
    if free > config.disk_floor:
        return Finding(name="disk of work", well=True, seen=seen)
    remedy = "free some space, or name another `work`; with less than disk_floor nothing is claimed"
    return Finding(name="disk of work", well=False, seen=seen, remedy=remedy)


def _port(config: NodeConfig) -> Finding:
    from node_runtime.worker.endpoint import check_address

    if not config.metrics_port:
        which = "none" if config.metrics_port is None else "any that is free"
        return Finding(name="metrics port", well=True, seen=f"{which} (metrics_port)")
    place = f"{config.metrics_address}:{config.metrics_port}"
    if daemon_process(config.work) is not None:
        return Finding(name="metrics port", well=True, seen=f"{place} is the running daemon's")
    check_address(config.metrics_port, config.metrics_address)
    return Finding(name="metrics port", well=True, seen=f"{place} is free")


def _networks(config: NodeConfig, engine: str) -> Finding:
    """Check that none of the engine's networks takes the place of one that this machine reaches others by."""
    with closing(connect(engine, timeout=30)) as client, engine_trouble(f"the engine at {engine}"):
        known = client.networks()
    subnets = bridge_subnets(known)
    reached = {"the chain": config.chain, "the storage": _endpoint(config)}
    found = list(clashes(subnets, interfaces(), reached))
    if found:
        remedy = "give the engine's network another subnet: `default-address-pools` in /etc/docker/daemon.json, or "
        remedy += "`docker network rm` it where nothing uses it"
        return Finding(name="networks", well=False, seen="; ".join(found), remedy=remedy)
    seen = ", ".join(f"{one.network} {one.addresses}" for one in subnets) or "the engine has none with a subnet"
    return Finding(name="networks", well=True, seen=seen)


def _endpoint(config: NodeConfig) -> str:
    """Return the storage's address; empty where it has none, or none is known, which other checks tell."""
    with suppress(ConfigError):
        return storage_access(config.storage_access).endpoint or ""
    return ""


def _image_aliases(config: NodeConfig, engine: str) -> Finding:
    """Check that what the aliases of a node name is there."""
    faults = alias_faults(engine, config.image_aliases, base=config.base_image)
    if faults:
        return Finding(name="image aliases", well=False, seen="; ".join(faults), remedy=ALIAS_REMEDY)
    return Finding(name="image aliases", well=True, seen=", ".join(config.image_aliases) or "none")
