"""Which files of a folder are its creator's own? All but what Python compiled of them, and the history that git keeps.

What is compiled differs between machines: the folder of an algo that somebody has imported would be another asset, and
its image be built anew. A history tells everybody what was deleted, and its configuration may hold passwords.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node_runtime.ports import AssetStore
from node_runtime.task import AssetKind, Digest
from node_runtime.trouble import host_trouble

_LEFT_OUT = ("__pycache__", ".git")


def put_own_files(path: Path, kind: AssetKind, store: AssetStore) -> Digest:
    """Store what the creator wrote; data and models as they are."""
    if kind in (AssetKind.DATA_SAMPLE, AssetKind.MODEL):
        return store.put(path)
    with _own_files(path) as folder:
        return store.put(folder)


@contextmanager
def _own_files(folder: Path) -> Iterator[Path]:
    """The file or folder itself when all in it is their own, else a copy of that, removed again at the end."""
    if not folder.is_dir() or not any(any(folder.rglob(name)) for name in _LEFT_OUT):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="node-runtime-") as scratch:
        copy = Path(scratch) / folder.name
        with host_trouble(folder):
            shutil.copytree(folder, copy, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        yield copy
