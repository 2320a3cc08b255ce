"""Commands for anyone: bring the local network up and down, run the embedded chain, look after the machine."""

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console

from node_runtime.cli.session import JsonOption
from node_runtime.cli.stopping import end_by_any_signal, let_nothing_interrupt
from node_runtime.cli.text import one_of
from node_runtime.devnet.block_time import BlockTime
from node_runtime.errors import InputError
from node_runtime.home import home, network_folder
from node_runtime.network_file import NetworkFile

console = Console(highlight=False, soft_wrap=True)
FreshOption = Annotated[bool, typer.Option("--fresh", help="Forget what earlier runs left: chain, storage, results.")]


class Preset(StrEnum):
    """The beginnings of a chain that its runtime knows."""

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
) -> None:
    """Bring up a local network: the embedded chain, a store and node daemons that run tasks in Docker."""
    from node_runtime.network import NetworkSettings, bring_up, take_down

    names = ("bob", "charlie", "dave", "eve", "ferdie", "alice")[:nodes]
    settings = NetworkSettings(folder=network_folder(), port=port, block_time=block_time, nodes=names, fresh=fresh)
    end_by_any_signal()  # whichever way it is stopped, nothing is left running
    try:
        network = bring_up(settings, console.print)
    except KeyboardInterrupt:  # all may have been up already
        if _started_here(settings.folder):
            take_down(settings.folder, console.print)
        raise
    if detach:
        _say_how_to_go_on(network)
        return
    try:
        _say_how_to_go_on(network)
        console.print("Ctrl-C stops the network.")
        _wait_until_ended(settings.folder)
    except KeyboardInterrupt:
        console.print("stopping")
    finally:
        let_nothing_interrupt()
        take_down(settings.folder, console.print)


def down() -> None:
    """Stop the local network; its chain, storage and results stay on disk."""
    from node_runtime.network import take_down

    if not take_down(network_folder(), console.print):
        console.print("no local network is running")


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
    allow_remote: Annotated[bool, typer.Option("--allow-remote", help="Let other machines connect.")] = False,
) -> None:
    """Run the embedded chain alone, in this terminal."""
    from node_runtime.devnet.server import serve

    serve(
        base_path=base_path or home() / "devnet",
        host=host,
        port=port,
        block_time=block_time,
        preset=preset,
        ready=lambda url: console.print(f"ready {url}"),
        fresh=fresh,
        allow_remote=allow_remote,
    )


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Keep the demo's chain and storage on disk afterwards.")] = False,
) -> None:
    """The main job once, from a checkout: submit, train, score, pay; leaves nothing running."""
    from node_runtime.cli.demo import run_demo

    run_demo(Path.cwd(), console, keep=keep)


def doctor(as_json: JsonOption = False) -> None:
    """Check what this machine needs: Python, Docker, disk quotas, base image, the local network."""
    from node_runtime.cli.doctor import run_doctor

    sys.exit(run_doctor(console, as_json=as_json))


def _say_how_to_go_on(network: NetworkFile) -> None:
    console.print(
        f"\n[bold green]the network is up[/]: chain {network.chain}, storage {network.storage}\n"
        "in another terminal:\n"
        "  node-runtime submit assets/digits/train-and-score.yaml\n"
        "  node-runtime list\n"
        "  node-runtime down\n"
    )


def _started_here(folder: Path) -> bool:
    """Whether this very process brought up what runs: another terminal's network isn't ours to stop."""
    network = NetworkFile.load(folder)
    own = {child.pid for child in psutil.Process().children()}
    return network is not None and any(record.pid in own for record in network.running())


def _wait_until_ended(folder: Path) -> None:
    """Until `down` in another terminal has ended it; a process that ends by itself is an error."""
    while True:
        time.sleep(1.0)
        known = NetworkFile.load(folder)
        ended = [record for record in known.processes if record.process() is None] if known is not None else []
        network = NetworkFile.load(folder)  # again: `down` may have come between the look at it and at the processes
        if network is None or network.stopping:
            return
        if ended:
            raise InputError(
                f"{ended[0].name} has ended by itself; the end of {ended[0].log}:\n{ended[0].last_lines()}",
                remedy="mend what it says and run 'node-runtime up' again",
            )
