"""Checks of a storage with the rights of one account: reach, store; of an object storage others' copies, versioning."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from node_runtime.domain.assets import Account
from node_runtime.errors import NodeRuntimeError, StorageError
from node_runtime.ports.store import AssetStore
from node_runtime.stores import is_object_storage, open_store

from .access import StorageAccess
from .object_client import Objects, open_objects
from .provision import administration

_NOBODY = Account("5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM")  # the account of 32 zero bytes
_INIT = "give the account a key of its own by 'node-runtime storage init'"


@dataclass(frozen=True, kw_only=True)
class StorageFinding:
    """The outcome of one check, with a remedy if it failed."""

    name: str
    well: bool
    seen: str
    remedy: str = ""


def check_storage(url: str, access: StorageAccess, account: Account | None) -> Iterator[StorageFinding]:
    """Yield a finding for each check; those of an account only where one is named. Leaves nothing behind."""
    if not is_object_storage(url):
        yield _folder(url)
        return
    objects = open_objects(url, access)
    try:
        objects.first_below("trees/")
    except StorageError as error:
        yield StorageFinding(name="reading", well=False, seen=error.message, remedy=error.remedy)
        return
    yield StorageFinding(name="reading", well=True, seen=f"{url} answers")
    if account is not None:
        yield _stored(url, access, account)
        yield _others(objects)
    if url.startswith("s3://"):
        yield _versioning(url, access)


def _folder(url: str) -> StorageFinding:
    try:
        if not Path(url).is_dir():
            raise StorageError(f"there is no storage in {url}", remedy="name the folder where the assets are")
        _try_out(open_store(url))
    except NodeRuntimeError as error:
        return StorageFinding(name="storing", well=False, seen=error.message, remedy=error.remedy)
    return StorageFinding(name="storing", well=True, seen=f"this user can store, fetch and remove in {url}")


def _stored(url: str, access: StorageAccess, account: Account) -> StorageFinding:
    try:
        _try_out(open_store(url, writer=account, access=access))
    except StorageError as error:
        return StorageFinding(name="storing", well=False, seen=error.message, remedy=error.remedy)
    return StorageFinding(name="storing", well=True, seen=f"{account} can store, fetch and remove")


def _try_out(store: AssetStore) -> None:
    """Store a small file that nobody has, fetch and remove it. Raises the storage's errors."""
    with tempfile.TemporaryDirectory(prefix="node-runtime-") as folder:
        file = Path(folder) / "check"
        file.write_bytes(secrets.token_bytes(32))
        digest = store.put(file)
        try:
            store.fetch(digest, Path(folder) / "back")
        finally:
            store.remove(digest)


def _others(objects: Objects) -> StorageFinding:
    """Try to write in the place of an account that nobody has."""
    name, place = "others", f"trees/{'0' * 64}/{_NOBODY}/1/0"
    try:
        objects.put(place, b"x")
    except StorageError as error:
        if objects.is_refusal(error):
            return StorageFinding(name=name, well=True, seen="other accounts' copies can't be written with this key")
        return StorageFinding(name=name, well=False, seen=error.message, remedy=error.remedy)
    with suppress(StorageError):
        objects.delete([place])
    seen = "this key may write other accounts' copies"
    return StorageFinding(name=name, well=False, seen=seen, remedy=_INIT)


def _versioning(url: str, access: StorageAccess) -> StorageFinding:
    name = "versioning"
    try:
        versioned = administration(url, access).versioned()
    except NodeRuntimeError as error:
        return StorageFinding(name=name, well=True, seen=f"it can't be told with this access: {error.message}")
    if versioned:
        return StorageFinding(name=name, well=True, seen="what is overwritten or removed can be had back")
    seen, remedy = "it is off: what is overwritten or removed is lost", "switch it on by 'node-runtime storage init'"
    return StorageFinding(name=name, well=False, seen=seen, remedy=remedy)
