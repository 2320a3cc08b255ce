"""Copying of all trees of a storage in a folder into another storage."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from node_runtime.errors import AssetMismatch, AssetUnavailable, DiskFull
from node_runtime.platform.files import scratch_folder
from node_runtime.platform.printable import Say
from node_runtime.ports.store import AssetStore
from node_runtime.stores.tree.folders import remove_tree

from . import existing_store, open_local_store


@dataclass(frozen=True, kw_only=True)
class Copied:
    """Counts of trees: those ``sent``, those that were ``there``, those that are ``damaged`` in the folder.

    There is no room to unpack those that are ``too_large``.
    """

    sent: int
    there: int
    damaged: int
    too_large: int


def copy_trees(source: Path, target: AssetStore, *, say: Say) -> Copied:
    """Copy each tree, verified while it is read; name those that can't be copied. May be repeated.

    Raises `StorageError` where there is no storage in ``source``, or the target refuses or doesn't answer.
    """
    existing_store(source)  # a mistyped folder is not made
    store = open_local_store(source)
    sent = there = damaged = too_large = 0
    with scratch_folder(_roomiest(source)) as scratch:
        for digest in store.digests():
            if target.has(digest, own=True):
                there += 1
                continue
            tree = scratch / "tree"
            try:
                store.fetch(digest, tree)
            except (AssetMismatch, AssetUnavailable) as error:
                say(f"left out: {error.message}")
                damaged += 1
                continue
            except DiskFull as error:
                say(f"left out: tree {digest}: {error.message}")
                too_large += 1
                continue
            target.put(tree)
            remove_tree(tree)
            sent += 1
    return Copied(sent=sent, there=there, damaged=damaged, too_large=too_large)


def _roomiest(source: Path) -> Path:
    """Return the folder with more free space of the source, where it can be written to, and that of temporary files.

    The latter is often in memory, and smaller than a tree.
    """
    temporary = Path(tempfile.gettempdir())
    if not os.access(source, os.W_OK | os.X_OK):
        return temporary
    return max((source, temporary), key=lambda folder: shutil.disk_usage(folder).free)
