"""Commands of the local network and this machine: up, down, devnet, doctor."""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import psutil
import typer

from node_runtime.cli.session import JsonOption
from node_runtime.devnet import BlockTime
from node_runtime.errors import InputError
from node_runtime.localnet.record import NetworkFile
from node_runtime.platform.paths import home, network_folder
from node_runtime.platform.signals import ignore_closed_output, ignore_further_signals, interrupt_on_signals
from node_runtime.stores import open_store

from .output import line, lines, one_of, paragraph, redrawn, render, require_consent, styled
from .progress import NodesStatus

FreshOption = Annotated[bool, typer.Option("--fresh", help="Delete the chain, storage and results of earlier runs.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Let --fresh delete without asking at the terminal.")]
UpgradeOption = Annotated[
    bool, typer.Option("--upgrade", help="Continue the stored chain with other code of the same runtime version.")
]
CutOption = Annotated[
    bool, typer.Option("--cut-future", help="Drop the stored chain's blocks later than the clock, after a copy.")
]


class Preset(StrEnum):
    """The genesis presets of the chain's runtime."""

    DEVELOPMENT = "development"
    LOCAL_TESTNET = "local_testnet"


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once all is ready; stop with 'down'.")] = False,
    nodes: Annotated[
        int, typer.Option(min=0, max=6, help="How many node daemons; the sixth is the creator's own.")
    ] = 1,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The chain's port on the loopback address; 0 takes a free one.")
    ] = 9944,
    block_time: Annotated[
        BlockTime, typer.Option(help="A block for each transaction, or one every 2 s.")
    ] = BlockTime.INSTANT,
    fresh: FreshOption = False,
    yes: YesOption = False,
    upgrade: UpgradeOption = False,
    cut_future: CutOption = False,
) -> None:
    """Bring up a local network: the embedded chain, a store and node daemons that run tasks in Docker."""
    from node_runtime.localnet.network import NetworkSettings, bring_up, stored_parts, take_down

    names = ("bob", "charlie", "dave", "eve", "ferdie", "alice")[:nodes]
    settings = NetworkSettings(
        folder=network_folder(),
        port=port,
        block_time=block_time,
        nodes=names,
        fresh=fresh,
        upgrade=upgrade,
        cut_future=cut_future,
    )
    if fresh:
        _confirm_fresh(settings.folder, stored_parts(settings.folder), ask=not yes)
    interrupt_on_signals()  # no process is left running on any signal
    try:
        network = bring_up(settings, line)
    except KeyboardInterrupt:  # the network may have been up already
        if _started_here(settings.folder):
            take_down(settings.folder, ignore_closed_output(line))
        raise
    if detach:
        _say_how_to_go_on(network)
        return
    try:
        _say_how_to_go_on(network)
        line("Ctrl-C stops the network.")
        _wait_until_ended(settings.folder, network, names)
    except KeyboardInterrupt:
        ignore_closed_output(line)("stopping")
    finally:
        ignore_further_signals()
        take_down(settings.folder, ignore_closed_output(line))


def down() -> None:
    """Stop the local network; its chain, storage and results stay on disk."""
    from node_runtime.localnet.network import take_down

    if not take_down(network_folder(), line):
        line("no local network is running")


def devnet(
    base_path: Annotated[
        Path | None, typer.Option(help="Where blocks and state are kept (default: the user's data folder)")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; the development keys are public, keep it loopback.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 9944,
    block_time: Annotated[
        BlockTime, typer.Option(help="A block for each transaction, or one every 2 s.")
    ] = BlockTime.INSTANT,
    preset: Annotated[
        Preset, typer.Option(metavar="PRESET", help=f"Which accounts begin with money: {one_of(Preset)}.")
    ] = Preset.DEVELOPMENT,
    fresh: FreshOption = False,
    yes: YesOption = False,
    allow_remote: Annotated[bool, typer.Option("--allow-remote", help="Let other machines connect.")] = False,
    upgrade: UpgradeOption = False,
    cut_future: CutOption = False,
) -> None:
    """Run the embedded chain alone, in this terminal."""
    from node_runtime.devnet.folder import DATABASE, has_chain
    from node_runtime.devnet.server.server import serve

    folder = base_path or home() / "devnet"
    if fresh and has_chain(folder):
        _confirm_fresh(folder, {DATABASE: "every block, account and task"}, ask=not yes)
    serve(
        base_path=folder,
        host=host,
        port=port,
        block_time=block_time,
        preset=preset,
        ready=lambda url: line(f"ready {url}"),
        fresh=fresh,
        allow_remote=allow_remote,
        upgrade=upgrade,
        cut_future=cut_future,
        say=line,
    )


def doctor(
    config: Annotated[
        list[Path] | None, typer.Option("--config", "-c", help="A node's configuration; may be given several times.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check what this machine needs: Python, Docker, disk quotas, base image, uids, the local network, the clock."""
    from node_runtime.cli.doctor import run_doctor

    sys.exit(run_doctor(config or (), as_json=as_json))


def _confirm_fresh(folder: Path, parts: Mapping[str, str], *, ask: bool) -> None:
    """Print what ``--fresh`` deletes; ask for confirmation on a terminal. Scripts have named the option on purpose."""
    if not parts:
        return
    paragraph(f"--fresh deletes what earlier runs left in {folder}:")
    width = max(map(len, parts))
    for part, what in parts.items():
        line(f"  {part:<{width}}  {what}")
    if ask and sys.stdin.isatty():
        require_consent("Delete all of it?", refused="nothing is deleted, and nothing started")


def _say_how_to_go_on(network: NetworkFile) -> None:
    line("")
    render(styled(("the network is up", "bold green"), f": chain {network.chain}, storage {network.storage}"))
    lines(
        "in another terminal:\n"
        "  node-runtime new training my-task\n"
        "  node-runtime submit my-task/task.yaml\n"
        "  node-runtime list\n"
        "  node-runtime down\n"
    )


def _started_here(folder: Path) -> bool:
    """Return whether this process started the running network; one of another terminal is not stopped."""
    network = NetworkFile.load(folder)
    own = {child.pid for child in psutil.Process().children()}
    return network is not None and any(record.pid in own for record in network.running())


def _wait_until_ended(folder: Path, network: NetworkFile, nodes: Sequence[str]) -> None:
    """Wait until `down` stops the network from another terminal, and tell what its nodes are at.

    Raises `InputError` if a process exits by itself.
    """
    from node_runtime.substrate.client import connect

    with closing(connect(network.chain, network.creator)) as chain, redrawn() as show:
        status = NodesStatus(chain, open_store(network.storage), nodes)
        while not _has_ended(folder):
            show(status.lines())
            time.sleep(1.0)


def _has_ended(folder: Path) -> bool:
    """Return whether `down` stops the network. Raises `InputError` if a process has exited by itself."""
    known = NetworkFile.load(folder)
    ended = [record for record in known.processes if record.process() is None] if known is not None else []
    network = NetworkFile.load(folder)  # read again: `down` may have run between the two checks
    if network is None or network.stopping:
        return True
    if ended:
        raise InputError(
            f"{ended[0].name} has ended by itself; the end of {ended[0].log}:\n{ended[0].last_lines()}",
            remedy="mend what it says and run 'node-runtime up' again",
        )
    return False
