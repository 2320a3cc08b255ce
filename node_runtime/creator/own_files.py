"""Which files of a folder are its creator's own? All but what Python compiled of them: that differs between machines.

Without it, the folder of an algo that somebody has imported would be another asset, and its image be built anew.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node_runtime.ports import AssetStore
from node_runtime.task import AssetKind, Digest

_COMPILED = "__pycache__"


def put_own_files(path: Path, kind: AssetKind, store: AssetStore) -> Digest:
    """Store what the creator wrote; data and models as they are."""
    if kind in (AssetKind.DATA_SAMPLE, AssetKind.MODEL):
        return store.put(path)
    with _own_files(path) as folder:
        return store.put(folder)


@contextmanager
def _own_files(folder: Path) -> Iterator[Path]:
    """The file or folder itself when nothing is compiled in it, else a copy without that, removed again at the end."""
    if not folder.is_dir() or not any(folder.rglob(_COMPILED)):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="node-runtime-") as scratch:
        copy = Path(scratch) / folder.name
        shutil.copytree(folder, copy, symlinks=True, ignore=shutil.ignore_patterns(_COMPILED))
        yield copy
