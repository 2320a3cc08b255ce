"""The files of a creator's folder that are stored: all of data and models, of others without what isn't theirs.

``__pycache__`` and ``.git`` are left out: compiled files would change the digest between machines and force a rebuild
of the image, and a repository discloses deleted files and credentials in its configuration. So is what an image's
folder excludes by its .dockerignore: the image never sees it.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node_runtime.domain.assets import AssetKind
from node_runtime.domain.function import FILE_NAME as FUNCTION_FILE
from node_runtime.engines.docker.dockerignore import IGNORE_FILE, is_excluded, read_patterns_of
from node_runtime.platform.archive import ArchiveRefused, is_archive, unpacked
from node_runtime.platform.files import host_errors, scratch_folder
from node_runtime.stores.tree.faults import Included, everything

EXCLUDED = ("__pycache__", ".git")
IMAGES = (AssetKind.ALGO, AssetKind.METRIC, AssetKind.FUNCTION)
_ALWAYS = ("Dockerfile", IGNORE_FILE)


@contextmanager
def image_folder(path: Path) -> Iterator[Path]:
    """Yield the folder that an image is built from: the path itself, or the content of an archive.

    So an archive is stored as the folder that was packed: with its digest, and readable by whoever is to trust it.
    Raises `ArchiveRefused`, a `ValueError`, with the path.
    """
    if not is_archive(path):
        yield path
        return
    try:
        with unpacked(path, scratch_folder()) as folder:
            yield folder
    except ArchiveRefused as refused:
        raise ArchiveRefused(f"{path} can't be unpacked: {refused}") from refused


def included_in(folder: Path, kind: AssetKind) -> Included:
    """Return which paths of the folder are stored. Raises `ValueError` for an unusable .dockerignore."""
    if kind in (AssetKind.DATA_SAMPLE, AssetKind.MODEL) or not folder.is_dir():
        return everything
    patterns = read_patterns_of(folder) if kind in IMAGES else ()
    always = (*_ALWAYS, FUNCTION_FILE) if kind is AssetKind.FUNCTION else _ALWAYS

    def included(path: str) -> bool:
        if any(name in EXCLUDED for name in path.split("/")):
            return False
        return path in always or not is_excluded(path, patterns)

    return included


@contextmanager
def own_files(folder: Path, included: Included) -> Iterator[Path]:
    """Yield the path itself, or a temporary copy of what is included if that isn't all."""
    with host_errors(folder):
        every = sorted(folder.rglob("*")) if folder.is_dir() else []
    kept = [path for path in every if included(path.relative_to(folder).as_posix())]
    if len(kept) == len(every):
        yield folder
        return
    with scratch_folder() as scratch:
        copy = scratch / folder.name
        with host_errors(scratch):
            copy_paths(folder, copy, kept)
        yield copy


def copy_paths(folder: Path, target: Path, paths: list[Path]) -> None:
    """Copy files and folders, sorted, to the same places below `target`. Links are copied as links."""
    target.mkdir(exist_ok=True)
    for path in paths:
        place = target / path.relative_to(folder)
        if path.is_dir() and not path.is_symlink():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place, follow_symlinks=False)
