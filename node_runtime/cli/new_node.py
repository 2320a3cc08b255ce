"""How is a new node made? A key of its own, and a node.yaml whose policy lets nobody in yet."""

import re
import shlex
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import typer

from node_runtime.chain.keys import create_key, load_key, read_password
from node_runtime.config_example import example
from node_runtime.errors import InputError
from node_runtime.network_file import NetworkFile
from node_runtime.task import Account

CONFIG, KEY = "node.yaml", "key.json"
FUNDS = 20  # UNIT: the bonds of a few tasks and many fees


@dataclass(frozen=True, kw_only=True)
class NewNode:
    account: Account
    key: Path
    config: Path


def make_node(folder: Path, password_file: Path | None, network: NetworkFile | None) -> NewNode:
    """Write ``node.yaml`` and ``key.json`` into `folder`, for the local network if there is one.

    Nothing is overwritten: a key may be the only copy. One that is there without a configuration becomes the node's:
    an `init` that was stopped halfway left it. Raises `InputError`.
    """
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
    if network is None:
        text = example(node=_node_name(), key=KEY, password_file=password)
    else:
        text = example(
            node=_node_name(),
            key=KEY,
            password_file=password,
            chain=network.chain,
            storage=str(network.storage),
            base_image=network.base_image,
        )
    config.write_text(text, encoding="utf-8")
    return NewNode(account=account, key=key, config=config)


def next_commands(made: NewNode, network: NetworkFile | None) -> str:
    """What to type until the node runs, one command a line. The local network's own account pays by default."""
    config = shlex.quote(str(made.config))
    payer = "" if network else " --chain CHAIN --key KEY"
    fill = "policy: who and what is let in" if network else "chain, storage, and policy: who and what is let in"
    commands = (
        (f"node-runtime pay {made.account} {FUNDS}{payer}", "for bonds and fees"),
        (f"$EDITOR {config}", fill),
        (f"node-runtime daemon --config {config}", ""),
    )
    return "\n".join(f"  {command}" + (f"    # {why}" if why else "") for command, why in commands)


def _check_stays(file: Path) -> None:
    """The daemon reads it again whenever it starts."""
    if file.exists() and not file.is_file():
        raise InputError(
            f"password file {file} is no regular file, and won't be there when the daemon reads it",
            remedy="put the password into a file of mode 0600 and name that",
        )


def _password(file: Path | None) -> str:
    if file is not None:
        return read_password(file)
    if not sys.stdin.isatty():
        raise InputError(
            "the new key needs a password, and there is no terminal to ask for it",
            remedy="put the password into a file of mode 0600 and name it with --password-file",
        )
    password: str = typer.prompt("password for the new key", hide_input=True, confirmation_prompt=True)
    return password


def _node_name() -> str:
    """The host's name as far as a node's may look like it."""
    return re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().lower()).strip("-")[:32].strip("-") or "my-node"
