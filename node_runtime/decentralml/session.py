"""The session of DecentralML's functions: connections per account to a chain, and a storage.

Secrets are used to derive a key pair and are kept nowhere else.
"""

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from substrateinterface import Keypair

from node_runtime.config.storage_access import storage_access
from node_runtime.domain.assets import Account
from node_runtime.errors import InputError
from node_runtime.localnet.record import NetworkFile
from node_runtime.stores import open_store
from node_runtime.stores.access import StorageAccess
from node_runtime.substrate.client import SubstrateChain, connect_reader
from node_runtime.substrate.client import connect as connect_chain

if TYPE_CHECKING:
    from node_runtime.ports.store import AssetStore


DEVELOPMENT = "//"  # prefix of development accounts


class Substrate:
    """Connections to a chain, and a storage. A context manager that closes them."""

    def __init__(self, url: str, store: "AssetStore", *, storage: str | Path | None = None) -> None:
        """``storage`` is the store's address; without one every account stores in ``store``."""
        self.url = url
        self.store = store
        self.storage = str(storage or "")
        self._accounts: dict[str, SubstrateChain] = {}
        self._reader: SubstrateChain | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def account(self, sudoaccount: Keypair | str | Path | None, passphrase: str | None = None) -> SubstrateChain:
        """Return the chain with this account as the signer; connections are reused.

        ``sudoaccount`` is a key pair, a keystore file (with ``passphrase`` as its password, else prompted for), or a
        development account like ``//Alice`` on a development chain. If it is None, ``passphrase`` is the mnemonic of
        the account's key. Raises `InputError`.
        """
        if sudoaccount is None:
            return self._opened(_from_mnemonic(passphrase))
        if isinstance(sudoaccount, Keypair):
            return self._opened(sudoaccount)
        name = str(sudoaccount)
        if name.startswith(DEVELOPMENT) and name in self._accounts:
            return self._accounts[name]
        opened = connect_chain(self.url, name, password=passphrase)
        return self._kept(opened, name if name.startswith(DEVELOPMENT) else opened.account)

    def reader(self) -> SubstrateChain:
        """Return the chain with a random, unfunded key, for reads only."""
        if self._reader is None:
            self._reader = connect_reader(self.url)
        return self._reader

    def store_of(self, account: Account, access: StorageAccess | None = None) -> "AssetStore":
        """Return the store for what this account stores, with an access of its own or the session's."""
        if not self.storage:
            return self.store
        return open_store(self.storage, writer=account, access=access or storage_access())

    def close(self) -> None:
        """Close every connection. Idempotent."""
        while self._accounts:
            self._accounts.popitem()[1].close()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _opened(self, key: Keypair) -> SubstrateChain:
        name = key.ss58_address
        return self._accounts.get(name) or self._kept(connect_chain(self.url, key), name)

    def _kept(self, opened: SubstrateChain, name: str) -> SubstrateChain:
        """Return the account's first connection, which another thread may be using; close a duplicate."""
        kept = self._accounts.setdefault(name, opened)
        if kept is not opened:
            opened.close()
        return kept


def connect(url: str | None = None, *, storage: str | Path | None = None) -> Substrate:
    """Connect to the chain at ``url`` (ws://…) and a storage; both default to the local network's.

    The storage is a folder or ``s3://bucket/prefix``, which the file NODE_RUNTIME_STORAGE_ACCESS gives access to.

    Raises `InputError` when a default is needed and no local network runs, `StorageError` when its storage folder is
    missing. `ChainUnavailable` is raised by the first call.
    """
    network = NetworkFile.load_running() if url is None or storage is None else None
    if (url is None or storage is None) and network is None:
        raise InputError(
            "no local network is running", remedy="start one with 'node-runtime up', or name url and storage"
        )
    chain = url or (network.chain if network is not None else "")
    folder = storage or (network.storage_folder() if network is not None else "")
    return Substrate(chain, open_store(folder, access=storage_access()), storage=folder)


def _from_mnemonic(passphrase: str | None) -> Keypair:
    if not passphrase:
        raise InputError("no account is named", remedy="give sudoaccount, e.g. '//Alice' or a keystore file")
    try:
        return Keypair.create_from_mnemonic(passphrase, ss58_format=42)
    except ValueError:
        raise InputError(
            "the passphrase is no mnemonic, and no sudoaccount is given", remedy="give sudoaccount as well"
        ) from None
