"""Commands for operators: make a node, run its daemon, decide what it takes, look after its folder."""

import signal
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from node_runtime.cli.session import JsonOption
from node_runtime.cli.text import print_json
from node_runtime.cli.which import TaskArgument
from node_runtime.errors import InputError, NoSuchTask
from node_runtime.network_file import NetworkFile
from node_runtime.task import Label

console = Console(highlight=False, soft_wrap=True)

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="NODE_RUNTIME_CONFIG", help="The node's configuration.")
]
DEFAULT_CONFIG = Path("node.yaml")
data = typer.Typer(help="This node's private data samples.", no_args_is_help=True)


def init(
    folder: Annotated[Path, typer.Argument(help="Where node.yaml and the key are written.")] = Path(),
    password_file: Annotated[
        Path | None,
        typer.Option(
            envvar="NODE_RUNTIME_PASSWORD_FILE",
            help="A file with the key's password, mode 0600 (default: it is asked for)",
        ),
    ] = None,
) -> None:
    """Make a node: a key of its own, and a node.yaml that allows nothing until you say so."""
    from node_runtime.cli.new_node import make_node, next_commands

    network = NetworkFile.load_running()
    made = make_node(folder, password_file, network)
    console.print(f"account  {made.account}\nkey      {made.key}\nconfig   {made.config}", markup=False)
    if network is not None:
        console.print(f"chain    {network.chain}, with its storage and base image: the local network's", markup=False)
    console.print(f"next:\n{next_commands(made, network)}", markup=False)


def daemon(
    config: ConfigOption = DEFAULT_CONFIG,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
) -> None:
    """Run this node: take tasks within its policy, run them in containers, send the results.

    Ctrl-C or SIGTERM stops it in order: what runs may finish within the configured grace, the rest is handed back.
    """
    from node_runtime.cli.node import connect_patiently, open_node, seeker_of
    from node_runtime.cli.start import look_before_start
    from node_runtime.cli.stopping import told_of
    from node_runtime.config import load_config
    from node_runtime.daemon.logs import configure
    from node_runtime.daemon.loop import Daemon, Pace

    settings = load_config(config)
    configure(settings.log_format, verbose=verbose)
    look_before_start(settings, config)
    # what is closed at the end is closed in peace: signals are heard longer than the node is open
    with ExitStack() as heard, open_node(settings, connect_patiently(settings)) as node:
        running = Daemon(node, seeker_of(node, settings), Pace(poll=settings.poll, grace=settings.grace))
        heard.enter_context(told_of((signal.SIGTERM, signal.SIGINT), running.stop))
        if settings.metrics_port is not None:
            node.metrics.serve(settings.metrics_port)
        running.run(ready=lambda: print(f"ready {node.chain.account}", flush=True))


def approve(task: TaskArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let a task in where the policy says 'approve: manual'. It holds for the document that is on chain now."""
    from node_runtime.cli.node import connect_node
    from node_runtime.config import load_config
    from node_runtime.daemon.chain_files import approvals_of, mark_of
    from node_runtime.task import TaskId

    settings = load_config(config)
    chain = connect_node(settings)
    spec = chain.spec(TaskId(task))
    if spec is None:
        raise NoSuchTask(task, remedy="see 'node-runtime list --role open'")
    folder = approvals_of(settings.work, mark_of(chain.genesis))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / str(task)).write_text(spec.digest + "\n")
    console.print(f"task {task} is approved, document {spec.digest}")


def audit(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Check that nobody changed this node's audit file, and print its lines."""
    from node_runtime.cli.node import AUDIT
    from node_runtime.config import load_config
    from node_runtime.daemon.audit import verified

    path = load_config(config).work / AUDIT
    if not path.exists():
        raise InputError(f"{path} isn't there", remedy="this node has done nothing yet; start its daemon")
    entries = verified(path)
    if as_json:
        print_json(entries)
        return
    for entry in entries:
        moment = datetime.fromtimestamp(entry.at / 1000).strftime("%Y-%m-%d %H:%M:%S")
        attempt = f"task {entry.task}" + (f" epoch {entry.epoch}" if entry.epoch is not None else "")
        console.print(f"{moment}  {entry.deed:<10}  {attempt:<18}  {entry.detail}", markup=False)
    console.print(f"{len(entries)} lines, each follows from the one before")


def gc(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Remove what no live attempt needs: containers, workspaces, cached inputs, images. Stop the daemon first."""
    from node_runtime.cli.node import connect_node, open_node
    from node_runtime.config import load_config
    from node_runtime.containers.own_room import sweep_rooms
    from node_runtime.daemon.recover import sweep

    settings = load_config(config)
    with open_node(settings, connect_node(settings)) as node:
        swept = sweep(node)
        images = node.engine.prune()
        before = node.cache.size()
        node.cache.shrink(0)
        freed = before - node.cache.size()
    console.print(f"removed {swept.containers} containers, {swept.workspaces} workspaces, {freed >> 20} MiB of inputs")
    console.print(f"removed {images} built images; the disk they freed is the engine's to tell (docker system df)")
    if rooms := sweep_rooms(say=console.print):
        console.print(f"removed what {rooms} commands left that were killed (run, validate --script)")


@data.command("add")
def data_add(
    folder: Annotated[Path, typer.Argument(help="A folder; it is one data sample.")],
    label: Annotated[Label, typer.Option(help="What the sample is for; it never changes.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Register a private data sample: digest and label go on chain, the bytes stay on this node."""
    from node_runtime.cli.node import add_private_sample
    from node_runtime.config import load_config

    if not folder.exists():
        raise InputError(f"{folder} doesn't exist", remedy="name the folder of one data sample")
    asset = add_private_sample(load_config(config), folder, label)
    console.print(f"private sample {asset.ref}\nname it under 'data' in a task; only this node can run that task")
