"""The local network: start, readiness check and stop of the engine, chain and nodes."""

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import yaml

from node_runtime.config import MOST_SLOTS, UID_BASE
from node_runtime.domain.task import Kind
from node_runtime.engines.docker.build_environment import build_settings
from node_runtime.engines.session import end_left_over
from node_runtime.errors import HostError, InputError, NodeRuntimeError
from node_runtime.localnet.provision.base_image import ensure_base_image
from node_runtime.localnet.provision.dockerd import ensure_engine, started_engine, stop_engine
from node_runtime.platform.files import private_folder, write_private
from node_runtime.platform.locks import locked
from node_runtime.platform.paths import cache_folder, engine_folder
from node_runtime.platform.printable import Say
from node_runtime.platform.signals import close_interrupted, uninterrupted
from node_runtime.stores.tree.folders import MONTH, prune
from node_runtime.worker.state_dir import engine_name, only_daemon_in

from . import processes
from .engine_users import engine_users
from .processes import ProcessRecord
from .record import FILE_NAME, NetworkFile

START_SECONDS = 180.0  # for a busy machine; a process that exits is reported at once
STORE = "store"  # in the network's folder: the store that all participants share
NODES = "nodes"  # in the network's folder: one folder per node
LOGS = "logs"  # in the network's folder: one log a process, truncated at its start
_NODE = "node "  # prefix of the names of nodes' processes
_NOTE = "note "  # prefix of lines in the chain's output that are shown to the user
PARTS = {
    "chain": "every block, account and task",
    STORE: "assets, models, results and their logs",
    NODES: "results on their way, private samples, audit files",
    LOGS: "what the chain and the nodes printed",
}
"""The folders of a network that `NetworkSettings.fresh` removes, and what is in them."""

NODE_GRACE = 120.0  # seconds: a node finishes its tasks or releases them before it exits


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """Settings of a local network. Port 0 selects a free one; ``fresh`` removes the state of an earlier network.

    ``upgrade`` lets a stored chain continue with other code of the same runtime version; ``cut_future`` drops blocks
    that are later than this machine's clock.
    """

    folder: Path
    port: int = 9944
    block_time: str = "instant"
    nodes: tuple[str, ...] = ("bob",)
    slots: int = 2
    fresh: bool = False
    upgrade: bool = False
    cut_future: bool = False


def bring_up(settings: NetworkSettings, say: Say) -> NetworkFile:
    """Start engine, chain and nodes, and record them. When a step fails, stop everything."""
    private_folder(settings.folder)
    with _locked(settings.folder, say):
        known = NetworkFile.load(settings.folder)
        if known is not None and known.running():
            raise InputError(
                f"a local network is already running in {settings.folder} ({known.chain})",
                remedy="use it, or stop it with 'node-runtime down'",
            )
        if settings.fresh:
            _forget(settings.folder, known, say)
        prune(settings.folder / LOGS, MONTH)
        (settings.folder / STORE).mkdir(exist_ok=True, mode=0o700)  # nodes require an existing store
        network = _with_engine(settings, known, say)
        try:
            network = _with_chain(network, settings, say)
            for node in settings.nodes:
                network = _with_node(network, settings, node, say)
        except BaseException:
            _stop(settings.folder, say)
            raise
        return network


def stored_parts(folder: Path) -> dict[str, str]:
    """Return those of `PARTS` that have files; nothing while the network runs, which can't be brought up again."""
    known = NetworkFile.load(folder)
    if known is not None and known.running():
        return {}
    return {part: what for part, what in PARTS.items() if (folder / part).is_dir() and any((folder / part).iterdir())}


def take_down(folder: Path, say: Say) -> bool:
    """Stop the nodes, then the chain, then the container engine if the network started it. State stays on disk.

    An engine that other commands use goes on until a later call.
    Returns whether there was a network; waits for a start in progress.
    """
    if not folder.is_dir():
        return False
    close_interrupted()  # the lock of a `bring_up` that a signal ended
    with _locked(folder, say):
        return _stop(folder, say)


def _locked(folder: Path, say: Say) -> AbstractContextManager[None]:
    """Lock the network's folder: concurrent commands would overwrite each other's record of processes."""
    return locked(folder, waiting=lambda: say("waiting for another command that brings this network up or down"))


def _stop(folder: Path, say: Say) -> bool:
    network = NetworkFile.load(folder)
    if network is None:
        return False
    network.model_copy(update={"stopping": True}).save(folder)
    for record in reversed(network.processes):
        if processes.stop(record, grace=NODE_GRACE, say=say):
            say(f"stopped {record.name}")
    _end_left_over(network, folder, say)
    if network.started_engine and not _stop_unused_engine(network, say):
        network.model_copy(update={"stopping": True, "processes": ()}).save(folder)  # for the next `take_down`
        return True
    (folder / FILE_NAME).unlink(missing_ok=True)
    return True


def _stop_unused_engine(network: NetworkFile, say: Say) -> bool:
    """Stop the network's engine and return True, unless other commands use it, e.g. a daemon of the user's own."""
    users = tuple(engine_users(network.engine, without={record.pid for record in network.processes}))
    if users:
        say(f"the Docker Engine goes on: {', '.join(users)} may use it")
        say("once that has ended, 'node-runtime down' stops it too")
        return False
    stop_engine(engine_folder())
    say("stopped the Docker Engine that was started for this network")
    return True


