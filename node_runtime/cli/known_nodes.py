"""The nodes that this machine knows: the local network's own, and this user's other daemons on its chain."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from node_runtime.errors import NodeRuntimeError
from node_runtime.localnet.record import NetworkFile
from node_runtime.platform.paths import home, network_folder

from .output import warn

if TYPE_CHECKING:
    from node_runtime.worker.status import NodeStatus

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def statuses(network: NetworkFile) -> "dict[str, NodeStatus]":
    """Return the status of each known node on the running local network's chain, by its name.

    A daemon of another user, of another `NODE_RUNTIME_HOME` or on another machine is not known.
    """
    from node_runtime.config import load_config
    from node_runtime.localnet.network import local_nodes
    from node_runtime.worker.logging import configure
    from node_runtime.worker.status import read_status

    configure("auto")
    files = local_nodes(network, network_folder())
    found = {name: read_status(load_config(file, environment={}), file) for name, file in files.items()}
    for file in _beside(files):
        try:
            config = load_config(file, environment={})
            if is_same_chain(config.chain, network.chain):
                name = config.node if config.node not in found else str(file)
                found[name] = read_status(config, file)
        except NodeRuntimeError as error:
            warn(f"the daemon of {file} can't be shown: {error.message}")
    return found


def _beside(files: dict[str, Path]) -> tuple[Path, ...]:
    """Return the configurations of this user's running daemons that the network has not started."""
    from node_runtime.worker.assembly import LOCKS
    from node_runtime.worker.state_dir import running_nodes

    own = {file.resolve() for file in files.values()}
    return tuple(file for file in running_nodes(home() / LOCKS) if file.resolve() not in own)


def is_same_chain(one: str, other: str) -> bool:
    """Return whether two addresses name the same chain, however they spell this machine."""
    first, second = urlsplit(one), urlsplit(other)
    here = first.hostname in _LOOPBACK and second.hostname in _LOOPBACK
    return first.port == second.port and (here or first.hostname == second.hostname)
