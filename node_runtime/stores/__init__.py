"""Asset stores: the adapters of the port `AssetStore`, and a node's cache."""

from pathlib import Path
from typing import TYPE_CHECKING

from node_runtime.errors import InputError, StorageError
from node_runtime.ports.store import AssetStore

if TYPE_CHECKING:
    from .local import LocalStore

MEMORY = "memory:"


def open_store(uri: str | Path) -> AssetStore:
    """Open the store at ``uri``, a folder or ``memory:``; create an empty one where there is none.

    Each ``memory:`` store is new and private to this process.

    Raises `InputError` for an address of another kind, `HostError` where the folder can't be made.
    """
    from .local import LocalStore  # lazy import: many commands need no store

    if uri == MEMORY:
        from .memory import MemoryStore

        return MemoryStore()
    return LocalStore(_folder(uri))


def open_local_store(folder: Path) -> "LocalStore":
    """Open a store of this machine's own, which can also list and remove; create an empty one where there is none."""
    from .local import LocalStore

    return LocalStore(folder)


def existing_store(uri: str | Path) -> AssetStore:
    """Open an existing store; unlike `open_store`, a mistyped address creates nothing.

    Raises `StorageError` where there is none, and what `open_store` raises.
    """
    from .local import LocalStore

    if uri == MEMORY:
        raise StorageError("a storage in memory is always a new one", remedy="name a folder")
    return LocalStore.existing(_folder(uri))


def _folder(uri: str | Path) -> Path:
    if "://" in str(uri):
        raise InputError(f"storage {uri}: only folders are known as storage", remedy="name a folder")
    return Path(uri)
