"""The port `AssetStore` in an object storage: S3, Google Cloud Storage, Azure.

    <prefix>/trees/<digest>/<account>/<total>/<number>   a piece of a packed tree (see `tree.packed`) of total bytes
    <prefix>/live/<worker>/<task>-<epoch>/<number>       stages and logs of running attempts

Each account stores copies of its own, so that nobody's bytes stand in another's place, and its key may write nothing
else. A copy is whole once its pieces have ``total`` bytes together: a copy that was sent in part is completed by the
next `put`, which sends only what is missing. Readers take any account's copy and verify it; a wrong one is passed over.
"""

import re
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeVar

from node_runtime.domain.assets import Account, Digest
from node_runtime.errors import AssetMismatch, AssetUnavailable, StorageError
from node_runtime.platform.files import host_errors
from node_runtime.ports.store import StoredFile

from .links import make_link
from .live_objects import LiveObjects
from .object_client import Objects
from .pieces import IN_FLIGHT, cut, joined, piece_sizes, send
from .tree.manifest import MAX_MANIFEST, Manifest, TreeTooLarge, check_digest
from .tree.packed import pack, packed_size, read_manifest, stored_files
from .tree.reading import check_absent, only_file, too_large, write_tree
from .tree.walk import manifest_of

_COPY = re.compile(r"([1-9A-HJ-NP-Za-km-z]{1,60})/([1-9][0-9]{0,14})/(0|[1-9][0-9]{0,6})")
_ONE_ENTRY = 2048  # bytes: maximum size of a manifest with one entry
_REPEAT = "let its owner store it again"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class _Copy:
    """An account's copy of a tree: the sizes of its pieces, by number."""

    account: Account
    total: int
    pieces: dict[int, int] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        return sum(self.pieces.values()) == self.total and set(self.pieces) == set(range(len(self.pieces)))

    def place(self, digest: Digest, number: int) -> str:
        return f"{_tree(digest)}{self.account}/{self.total}/{number}"

    def places(self, digest: Digest) -> list[str]:
        """Return the names of its pieces in their order."""
        return [self.place(digest, number) for number in range(len(self.pieces))]


