"""Commands of operators: init, daemon, approve, audit, gc, data."""

import os
import re
import shlex
import socket
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from node_runtime.cli.session import JsonOption
from node_runtime.domain.assets import Account
from node_runtime.errors import ConfigError, InputError
from node_runtime.localnet.record import NetworkFile
from node_runtime.platform.files import write_private
from node_runtime.platform.printable import print_line
from node_runtime.platform.signals import ending_signals
from node_runtime.worker.funding import FUNDS, warn_if_unfunded

from .output import facts, line, lines, print_json

CONFIG, KEY = "node.yaml", "key.json"


@dataclass(frozen=True, kw_only=True)
class NewNode:
    account: Account
    key: Path
    config: Path
    uids: str


@dataclass(frozen=True, kw_only=True)
class Places:
    """What a new node's configuration names of others; None for what stands in the example."""

    chain: str | None = None
    storage: str | None = None
    storage_access: str | None = None
    base_image: str | None = None

    @classmethod
    def of(
        cls, network: NetworkFile | None, *, chain: str | None, storage: str | None, access: Path | None
    ) -> "Places":
        """Return the places that are named, and for the others those of the local network, if one runs."""
        if storage is not None and "://" not in storage:
            storage = str(Path(storage).expanduser().absolute())
        named = cls(chain=chain, storage=storage, storage_access=None if access is None else str(access.absolute()))
        if network is None or chain not in (None, network.chain):
            return named
        return replace(
            named,
            chain=network.chain,
            storage=storage or str(network.storage),
            base_image=network.base_image,
        )

    def given(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value is not None}


def make_node(folder: Path, password_file: Path | None, places: Places) -> NewNode:
    """Write ``node.yaml`` and ``key.json`` into `folder`.

    Nothing is overwritten, since a key may be the only copy. A key without a configuration, left by an interrupted
    `init`, is reused. Raises `InputError`.
    """
    from node_runtime.cli.uid_ranges import free_uids
    from node_runtime.config.example import example
    from node_runtime.substrate.keys import create_key, load_key  # slow to import

    config, key = folder / CONFIG, folder / KEY
    if config.exists():
        raise InputError(f"{config} exists already", remedy="use it, or name another folder for the new node")
    if password_file is not None:
        _check_stays(password_file)
    if key.exists():
        account = Account(load_key(str(key), password_file=password_file, development=False).ss58_address)
    else:
        account = create_key(key, _password(password_file))
    password = str(password_file.absolute()) if password_file else None
    uids = free_uids(account)
    text = example(node=_node_name(), key=KEY, password_file=password, uid_base=uids.first, **places.given())
    write_private(config, text)
    return NewNode(account=account, key=key, config=config, uids=str(uids))


def next_commands(made: NewNode, places: Places, network: NetworkFile | None) -> str:
    """Return the next commands up to the running node, one a line. The local network's account pays by default."""
    config = shlex.quote(str(made.config))
    payer = "" if network else f" --chain {shlex.quote(places.chain or 'CHAIN')} --key KEY"
    missing = [name for name in ("chain", "storage") if getattr(places, name) is None]
    fill = f"{', '.join([*missing, 'policy'])}: who and what is let in"
    commands = (
        (f"node-runtime pay {made.account} {FUNDS}{payer}", "for bonds and fees"),
        (f"$EDITOR {config}", fill),
        (f"node-runtime doctor --config {config}", "what is still missing"),
        (f"node-runtime daemon --config {config}", ""),
    )
    return "\n".join((f"  # {why}\n" if why else "") + f"  {command}" for command, why in commands)


def _check_stays(file: Path) -> None:
    """Raise `InputError` unless the password file persists: the daemon reads it at each start."""
    if file.exists() and not file.is_file():
        raise InputError(
            f"password file {file} is no regular file, and won't be there when the daemon reads it",
            remedy="put the password into a file of mode 0600 and name that",
        )


def _password(file: Path | None) -> str:
    if file is not None:
        from node_runtime.substrate.keys import read_password

        return read_password(file)
    if not sys.stdin.isatty():
        raise InputError(
            "the new key needs a password, and there is no terminal to ask for it",
            remedy="put the password into a file of mode 0600 and name it with --password-file",
        )
    password: str = typer.prompt("password for the new key", hide_input=True, confirmation_prompt=True)
    return password


def _node_name() -> str:
    """Return the host name with the characters that a node's name allows."""
    return re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().lower()).strip("-")[:32].strip("-") or "my-node"


ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="NODE_RUNTIME_CONFIG", help="The node's configuration.")
]
DEFAULT_CONFIG = Path("node.yaml")


