"""The packed form of a tree: its manifest, a newline, then the files' contents in manifest order.

The tree's digest is the manifest's sha256, and the manifest lists the sha256 of every file, so the stream is verified
while it is read. A manifest contains no newline (see `manifest`). A large file is hashed beside its reading and
writing, in a thread of its own.
"""

import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

from node_runtime.domain.assets import Digest
from node_runtime.errors import AssetMismatch, AssetUnavailable
from node_runtime.ports.store import StoredFile

from .manifest import MAX_MANIFEST, Entry, Manifest, TreeRefused, TreeTooLarge, decode, shown
from .walk import ANY, CHUNK, EmptyFolder, manifest_of, tree_entries

_LARGE = 4 * CHUNK  # bytes of a file for which a thread is worth its start


def packed_size(found: Manifest) -> int:
    return len(found.encoded) + 1 + found.size


@dataclass(frozen=True, kw_only=True)
class HashedTree:
    """A tree on disk with its manifest."""

    source: Path
    manifest: Manifest


def hash_tree(source: Path, *, stop: threading.Event | None = None) -> HashedTree:
    """Read a folder or a single file that is to be packed. Raises what `tree_entries` raises."""
    found = manifest_of(source, stop=stop)
    if len(found.encoded) >= MAX_MANIFEST:
        raise TreeTooLarge(f"{source} has too many files", remedy="pack them into fewer files")
    return HashedTree(source=source, manifest=found)


def pack(tree: HashedTree, *, stop: threading.Event | None = None) -> Iterator[bytes | memoryview]:
    """Yield the packed stream of the tree; each chunk is valid until the next.

    Raises `TreeRefused` when the source no longer matches the manifest, `StorageError` once ``stop`` is set. All that
    is yielded is hashed: through a mapping of memory a file can change while its timestamps stay.
    """
    found, source = tree.manifest, tree.source
    yield found.encoded + b"\n"
    files, folders = iter(found.files), {entry.path for entry in found.entries if entry.is_folder}
    for file in tree_entries(source, caps=ANY, stop=stop):
        if isinstance(file, EmptyFolder):
            if file.path not in folders:
                raise _changed(source)
            folders.remove(file.path)
            continue
        sha256 = hashlib.sha256()
        yield from _hashed(file.chunks(), sha256, file.size)
        now = Entry(path=file.path, executable=file.executable, size=file.size, sha256=sha256.hexdigest())
        if now != next(files, None):
            raise _changed(source)
    if folders or next(files, None) is not None:
        raise _changed(source)


def read_manifest(stream: BufferedIOBase, digest: Digest) -> Manifest:
    """Read and verify the manifest at the head of the stream. Raises `AssetMismatch`."""
    return decode(stream.readline(MAX_MANIFEST).removesuffix(b"\n"), digest)


def stored_files(found: Manifest) -> tuple[StoredFile, ...]:
    return tuple(StoredFile(path=entry.path, size=entry.size) for entry in found.files)


def unpack(stream: BufferedIOBase, found: Manifest, target: Path, *, stop: threading.Event) -> None:
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


def contents(stream: BufferedIOBase, found: Manifest) -> Iterator[memoryview]:
    """Yield the contents of the files in order, each chunk valid until the next.

    Raises `AssetMismatch` at the end of a file that is wrong.
    """
    for entry in found.files:
        yield from _verified(stream, entry)
    if stream.read(1):
        raise _wrong("more bytes than its manifest names")


def _unpack_file(stream: BufferedIOBase, entry: Entry, path: Path, stop: threading.Event) -> None:
    _check_wanted(stop)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o755 if entry.executable else 0o644), "wb") as file:
        for chunk in _verified(stream, entry):
            file.write(chunk)
            _check_wanted(stop)


def _check_wanted(stop: threading.Event) -> None:
    if stop.is_set():
        raise AssetUnavailable("fetching was cancelled on request", remedy="repeat it")


def _verified(stream: BufferedIOBase, entry: Entry) -> Iterator[memoryview]:
    """Yield a file's contents, each chunk valid until the next. Raises `AssetMismatch` at its end."""
    sha256 = hashlib.sha256()
    yield from _hashed(_chunks(stream, entry), sha256, entry.size)
    if sha256.hexdigest() != entry.sha256:
        raise _wrong(f"{shown(entry.path)} has another sha256")


def _hashed(chunks: Iterator[memoryview], sha256: "hashlib._Hash", size: int) -> Iterator[memoryview]:
    """Yield the chunks of a file of ``size`` bytes, each hashed, of a large file while the caller uses it."""
    if size < _LARGE:
        for chunk in chunks:
            sha256.update(chunk)
            yield chunk
    else:
        with ThreadPoolExecutor(1) as thread:
            for chunk in chunks:
                hashed = thread.submit(sha256.update, chunk)
                yield chunk
                hashed.result()


def _chunks(stream: BufferedIOBase, entry: Entry) -> Iterator[memoryview]:
    buffer, left = memoryview(bytearray(min(CHUNK, entry.size))), entry.size
    while left:
        count = stream.readinto(buffer[:left])
        if not count:
            raise _wrong(f"{shown(entry.path)} is cut short")
        left -= count
        yield buffer[:count]


def _wrong(reason: str) -> AssetMismatch:
    return AssetMismatch(f"the stored tree isn't what its digest says: {reason}", remedy="store the tree again")


def _changed(source: Path) -> TreeRefused:
    return TreeRefused(f"{source} changed while it was stored", remedy="try again when nothing writes to it")
