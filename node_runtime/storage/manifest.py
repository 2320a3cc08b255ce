"""What is the digest of a tree? The sha256 of its manifest. Pure: no file is touched here.

A manifest is canonical JSON: ``[[path, "x" or "-", size, sha256], …]``, sorted by the paths' UTF-8 bytes, without
spaces or a final newline, non-ASCII characters as they are. ``x`` marks a file its owner may execute, ``size`` is in
bytes, ``sha256`` are 64 lower-case hexadecimal digits. Regular files only; empty folders aren't recorded; a single
file is a tree with one entry, its name. Names are part of the digest.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from node_runtime.errors import AssetMismatch, StorageError
from node_runtime.task import Digest

MAX_PATH = 1024  # bytes of UTF-8, so that it fits below any folder it is written to
MAX_NAME = 255
MAX_DEPTH = 64
MAX_ENTRIES = 1_000_000
MAX_MANIFEST = 256 << 20  # bytes

_DIGEST = re.compile(r"[0-9a-f]{64}")
# an entry as it is encoded; never turns back, and a path has no more that needs a backslash than it has bytes
_ENTRY = re.compile(rb'\[("[^"\\]*+(?:\\.[^"\\]*+){0,%d}+"),"([x-])",([0-9]{1,19}),"([0-9a-f]{64})"\]' % MAX_PATH)
# C0, DEL, C1, line and paragraph separators, and the surrogates Python gives for bytes that are not UTF-8
_ODD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class TreeRefused(StorageError):
    """What lies in a folder can't be a tree: links, devices, odd names, or files that change while they are read."""


class TreeMissing(TreeRefused):
    """There is nothing at the path that was to become a tree."""


class TreeTooLarge(TreeRefused):
    """A tree has more bytes, entries or levels than it may have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    path: str
    executable: bool
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The files of a tree. ``entries`` are sorted by `path_key`."""

    entries: tuple[Entry, ...]

    @cached_property
    def encoded(self) -> bytes:
        rows = [[one.path, "x" if one.executable else "-", one.size, one.sha256] for one in self.entries]
        return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()

    @cached_property
    def digest(self) -> Digest:
        return Digest(hashlib.sha256(self.encoded).hexdigest())

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries)


def manifest(entries: list[Entry]) -> Manifest:
    return Manifest(entries=tuple(sorted(entries, key=lambda entry: path_key(entry.path))))


def path_key(path: str) -> bytes:
    return path.encode()


def decode(encoded: bytes, digest: Digest) -> Manifest:
    """The manifest that `digest` names. Raises `AssetMismatch` for anything else, however it was made."""
    if hashlib.sha256(encoded).hexdigest() != digest:
        raise AssetMismatch(f"tree {digest}: its manifest has another digest", remedy="store the tree again")
    try:
        found = Manifest(entries=tuple(_entries(encoded)))
    except (ValueError, TypeError, RecursionError, TreeRefused) as error:
        raise AssetMismatch(
            f"tree {digest} is not a tree: {error}", remedy="ask its owner to store it again"
        ) from error
    if found.encoded != encoded or not _in_order(found):
        raise AssetMismatch(f"tree {digest} is not a canonical manifest", remedy="ask its owner to store it again")
    return found


def check_digest(digest: str) -> Digest:
    """Raise `StorageError` unless `digest` is one; what passes is safe as a file name."""
    if not _DIGEST.fullmatch(digest):
        raise StorageError(f"{digest[:80]!a} is not a digest", remedy="a digest is 64 lower-case hexadecimal digits")
    return Digest(digest)


def check_path(path: str) -> None:
    """Raise `TreeRefused` for a path that could leave the tree or deceive a reader."""
    names = path.split("/")
    for name in names:
        if name in ("", ".", ".."):
            raise TreeRefused(f"{shown(path)}: a path in a tree has no empty, '.' or '..' part", remedy="rename it")
        if _ODD.search(name):
            raise TreeRefused(
                f"{shown(path)}: the name is not UTF-8 or has control characters in it",
                remedy="rename it, or leave it out",
            )
        if len(name.encode()) > MAX_NAME:
            raise TreeRefused(f"{shown(name[:40])}…: the name is longer than {MAX_NAME} bytes", remedy="rename it")
    if len(path.encode()) > MAX_PATH:
        raise TreeRefused(f"{shown(path[:40])}…: the path is longer than {MAX_PATH} bytes", remedy="use fewer folders")
    if len(names) > MAX_DEPTH:
        raise TreeTooLarge(f"{shown(path[:40])}… is deeper than {MAX_DEPTH} folders", remedy="use fewer folders")


def shown(path: str) -> str:
    """The path for a message: as it is, or escaped when it could play tricks on a terminal."""
    return path if path.isprintable() else ascii(path)[1:-1]


def _entries(encoded: bytes) -> Iterator[Entry]:
    """One after the other: whatever else JSON may hold would become many times as large in memory as it is here.

    Raises `ValueError` or `TreeRefused` at the first that is none.
    """
    if encoded == b"[]":
        return
    place, count = 0, 0
    while place < len(encoded) - 1:
        row = _ENTRY.match(encoded, place + 1) if encoded[place : place + 1] == (b"," if count else b"[") else None
        if row is None or (count := count + 1) > MAX_ENTRIES:
            raise ValueError("an entry is not [path, mode, size, sha256], or there are too many")
        yield _entry(*row.groups())
        place = row.end()
    if not count or encoded[place:] != b"]":
        raise ValueError("it doesn't end as a list of entries")


def _entry(path: bytes, mode: bytes, size: bytes, sha256: bytes) -> Entry:
    if len(path) > 2 * MAX_PATH + 2:  # a backslash before each, and the quotation marks
        raise ValueError(f"a path is longer than {MAX_PATH} bytes")
    name = json.loads(path)
    check_path(name)
    if int(size) >= 1 << 63:
        raise ValueError("an entry has no size")
    return Entry(path=name, executable=mode == b"x", size=int(size), sha256=sha256.decode())


def _in_order(found: Manifest) -> bool:
    """Sorted, each path once, and no path both a file and a folder."""
    keys = [path_key(entry.path) for entry in found.entries]
    if len(keys) > MAX_ENTRIES or any(earlier >= later for earlier, later in pairwise(keys)):
        return False
    files = set(keys)
    # not a set of all folders: deep paths would make it far larger than the manifest
    return not any(key[:at] in files for key in keys for at, byte in enumerate(key) if byte == ord("/"))
