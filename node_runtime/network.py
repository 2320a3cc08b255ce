"""The local network: one embedded chain, one store and some node daemons, as processes of this machine."""

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import yaml

from node_runtime import processes
from node_runtime.containers.base_image import ensure_base_image
from node_runtime.containers.dockerd import ensure_engine, started_engine, stop_engine
from node_runtime.containers.left_over import end_left_over
from node_runtime.daemon.lock import engine_name, only_daemon_in
from node_runtime.errors import HostError, InputError, NodeRuntimeError
from node_runtime.home import cache_folder, engine_folder
from node_runtime.network_file import FILE_NAME, NetworkFile
from node_runtime.ports import Say
from node_runtime.processes import ProcessRecord
from node_runtime.storage.prune import MONTH, prune
from node_runtime.task import Kind
from node_runtime.trouble import host_trouble
from node_runtime.turns import in_turn
from node_runtime.uninterrupted import uninterrupted

START_SECONDS = 180.0  # of a busy machine; a process that ends by itself is told at once
STORE = "store"  # the storage of everybody in the network, in its folder
NODES = "nodes"  # in the network's folder, one each
LOGS = "logs"  # in the network's folder, each process's own since its last start
NODE_GRACE = 120.0  # seconds: a node lets its tasks finish, or hands them back, before it ends; also one that is stuck


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """How a local network is made. Port 0 takes a free one; ``fresh`` forgets what an earlier one left."""

    folder: Path
    port: int = 9944
    block_time: str = "instant"
    nodes: tuple[str, ...] = ("bob",)
    slots: int = 2
    fresh: bool = False


def bring_up(settings: NetworkSettings, say: Say) -> NetworkFile:
    """Start engine, chain and nodes, and write them down. Nothing is left running when a step fails."""
    with host_trouble(settings.folder):
        settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _in_turn(settings.folder, say):
        known = NetworkFile.load(settings.folder)
        if known is not None and known.running():
            raise InputError(
                f"a local network is already running in {settings.folder} ({known.chain})",
                remedy="use it, or stop it with 'node-runtime down'",
            )
        if settings.fresh:
            _forget(settings.folder, known, say)
        prune(settings.folder / LOGS, MONTH)
        (settings.folder / STORE).mkdir(exist_ok=True, mode=0o700)  # nodes take it as it is, they make none
        network = _with_engine(settings, known, say)
        try:
            network = _with_chain(network, settings, say)
            for node in settings.nodes:
                network = _with_node(network, settings, node, say)
        except BaseException:
            _stop(settings.folder, say)
            raise
        return network


def take_down(folder: Path, say: Say) -> bool:
    """Stop the nodes, then the chain, then the container engine if it was ours. State stays on disk.

    Answers whether there was a network; one that is just being brought up is waited for.
    """
    if not folder.is_dir():
        return False
    with _in_turn(folder, say):
        return _stop(folder, say)


def _in_turn(folder: Path, say: Say) -> AbstractContextManager[None]:
    """Who brings a network up or down writes down what runs: two at once would forget each other's processes."""
    return in_turn(folder, waiting=lambda: say("waiting for another command that brings this network up or down"))


def _stop(folder: Path, say: Say) -> bool:
    network = NetworkFile.load(folder)
    if network is None:
        return False
    network.model_copy(update={"stopping": True}).save(folder)
    for record in reversed(network.processes):
        if processes.stop(record, grace=NODE_GRACE, say=say):
            say(f"stopped {record.name}")
    _end_left_over(network, folder, say)
    if network.started_engine:
        stop_engine(engine_folder())
        say("stopped the Docker Engine that was started for this network")
    (folder / FILE_NAME).unlink(missing_ok=True)
    return True


def _with_engine(settings: NetworkSettings, known: NetworkFile | None, say: Say) -> NetworkFile:
    """``known`` is what a network left that was killed: an engine that it started is this one's to stop."""
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
    network, url = _start("chain", command, settings.folder, network)
    say(f"chain   {url}")
    network = network.model_copy(update={"chain": url})
    network.save(settings.folder)
    return network


def _with_node(network: NetworkFile, settings: NetworkSettings, name: str, say: Say) -> NetworkFile:
    config = settings.folder / NODES / name / "node.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(_node_yaml(network, settings, name, config.parent))
    command = [sys.executable, "-m", "node_runtime", "daemon", "--config", str(config)]
    network, _ = _start(f"node {name}", command, settings.folder, network)
    say(f"node    {name}, {settings.slots} slot{'s' * (settings.slots > 1)}, log {network.processes[-1].log}")
    return network


def _node_yaml(network: NetworkFile, settings: NetworkSettings, name: str, folder: Path) -> str:
    """A node of the local network serves everybody there: what `init` writes for an operator denies by default."""
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
            "poll": "200ms",
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
    """Start a process of the network, write it down and wait for its line ``ready …``; answers what stands there."""
    log = folder / LOGS / f"{name.replace(' ', '-')}.log"
    log.unlink(missing_ok=True)
    with uninterrupted():
        record, child = processes.start(name, command, log=log)
        network = network.model_copy(update={"processes": (*network.processes, record)})
        network.save(folder)
    return network, _wait_until_ready(record, child)


def _wait_until_ready(record: ProcessRecord, child: "subprocess.Popen[bytes]") -> str:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        ended = child.poll() is not None
        for line in record.log.read_text(errors="replace").splitlines(keepends=True):
            if line.startswith("ready") and line.endswith("\n"):  # all of it is written
                return line.removeprefix("ready").strip()
        if ended:
            break
        time.sleep(0.05)
    raise HostError(
        f"the {record.name} did not start; the end of {record.log}:\n{record.last_lines()}",
        remedy="mend what it says, then repeat",
    )


def _end_left_over(network: NetworkFile, folder: Path, say: Say) -> None:
    """Of nodes that were killed: containers go on by themselves, and nothing of a mounted folder can be removed."""
    for work in sorted(folder.glob(f"{NODES}/*/work")):
        try:
            with only_daemon_in(work):
                end_left_over(engine_name(work, _node_id(work.parent.name)), work, engine=network.engine)
        except NodeRuntimeError as error:
            say(f"what node {work.parent.name} left stays: {error}")


def _node_id(name: str) -> str:
    return f"local-{name}"


def _forget(folder: Path, known: NetworkFile | None, say: Say) -> None:
    if known is not None:  # it was killed: who takes a network down leaves nothing
        _end_left_over(known, folder, say)
    for part in ("chain", STORE, NODES, LOGS):
        shutil.rmtree(folder / part, ignore_errors=True)
