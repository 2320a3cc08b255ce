"""Copying of all trees of a storage in a folder into another storage."""

from dataclasses import dataclass
from pathlib import Path

from node_runtime.errors import AssetMismatch, AssetUnavailable
from node_runtime.platform.files import scratch_folder
from node_runtime.platform.printable import Say
from node_runtime.ports.store import AssetStore
from node_runtime.stores.tree.folders import remove_tree

from . import existing_store, open_local_store


@dataclass(frozen=True, kw_only=True)
class Copied:
    """Counts of trees: those ``sent``, those that were ``there``, and those that are ``damaged`` in the folder."""

    sent: int
    there: int
    damaged: int


def copy_trees(source: Path, target: AssetStore, *, say: Say) -> Copied:
    """Copy each tree, verified while it is read; name those that are damaged. May be repeated.

    Raises `StorageError` where there is no storage in ``source``, or the target refuses or doesn't answer.
    """
    existing_store(source)  # a mistyped folder is not made
    store = open_local_store(source)
    sent = there = damaged = 0
    with scratch_folder() as scratch:
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
            target.put(tree)
            remove_tree(tree)
            sent += 1
    return Copied(sent=sent, there=there, damaged=damaged)
