"""What every store does with the packed stream of a stored tree: write it to disk, or read its only file."""

import os
import secrets
import shutil
import threading
from io import BufferedIOBase
from pathlib import Path

from node_runtime.domain.assets import Digest
from node_runtime.domain.units import size
from node_runtime.errors import DiskFull, StorageError
from node_runtime.platform.files import host_errors

from .manifest import Manifest, TreeTooLarge
from .packed import contents, unpack


def check_absent(target: Path) -> None:
    """Raise `StorageError` where there is something already."""
    if os.path.lexists(target):
        raise StorageError(f"{target} is already there", remedy="name a folder that does not exist yet")


def write_tree(
    stream: BufferedIOBase,
    found: Manifest,
    target: Path,
    *,
    most: int | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Write the rest of the stream, after its manifest, to `target`: all of it, verified, or nothing.

    Raises `TreeTooLarge` for more than ``most`` files and `DiskFull` for too little space, before the first is
    written, and what `unpack` raises.
    """
    if most is not None and len(found.entries) > most:
        raise TreeTooLarge(
            f"tree {found.digest} has {len(found.entries):,} files, more than {most:,}",
            remedy="skip it, or let its owner pack it into fewer files",
        )
    with host_errors(target.parent):
        if shutil.disk_usage(target.parent).free < found.size:
            raise DiskFull(
                f"tree {found.digest} has {size(found.size)}, more than are free at {target.parent}",
                remedy="free disk space there",
            )
        beside = target.parent / f".{target.name}.{secrets.token_hex(8)}"
        try:
            unpack(stream, found, beside, stop=stop or threading.Event())
            beside.rename(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def too_large(digest: Digest, limit: int) -> TreeTooLarge:
    return TreeTooLarge(f"tree {digest} is larger than {limit} bytes", remedy="store a smaller one")


def only_file(stream: BufferedIOBase, found: Manifest, name: str, *, limit: int) -> bytes:
    """Return the tree's only file. Raises `StorageError` for a tree that is larger or something else."""
    if not found.is_file(name):
        raise StorageError(f"tree {found.digest} has no {name}, or more than that", remedy=f"store {name} alone")
    if found.size > limit:
        raise too_large(found.digest, limit)
    return b"".join(bytes(chunk) for chunk in contents(stream, found))