def init(
    folder: Annotated[Path, typer.Argument(help="The folder for node.yaml and the key.")] = Path(),
    password_file: Annotated[
        Path | None,
        typer.Option(
            envvar="NODE_RUNTIME_PASSWORD_FILE",
            help="A file with the key's password, mode 0600 (default: it is asked for)",
        ),
    ] = None,
    chain: Annotated[str | None, typer.Option(help="Address of a node of the chain (default: the local one's)")] = None,
    storage: Annotated[
        str | None, typer.Option(help="The storage: s3://BUCKET/PREFIX or a folder (default: the local network's)")
    ] = None,
    storage_access: Annotated[
        Path | None, typer.Option(help="The storage access file of the new node's account, see docs/storage.md")
    ] = None,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Check the new node, as 'doctor' does.")] = True,
) -> None:
    """Create a node: its key, and a node.yaml whose policy allows no task yet. Then check what it needs.

    The node is made whatever the checks find; the exit code is 4 where one failed, as it does until
    the account has funds.
    """
    network = NetworkFile.load_running()
    places = Places.of(network, chain=chain, storage=storage, access=storage_access)
    made = make_node(folder, password_file, places)
    local = network if network is not None and places.chain == network.chain else None
    told = [("account", str(made.account)), ("key", str(made.key)), ("config", str(made.config))]
    if os.geteuid() == 0:  # a daemon of another user has its own uid alone
        told.append(("uids", f"{made.uids}, this node's own, for its containers (sandbox.uid_base)"))
    if local is not None:
        told.append(("chain", f"{local.chain}, the local network's, like storage and base image"))
    facts(told)
    ended = _checked(made.config) if check else 0
    lines(f"next:\n{next_commands(made, places, local)}")
    if ended:
        raise typer.Exit(ended)


def _checked(config: Path) -> int:
    from .doctor import run_doctor  # slow to import

    lines("checked:")
    return run_doctor([config], as_json=False)


def daemon(
    config: ConfigOption = DEFAULT_CONFIG,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
) -> None:
    """Run this node: take tasks within its policy, run them in containers, send the results.

    SIGINT, SIGTERM and SIGHUP stop it gracefully: running attempts may finish within the configured grace period, the
    others are handed back.
    """
    from node_runtime.config import load_config
    from node_runtime.platform.signals import on_signals
    from node_runtime.worker.assembly import connect_with_retry, open_node, selector_of
    from node_runtime.worker.daemon import Daemon
    from node_runtime.worker.logging import configure
    from node_runtime.worker.preflight import check_before_start
    from node_runtime.worker.supervision import signs_of_life, tell_ready, tell_stopping, tell_waiting_for_chain
    from node_runtime.worker.telemetry import open_telemetry, watched
    from node_runtime.worker.times import Pace

    settings = load_config(config)
    configure(settings.log_format, verbose=verbose)
    check_before_start(settings, config)
    # signals are handled until the node is closed, so that they can't interrupt the shutdown
    with (
        ExitStack() as heard,
        open_telemetry(settings) as telemetry,
        signs_of_life(telemetry.health),
        open_node(
            settings, connect_with_retry(settings, waits=tell_waiting_for_chain), file=config, telemetry=telemetry
        ) as node,
        watched(node, settings),
    ):
        running = Daemon(node, selector_of(node, settings), Pace(poll=settings.poll, grace=settings.grace))

        def stop() -> None:
            tell_stopping()
            running.stop()

        heard.enter_context(on_signals(ending_signals(), stop))

        def ready() -> None:
            warn_if_unfunded(node.chain, settings.chain)
            node.gpus.report()
            print_line(f"ready {node.chain.account}")
            tell_ready()

        running.run(ready)


def audit(
    config: ConfigOption = DEFAULT_CONFIG,
    signer: Annotated[
        list[str] | None, typer.Option("--signer", help="An account whose key the node had before.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify that the audit file was changed only with the node's key, and print its events.

    Truncation at the end while no daemon ran can't be detected: keep the printed digest in another place.
    """
    from node_runtime.config import load_config
    from node_runtime.substrate.keys import account_of
    from node_runtime.worker.assembly import AUDIT
    from node_runtime.worker.audit_check import mark, summary, verified

    settings = load_config(config)
    path = settings.work / AUDIT
    if not path.exists():
        raise InputError(f"{path} isn't there", remedy="this node has done nothing yet; start its daemon")
    entries = verified(path, {account_of(settings.key), *map(Account, signer or ())})
    if as_json:
        print_json(entries)
        return
    for entry in entries:
        moment = datetime.fromtimestamp(entry.at / 1000).strftime("%Y-%m-%d %H:%M:%S")
        attempt = f"task {entry.task}" if entry.task is not None else ""
        attempt += f" epoch {entry.epoch}" if entry.epoch is not None else ""
        line(f"{moment}  {entry.deed:<10}  {attempt:<18}  {mark(entry)}{entry.detail}")
    lines(summary(entries))


def gc(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Remove what no live attempt needs: containers, workspaces, cached inputs, images. Stop the daemon first."""
    from node_runtime.config import load_config
    from node_runtime.engines.session import remove_stale_sessions
    from node_runtime.worker.assembly import connect_node, open_node
    from node_runtime.worker.recovery import collect_garbage
    from node_runtime.worker.state_dir import daemon_process

    settings = load_config(config)
    running = daemon_process(settings.work)
    if running is not None:
        raise ConfigError(
            f"this node's daemon already runs on this machine (process {running})",
            remedy=f"it removes what its attempts leave itself; for images and caches, stop it first: kill {running}",
        )
    with open_node(settings, connect_node(settings)) as node:
        removed = collect_garbage(node)
    freed = f"{removed.inputs >> 20} MiB of inputs"
    line(f"removed {removed.containers} containers, {removed.workspaces} workspaces, {freed}")
    if removed.plans:
        line(f"removed the local folders of {removed.plans} ended plans")
    line(f"removed {removed.images} built images; the disk they freed is the engine's to tell (docker system df)")
    if commands := remove_stale_sessions(say=line):
        line(f"removed the leftovers of {commands} killed commands (run, validate --script)")
