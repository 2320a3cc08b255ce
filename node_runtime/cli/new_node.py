"""How is a new node made? A key of its own, and a node.yaml whose policy lets nobody in yet."""

import re
import socket
from dataclasses import dataclass
from pathlib import Path

import typer

from node_runtime.chain.keys import create_key
from node_runtime.config_example import example
from node_runtime.errors import InputError
from node_runtime.task import Account

CONFIG, KEY = "node.yaml", "key.json"


@dataclass(frozen=True, kw_only=True)
class NewNode:
    account: Account
    key: Path
    config: Path


def make_node(folder: Path, password_file: Path | None) -> NewNode:
    """Write ``node.yaml`` and ``key.json`` into `folder`. Nothing is overwritten: a key may be the only copy."""
    config, key = folder / CONFIG, folder / KEY
    for path in (config, key):
        if path.exists():
            raise InputError(f"{path} exists already", remedy="use it, or name another folder for the new node")
    account = create_key(key, _password(password_file))
    text = example(
        node=_node_name(),
        key=KEY,
        password_file=str(password_file.absolute()) if password_file else None,
    )
    config.write_text(text, encoding="utf-8")
    return NewNode(account=account, key=key, config=config)


def _password(file: Path | None) -> str:
    if file is None:
        password: str = typer.prompt("password for the new key", hide_input=True, confirmation_prompt=True)
        return password
    try:
        return file.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"password file {file}: {error}", remedy="name a readable text file") from error


def _node_name() -> str:
    """The host's name as far as a node's may look like it."""
    return re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().lower()).strip("-")[:32].strip("-") or "my-node"
