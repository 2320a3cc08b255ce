"""Which chain, key and storage a command talks to: what is named in options, else the local network's."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from node_runtime.errors import InputError, StorageError
from node_runtime.network_file import NetworkFile
from node_runtime.ports import AssetStore, Chain

ChainOption = Annotated[
    str | None,
    typer.Option(
        "--chain", envvar="NODE_RUNTIME_CHAIN", help="Where the chain answers, ws://… (default: the local network)"
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="NODE_RUNTIME_KEY",
        help="Keystore file, or a development account like //Alice (default: the local network's creator)",
    ),
]
StorageOption = Annotated[
    str | None,
    typer.Option("--storage", envvar="NODE_RUNTIME_STORAGE", help="Storage folder (default: the local network's)"),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print JSON: amounts in base units (10⁻¹² UNIT), moments in ms, sizes in bytes."),
]
_NAME = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True, kw_only=True)
class Session:
    """An account's open connections. ``url`` is where the chain answers."""

    url: str
    chain: Chain
    store: AssetStore


def open_session(chain: str | None, key: str | None, storage: str | None) -> Session:
    """Connect to what is named; what is not named comes from the running local network.

    For commands that read: a storage that is named has to be there.
    """
    network = NetworkFile.load_running() if None in (chain, key, storage) else None
    url = chain or _of(network, "chain")
    return Session(
        url=url,
        chain=open_chain(url, key or _of(network, "creator")),
        store=existing_store(storage) if storage else _network_store(network),
    )


def open_storing_session(chain: str | None, key: str | None, storage: str | None) -> Session:
    """The same for commands that store: a named folder that isn't there becomes a storage."""
    network = NetworkFile.load_running() if None in (chain, key, storage) else None
    url = chain or _of(network, "chain")
    return Session(
        url=url,
        chain=open_chain(url, key or _of(network, "creator")),
        store=_begun_store(storage) if storage else _network_store(network),
    )


def open_account(chain: str | None, key: str | None) -> Chain:
    """The chain alone, for commands that need no storage."""
    network = NetworkFile.load_running() if None in (chain, key) else None
    return open_chain(chain or _of(network, "chain"), key or _of(network, "creator"))


def open_chain(url: str, key: str) -> Chain:
    from node_runtime.chain.client import connect

    if _NAME.fullmatch(key) and not Path(key).exists():
        raise InputError(
            f"--key {key}: there is no such file",
            remedy=f"the development account of that name is //{key.capitalize()}",
        )
    return connect(url, key)


def open_store(storage: str) -> AssetStore:
    from node_runtime.storage.local import LocalStore

    return LocalStore(_folder(storage))


def existing_store(storage: str) -> AssetStore:
    """Raises `StorageError` where there is none."""
    from node_runtime.storage.local import LocalStore

    return LocalStore.existing(_folder(storage))


def _begun_store(storage: str) -> AssetStore:
    """Said where an empty one begins: its name may have been mistyped, or its disk isn't mounted."""
    from node_runtime.cli.text import warn

    try:
        return existing_store(storage)
    except StorageError:
        warn(f"there is no storage in {storage} yet: an empty one begins there")
        return open_store(storage)


def _network_store(network: NetworkFile | None) -> AssetStore:
    from node_runtime.storage.local import LocalStore

    if network is None:
        raise _not_running("storage")
    return LocalStore(network.storage_folder())


def _folder(storage: str) -> Path:
    if "://" in storage:
        raise InputError(f"--storage {storage}: only folders are known as storage", remedy="name a folder")
    return Path(storage)


def _of(network: NetworkFile | None, name: str) -> str:
    if network is None:
        raise _not_running(name if name != "creator" else "key")
    return str(getattr(network, name))


def _not_running(option: str) -> InputError:
    return InputError(
        f"no --{option} given, and no local network is running",
        remedy="start one with 'node-runtime up', or name --chain, --key and --storage",
    )
