"""What is the ``substrate`` that DecentralML's functions take? A chain and a storage; each call names its account.

Secrets are used to open an account and kept nowhere but in its key pair.
"""

import secrets
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from substrateinterface import Keypair

from node_runtime.chain.client import SubstrateChain
from node_runtime.chain.client import connect as connect_chain
from node_runtime.errors import InputError
from node_runtime.network_file import NetworkFile
from node_runtime.storage.local import LocalStore

if TYPE_CHECKING:
    from node_runtime.ports import AssetStore

DEVELOPMENT = "//"


class Substrate:
    """An open chain and storage. As a context manager it is closed at the end."""

    def __init__(self, url: str, store: "AssetStore") -> None:
        self.url = url
        self.store = store
        self._accounts: dict[str, SubstrateChain] = {}
        self._reader: SubstrateChain | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def account(self, sudoaccount: Keypair | str | Path | None, passphrase: str | None = None) -> SubstrateChain:
        """The chain as this account sees it.

        ``sudoaccount`` is a key pair, a keystore file (``passphrase`` is its password; without one it is asked for), or
        a development account like ``//Alice`` on a development chain. Without it ``passphrase`` is the mnemonic of the
        account's key. Raises `InputError`.
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
        """The chain as nobody in particular sees it: enough to look, not to sign."""
        if self._reader is None:
            self._reader = connect_chain(self.url, Keypair.create_from_seed(secrets.token_hex(32), ss58_format=42))
        return self._reader

    def close(self) -> None:
        """End every connection. May be repeated."""
        while self._accounts:
            self._accounts.popitem()[1].close()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _opened(self, key: Keypair) -> SubstrateChain:
        name = key.ss58_address
        return self._accounts.get(name) or self._kept(connect_chain(self.url, key), name)

    def _kept(self, opened: SubstrateChain, name: str) -> SubstrateChain:
        """The first connection of an account: another thread may be using it."""
        kept = self._accounts.setdefault(name, opened)
        if kept is not opened:
            opened.close()
        return kept


def connect(url: str | None = None, *, storage: str | Path | None = None) -> Substrate:
    """Connect to the chain at ``url`` (ws://…) and the storage in a folder; what isn't named is the local network's.

    Raises `InputError` when something isn't named and no local network runs, `StorageError` when that one's folder is
    gone, `ChainUnavailable` at the first call.
    """
    network = NetworkFile.load_running() if url is None or storage is None else None
    if (url is None or storage is None) and network is None:
        raise InputError(
            "no local network is running", remedy="start one with 'node-runtime up', or name url and storage"
        )
    chain = url or (network.chain if network is not None else "")
    folder = storage or (network.storage_folder() if network is not None else "")
    return Substrate(chain, LocalStore(Path(folder).expanduser()))


def _from_mnemonic(passphrase: str | None) -> Keypair:
    if not passphrase:
        raise InputError("no account is named", remedy="give sudoaccount, e.g. '//Alice' or a keystore file")
    try:
        return Keypair.create_from_mnemonic(passphrase, ss58_format=42)
    except ValueError:
        raise InputError(
            "the passphrase is no mnemonic, and no sudoaccount is given", remedy="give sudoaccount as well"
        ) from None
