"""The packed form of a tree: its manifest, a newline, then the files' contents in manifest order.

The tree's digest is the manifest's sha256, and the manifest lists the sha256 of every file, so the stream is verified
while it is read. A manifest contains no newline (see `manifest`).
"""

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from node_runtime.domain.assets import Digest
from node_runtime.errors import AssetMismatch, AssetUnavailable
from node_runtime.ports.store import StoredFile

from .manifest import MAX_MANIFEST, Entry, Manifest, TreeRefused, decode, shown
from .walk import ANY, CHUNK, EmptyFolder, tree_entries


def packed_size(found: Manifest) -> int:
    return len(found.encoded) + 1 + found.size


def pack(source: Path, found: Manifest, *, stop: threading.Event | None = None) -> Iterator[bytes | memoryview]:
    """Yield the packed stream of the tree at `source` with manifest `found`; each chunk is valid until the next.

    Raises `TreeRefused` when `source` no longer matches the manifest, `StorageError` once ``stop`` is set.
    """
    yield found.encoded + b"\n"
    files, folders = iter(found.files), {entry.path for entry in found.entries if entry.is_folder}
    for file in tree_entries(source, caps=ANY, stop=stop):
        if isinstance(file, EmptyFolder):
            if file.path not in folders:
                raise _changed(source)
            folders.remove(file.path)
            continue
        sha256 = hashlib.sha256()
        for chunk in file.chunks():
            sha256.update(chunk)
            yield chunk
        now = Entry(path=file.path, executable=file.executable, size=file.size, sha256=sha256.hexdigest())
        if now != next(files, None):
            raise _changed(source)
    if folders or next(files, None) is not None:
        raise _changed(source)


def read_manifest(stream: BinaryIO, digest: Digest) -> Manifest:
    """Read and verify the manifest at the head of the stream. Raises `AssetMismatch`."""
    return decode(stream.readline(MAX_MANIFEST).removesuffix(b"\n"), digest)


def stored_files(found: Manifest) -> tuple[StoredFile, ...]:
    return tuple(StoredFile(path=entry.path, size=entry.size) for entry in found.files)


def unpack(stream: BinaryIO, found: Manifest, target: Path, *, stop: threading.Event) -> None:
    """Write the rest of the stream into the new folder `target`.

    Raises `AssetMismatch` at the first wrong byte, `AssetUnavailable` when ``stop`` is set before its end.
    """
    target.mkdir()
    made = {""}
    for entry in found.entries:
        folder = entry.path if entry.is_folder else entry.path.rpartition("/")[0]
        if folder not in made:
            (target / folder).mkdir(parents=True, exist_ok=True)
            made.add(folder)
        if not entry.is_folder:
            _unpack_file(stream, entry, target / entry.path, stop)
    if stream.read(1):
        raise _wrong("more bytes than its manifest names")


def contents(stream: BinaryIO, found: Manifest) -> Iterator[bytes]:
    """Yield the contents of the files in order. Raises `AssetMismatch` at the first wrong byte."""
    for entry in found.files:
        yield from _verified(stream, entry)
    if stream.read(1):
        raise _wrong("more bytes than its manifest names")


def _unpack_file(stream: BinaryIO, entry: Entry, path: Path, stop: threading.Event) -> None:
    _check_wanted(stop)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o755 if entry.executable else 0o644), "wb") as file:
        for chunk in _verified(stream, entry):
            file.write(chunk)
            _check_wanted(stop)


def _check_wanted(stop: threading.Event) -> None:
    if stop.is_set():
        raise AssetUnavailable("fetching was cancelled on request", remedy="repeat it")


def _verified(stream: BinaryIO, entry: Entry) -> Iterator[bytes]:
    sha256 = hashlib.sha256()
    left = entry.size
    while left:
        chunk = stream.read(min(CHUNK, left))
        if not chunk:
            raise _wrong(f"{shown(entry.path)} is cut short")
        sha256.update(chunk)
        left -= len(chunk)
        yield chunk
    if sha256.hexdigest() != entry.sha256:
        raise _wrong(f"{shown(entry.path)} has another sha256")


def _wrong(reason: str) -> AssetMismatch:
    return AssetMismatch(f"the stored tree isn't what its digest says: {reason}", remedy="store the tree again")


def _changed(source: Path) -> TreeRefused:
    return TreeRefused(f"{source} changed while it was stored", remedy="try again when nothing writes to it")