class ObjectStore:
    """The port `AssetStore` over objects. Safe to share between threads and processes.

    ``writer`` is the account that stores; without one the store can only be read.
    """

    def __init__(self, objects: Objects, *, writer: Account | None) -> None:
        self._objects = objects
        self._writer = writer
        self._live = LiveObjects(objects)

    def put(self, source: Path, *, stop: threading.Event | None = None) -> Digest:
        writer = self._own()
        found = manifest_of(source, stop=stop)
        if len(found.encoded) >= MAX_MANIFEST:
            raise TreeTooLarge(f"{source} has too many files", remedy="pack them into fewer files")
        digest, total = found.digest, packed_size(found)
        new = _Copy(account=writer, total=total)
        there = next((one.pieces for one in self._copies(digest) if (one.account, one.total) == (writer, total)), {})
        missing = {number for number, size in enumerate(piece_sizes(total)) if there.get(number) != size}
        surplus = [new.place(digest, number) for number in there if number >= len(piece_sizes(total))]
        if surplus:
            self._objects.delete(surplus)
        if missing:
            pieces = ((number, piece) for number, piece in enumerate(cut(pack(source, found, stop=stop))))
            wanted = ((number, piece) for number, piece in pieces if number in missing)
            with host_errors(source):
                send(wanted, lambda one: self._objects.put(new.place(digest, one[0]), one[1]), stop=stop)
        return digest

    def fetch(
        self, digest: Digest, target: Path, *, stop: threading.Event | None = None, most: int | None = None
    ) -> None:
        check_absent(target)
        self._from_a_copy(
            digest,
            lambda stream, found: write_tree(stream, found, target, most=most, stop=stop),
            stop=stop,
            ahead=IN_FLIGHT,
        )

    def has(self, digest: Digest) -> bool:
        """Whether some account's copy is whole; only `fetch` verifies every byte."""
        return any(one.whole for one in self._copies(digest))

    def size(self, digest: Digest) -> int:
        return self._from_a_copy(digest, lambda _, found: found.size)

    def files(self, digest: Digest) -> tuple[StoredFile, ...]:
        return self._from_a_copy(digest, lambda _, found: stored_files(found))

    def read_file(self, digest: Digest, name: str, *, limit: int) -> bytes:
        def read(stream: BinaryIO, found: Manifest) -> bytes:
            return only_file(stream, found, name, limit=limit)

        return self._from_a_copy(digest, read, most=limit + _ONE_ENTRY)

    def remove(self, digest: Digest) -> None:
        """Remove the account's own copy; those of others stay."""
        names = [name for name, _ in self._objects.below(f"{_tree(check_digest(digest))}{self._own()}/")]
        if names:
            self._objects.delete(names)

    def link(self, digest: Digest, *, seconds: int) -> str:
        """Return a link by which anyone can fetch the tree for so many seconds (see `links`)."""
        place = f"{_tree(check_digest(digest))}{self._own()}/links/"
        copy = next((one for one in self._copies(digest) if one.whole), None)
        if copy is None:
            raise self._missing(digest)
        return make_link(self._objects, digest, copy.places(digest), place, seconds)

    def _missing(self, digest: Digest) -> AssetUnavailable:
        return AssetUnavailable(
            f"nothing is stored under {digest} in {self._objects.url}",
            remedy="let its owner store it, or name the storage where it is",
        )

    def unable(self) -> str | None:
        try:
            self._objects.below("trees/", most=1)
        except StorageError as error:
            return f"it {error.message.removeprefix(f'the storage {self._objects.url} ')}"
        return None

    @property
    def live(self) -> LiveObjects:
        return self._live

    def uri(self, digest: Digest) -> str:
        check_digest(digest)
        return self._objects.url

    def _from_a_copy(
        self,
        digest: Digest,
        read: Callable[[BinaryIO, Manifest], T],
        *,
        stop: threading.Event | None = None,
        ahead: int = 1,
        most: int | None = None,
    ) -> T:
        """Return what ``read`` makes of the first copy that is what the digest says, the account's own before others.

        An own copy that is not is removed, so that it can be stored again. ``most`` bytes are the largest copy read.
        Raises the last copy's error.
        """
        whole = [one for one in self._copies(digest) if one.whole]
        if most is not None and whole and all(one.total > most for one in whole):
            raise too_large(digest, most)
        error: StorageError = self._missing(digest)
        for copy in whole:
            if most is not None and copy.total > most:
                continue
            try:
                with closing(joined(self._objects.get, copy.places(digest), stop=stop, ahead=ahead)) as pieces:
                    return read(pieces, _manifest(pieces, digest, copy))
            except AssetMismatch as wrong:
                told = f"the copy of tree {digest} that {copy.account} stored in {self._objects.url}: {wrong.message}"
                error = AssetMismatch(told, remedy=_REPEAT)
                if copy.account == self._writer:
                    self._objects.delete(copy.places(digest))
        raise error

    def _copies(self, digest: Digest) -> list[_Copy]:
        """Return every account's copies, also those sent in part: the own first, then in the order of the accounts."""
        found: dict[tuple[str, int], _Copy] = {}
        prefix = _tree(check_digest(digest))
        for name, size in self._objects.below(prefix):
            parts = _COPY.fullmatch(name.removeprefix(prefix))
            if parts is not None:  # others may put anything below their own names
                account, total, number = parts[1], int(parts[2]), int(parts[3])
                copy = found.setdefault((account, total), _Copy(account=Account(account), total=total))
                copy.pieces[number] = size
        return sorted(found.values(), key=lambda one: (one.account != self._writer, one.account, one.total))

    def _own(self) -> Account:
        if self._writer is None:
            raise StorageError(
                f"no account is named that stores in {self._objects.url}", remedy="name the key that signs for it"
            )
        return self._writer


def _tree(digest: Digest) -> str:
    return f"trees/{digest}/"


def _manifest(stream: BinaryIO, digest: Digest, copy: _Copy) -> Manifest:
    found = read_manifest(stream, digest)
    if packed_size(found) != copy.total:
        raise AssetMismatch(f"it has {copy.total} bytes, its manifest says {packed_size(found)}", remedy=_REPEAT)
    return found
