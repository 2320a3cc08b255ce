"""Asset stores: the adapters of the port `AssetStore`, and a node's cache."""

from pathlib import Path
from typing import TYPE_CHECKING

from node_runtime.domain.assets import Account
from node_runtime.errors import InputError, StorageError
from node_runtime.ports.store import AssetStore

from .access import FROM_ENVIRONMENT, StorageAccess

if TYPE_CHECKING:
    from .local import LocalStore

MEMORY = "memory:"
SCHEMES = ("s3", "gs", "az")
_KNOWN = ", ".join(f"{scheme}://BUCKET/PREFIX" for scheme in SCHEMES)


def open_store(
    uri: str | Path, *, writer: Account | None = None, access: StorageAccess = FROM_ENVIRONMENT
) -> AssetStore:
    """Open the store at ``uri``: a folder, created if missing, ``s3://bucket/prefix`` or its like, or ``memory:``.

    In an object storage ``writer`` is the account whose copies are stored; without one the store can only be read.
    Each ``memory:`` store is new and private to this process.

    Raises `InputError` for an address of another kind, `HostError` where the folder can't be made.
    """
    from .local import LocalStore  # lazy import: many commands need no store

    if uri == MEMORY:
        from .memory import MemoryStore

        return MemoryStore()
    if is_object_storage(uri):
        from .object_client import open_objects
        from .objects import ObjectStore

        return ObjectStore(open_objects(str(uri), access), writer=writer)
    return LocalStore(_folder(uri))


def open_local_store(folder: Path) -> "LocalStore":
    """Open a store of this machine's own, which can also list and remove; create an empty one where there is none."""
    from .local import LocalStore

    return LocalStore(folder)


def existing_store(
    uri: str | Path, *, writer: Account | None = None, access: StorageAccess = FROM_ENVIRONMENT
) -> AssetStore:
    """Open an existing store; unlike `open_store`, a mistyped address creates nothing.

    Raises `StorageError` where there is none, and what `open_store` raises.
    """
    from .local import LocalStore

    if uri == MEMORY:
        raise StorageError("a storage in memory is always a new one", remedy="name a folder")
    if is_object_storage(uri):
        return open_store(uri, writer=writer, access=access)
    return LocalStore.existing(_folder(uri))


def is_object_storage(uri: str | Path) -> bool:
    return str(uri).partition("://")[0] in SCHEMES and "://" in str(uri)


def _folder(uri: str | Path) -> Path:
    if "://" in str(uri) or str(uri).partition(":")[0] in SCHEMES:
        raise InputError(f"storage {uri}: nothing is known of that kind", remedy=f"name a folder, or {_KNOWN}")
    return Path(uri).expanduser()