def _with_engine(settings: NetworkSettings, known: NetworkFile | None, say: Say) -> NetworkFile:
    """Ensure an engine and a base image. ``known`` is a killed network's record; this one takes over its engine."""
    inherits = known is not None and known.started_engine
    before = started_engine(engine_folder()) is not None and not inherits
    engine = ensure_engine(engine_folder(), say=say)
    network = NetworkFile(
        chain="",
        storage=settings.folder / STORE,
        engine=engine.url,
        started_engine=engine.started_here and not before,
        base_image="",
    )
    network.save(settings.folder)
    try:
        base_image = ensure_base_image(engine.url, cache_folder(), say=say)
    except BaseException:
        _stop(settings.folder, say)
        raise
    say(f"docker  {engine.url}, base image {base_image}")
    return network.model_copy(update={"base_image": base_image})


def _with_chain(network: NetworkFile, settings: NetworkSettings, say: Say) -> NetworkFile:
    command = [sys.executable, "-m", "node_runtime.devnet", "--base-path", str(settings.folder / "chain")]
    command += ["--port", str(settings.port), "--block-time", settings.block_time]
    command += ["--upgrade"] * settings.upgrade + ["--cut-future"] * settings.cut_future
    network, url = _start("chain", command, settings.folder, network)
    for line in network.processes[-1].log.read_text(errors="replace").splitlines():
        if line.startswith(_NOTE):  # e.g. about a stored chain
            say(f"chain   {line.removeprefix(_NOTE)}")
    say(f"chain   {url}")
    network = network.model_copy(update={"chain": url})
    network.save(settings.folder)
    return network


def _with_node(network: NetworkFile, settings: NetworkSettings, name: str, say: Say) -> NetworkFile:
    config = settings.folder / NODES / name / "node.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    write_private(config, _node_yaml(network, settings, name, config.parent))
    command = [sys.executable, "-m", "node_runtime", "daemon", "--config", str(config)]
    network, _ = _start(f"{_NODE}{name}", command, settings.folder, network)
    say(f"node    {name}, {settings.slots} slot{'s' * (settings.slots > 1)}, log {network.processes[-1].log}")
    return network


def local_nodes(network: NetworkFile, folder: Path) -> dict[str, Path]:
    """Return the configuration of each of the network's nodes by its name, those whose daemon has ended included."""
    names = (record.name.removeprefix(_NODE) for record in network.processes if record.name.startswith(_NODE))
    return {name: folder / NODES / name / "node.yaml" for name in names}


def _node_yaml(network: NetworkFile, settings: NetworkSettings, name: str, folder: Path) -> str:
    """The configuration of a local node, which accepts every task; `init` writes a restrictive policy instead."""
    return yaml.safe_dump(
        {
            "node": _node_id(name),
            "chain": network.chain,
            "key": f"//{name.capitalize()}",
            "storage": str(network.storage),
            "work": str(folder / "work"),
            "docker": network.engine,
            "slots": settings.slots,
            "building": "allow",
            "base_image": network.base_image,
            "build_arguments": dict(build_settings()),  # submitters are users of this machine
            "poll": "200ms",
            "sandbox": {"uid_base": UID_BASE + MOST_SLOTS * settings.nodes.index(name)},
            "policy": {
                "kinds": [kind.value for kind in Kind],
                "creators": ["any"],
                "algos": ["any"],
                "datasets": ["any"],
            },
        },
        sort_keys=False,
    )


def _start(name: str, command: Sequence[str], folder: Path, network: NetworkFile) -> tuple[NetworkFile, str]:
    """Start a process, record it and wait for its line ``ready …``; return the rest of that line."""
    log = folder / LOGS / f"{name.replace(' ', '-')}.log"
    log.unlink(missing_ok=True)
    with uninterrupted():
        record, child = processes.start(name, command, log=log)
        network = network.model_copy(update={"processes": (*network.processes, record)})
        network.save(folder)
    return network, _wait_until_ready(record, child)


def _wait_until_ready(record: ProcessRecord, child: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        ended = child.poll() is not None
        for line in record.log.read_text(errors="replace").splitlines(keepends=True):
            if line.startswith("ready") and line.endswith("\n"):  # the line is complete
                return line.removeprefix("ready").strip()
        if ended:
            break
        time.sleep(0.05)
    raise HostError(
        f"the {record.name} did not start; the end of {record.log}:\n{record.last_lines()}",
        remedy="fix the reported error, then repeat",
    )


def _end_left_over(network: NetworkFile, folder: Path, say: Say) -> None:
    """Remove the containers and mounts of killed nodes; mounted folders could not be removed."""
    for work in sorted(folder.glob(f"{NODES}/*/work")):
        try:
            with only_daemon_in(work):
                end_left_over(engine_name(work, _node_id(work.parent.name)), work, engine=network.engine)
        except NodeRuntimeError as error:
            say(f"the leftovers of node {work.parent.name} could not be removed: {error}")


def _node_id(name: str) -> str:
    return f"local-{name}"


def _forget(folder: Path, known: NetworkFile | None, say: Say) -> None:
    if known is not None:  # the network was killed: `take_down` removes the record
        _end_left_over(known, folder, say)
    for part in PARTS:
        shutil.rmtree(folder / part, ignore_errors=True)
