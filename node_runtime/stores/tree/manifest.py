"""Tree manifests and digests: a tree's digest is the sha256 of its manifest. Pure: no I/O.

A manifest is canonical JSON: ``[[path, "x" or "-", size, sha256], …]``, sorted by the paths' UTF-8 bytes, without
spaces or a final newline, non-ASCII characters as they are. ``x`` marks a file executable by its owner, ``size`` is in
bytes, ``sha256`` is 64 lower-case hexadecimal digits. Regular files only; a folder with nothing in it is an entry
``[path, "d", 0, ""]``, every other one follows from its files' paths; a single file is a tree with one entry, its name.
Names are part of the digest.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from node_runtime.domain.assets import Digest
from node_runtime.errors import AssetMismatch, StorageError

MAX_PATH = 1024  # bytes of UTF-8, so that it fits below any target folder
MAX_NAME = 255
MAX_DEPTH = 64
MAX_ENTRIES = 1_000_000
MAX_MANIFEST = 256 << 20  # bytes

_DIGEST = re.compile(r"[0-9a-f]{64}")
# one encoded entry; the expression never backtracks
_ENTRY = re.compile(
    rb'\[("[^"\\]*+(?:\\.[^"\\]*+){0,%d}+"),(?:"([x-])",([0-9]{1,19}),"([0-9a-f]{64})"|"d",0,"")\]' % MAX_PATH
)
# C0, DEL, C1, line and paragraph separators, and the surrogates Python uses for bytes that are not UTF-8
_ODD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class TreeRefused(StorageError):
    """A folder's contents can't be a tree: links, devices, invalid names, or files that change while they are read."""


class TreeMissing(TreeRefused):
    """The source path of a tree does not exist."""


class TreeTooLarge(TreeRefused):
    """A tree exceeds its limit of bytes, entries or depth."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A file, or a folder with nothing in it, which has no sha256."""

    path: str
    executable: bool
    size: int
    sha256: str

    @property
    def is_folder(self) -> bool:
        return not self.sha256

    @property
    def mode(self) -> str:
        return "d" if self.is_folder else "x" if self.executable else "-"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The files and empty folders of a tree. ``entries`` are sorted by `path_key`."""

    entries: tuple[Entry, ...]

    @cached_property
    def encoded(self) -> bytes:
        rows = [[one.path, one.mode, one.size, one.sha256] for one in self.entries]
        return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()

    @cached_property
    def digest(self) -> Digest:
        return Digest(hashlib.sha256(self.encoded).hexdigest())

    @property
    def files(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if not entry.is_folder)

    def is_file(self, name: str) -> bool:
        """Return whether the tree is that file alone."""
        return [(entry.path, entry.is_folder) for entry in self.entries] == [(name, False)]

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries)


def manifest(entries: list[Entry]) -> Manifest:
    return Manifest(entries=tuple(sorted(entries, key=lambda entry: path_key(entry.path))))


def empty_folder(path: str) -> Entry:
    return Entry(path=path, executable=False, size=0, sha256="")


def path_key(path: str) -> bytes:
    return path.encode()


def decode(encoded: bytes, digest: Digest) -> Manifest:
    """Decode the manifest of the tree `digest`. Raises `AssetMismatch` unless it is canonical and has that digest."""
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
    """Raise `StorageError` unless `digest` is valid; a valid digest is safe as a file name."""
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
    """Format the path for a message, escaped when it contains control characters."""
    return path if path.isprintable() else ascii(path)[1:-1]


def _entries(encoded: bytes) -> Iterator[Entry]:
    """Parse entries one by one, since arbitrary JSON may need many times its size in memory.

    Raises `ValueError` or `TreeRefused` at the first invalid entry.
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


def _entry(path: bytes, mode: bytes | None, size: bytes, sha256: bytes) -> Entry:
    """Return the entry of a match; without a mode, size and sha256 it is an empty folder."""
    if len(path) > 2 * MAX_PATH + 2:  # every byte escaped, plus the quotation marks
        raise ValueError(f"a path is longer than {MAX_PATH} bytes")
    name = json.loads(path)
    check_path(name)
    if mode is None:
        return empty_folder(name)
    if int(size) >= 1 << 63:
        raise ValueError("an entry has no size")
    return Entry(path=name, executable=mode == b"x", size=int(size), sha256=sha256.decode())


def _in_order(found: Manifest) -> bool:
    """Whether the entries are sorted and unique, and nothing is below a file or an empty folder."""
    keys = [path_key(entry.path) for entry in found.entries]
    if len(keys) > MAX_ENTRIES or any(earlier >= later for earlier, later in pairwise(keys)):
        return False
    leaves = set(keys)
    # no set of all folders: with deep paths it would far outgrow the manifest
    return not any(key[:at] in leaves for key in keys for at, byte in enumerate(key) if byte == ord("/"))
