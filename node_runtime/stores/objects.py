"""The port `AssetStore` in an object storage: S3, Google Cloud Storage, Azure.

    <prefix>/trees/…   the accounts' copies of packed trees, in pieces (see `copies`)
    <prefix>/live/…    stages and logs of running attempts (see `live_objects`)

Each account stores copies of its own, so that nobody's bytes stand in another's place, and its key may write nothing
else. A copy is whole once all its pieces are there: one that was sent in part is completed by the next `put`, which
sends only what is missing. Readers take any account's copy and verify it; a wrong one is passed over.
"""

import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from io import BufferedIOBase
from pathlib import Path
from typing import TypeVar

from node_runtime.domain.assets import Account, Digest
from node_runtime.domain.units import size
from node_runtime.errors import AssetMismatch, AssetUnavailable, StorageError
from node_runtime.platform.files import host_errors
from node_runtime.ports.store import StoredFile

from .copies import Copy, Piece, copies_in, folder_of, is_account
from .links import make_link
from .live_objects import LiveObjects
from .object_client import Objects
from .pieces import IN_FLIGHT, cut, joined, send
from .tree.manifest import Manifest, TreeRefused
from .tree.packed import HashedTree, hash_tree, pack, packed_size, read_manifest, stored_files
from .tree.reading import check_absent, only_file, too_large, write_tree

_ONE_ENTRY = 2048  # bytes: maximum size of a manifest with one entry
_REPEAT = "let its owner store it again"

T = TypeVar("T")


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
        tree = hash_tree(source, stop=stop)
        found = tree.manifest
        there = next((one for one in self._copies_of(found.digest, writer) if one.total == packed_size(found)), None)
        copy = there or Copy(digest=found.digest, account=writer, total=packed_size(found))
        if not copy.whole:
            with host_errors(source):
                self._send(tree, copy, stop)
        return found.digest

    def _send(self, tree: HashedTree, copy: Copy, stop: threading.Event | None) -> None:
        """Send the pieces that are missing; remove what earlier ones have of other bytes."""
        wanted, sent = set[Piece](), list[str]()

        def put(numbered: tuple[int, bytearray]) -> None:
            number, content = numbered
            piece = Piece(number=number, crc=f"{zlib.crc32(content):08x}", size=len(content))
            wanted.add(piece)
            if piece not in copy.pieces:
                sent.append(copy.place(piece))
                self._objects.put(copy.place(piece), content)

        try:
            send(enumerate(cut(pack(tree, stop=stop))), put, stop=stop)
        except TreeRefused:  # the source changed: what was sent is of other bytes
            with suppress(StorageError):
                self._remove(sent)
            raise
        self._remove([copy.place(one) for one in copy.pieces - wanted])

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

    def has(self, digest: Digest, *, own: bool = False) -> bool:
        """Whether an account's copy is whole, with ``own`` this account's; only `fetch` verifies every byte."""
        if own:
            return any(one.whole for one in self._copies_of(digest, self._own()))
        return next(self._whole_copies(digest), None) is not None

    def size(self, digest: Digest) -> int:
        return self._from_a_copy(digest, lambda _, found: found.size)

    def files(self, digest: Digest) -> tuple[StoredFile, ...]:
        return self._from_a_copy(digest, lambda _, found: stored_files(found))

    def read_file(self, digest: Digest, name: str, *, limit: int) -> bytes:
        def read(stream: BufferedIOBase, found: Manifest) -> bytes:
            return only_file(stream, found, name, limit=limit)

        return self._from_a_copy(digest, read, most=limit + _ONE_ENTRY)

    def remove(self, digest: Digest) -> None:
        """Remove the account's own copy; those of others stay."""
        self._remove([name for name, _ in self._objects.below(folder_of(digest, self._own()))])

    def link(self, digest: Digest, *, seconds: int) -> str:
        """Return a link by which anyone can fetch the tree for so many seconds (see `links`)."""
        place = f"{folder_of(digest, self._own())}links/"
        copy = next(self._whole_copies(digest), None)
        if copy is None:
            raise self._missing(digest)
        return make_link(self._objects, digest, [copy.place(one) for one in copy.in_order()], place, seconds)

    def unable(self) -> str | None:
        try:
            self._objects.first_below(f"live/{self._writer}/" if self._writer is not None else "")
        except StorageError as error:
            return f"it {error.message.removeprefix(f'the storage {self._objects.url} ')}"
        return None

    @property
    def live(self) -> LiveObjects:
        return self._live

    def uri(self, digest: Digest) -> str:
        folder_of(digest)
        return self._objects.url

    def _from_a_copy(
        self,
        digest: Digest,
        read: Callable[[BufferedIOBase, Manifest], T],
        *,
        stop: threading.Event | None = None,
        ahead: int = 1,
        most: int | None = None,
    ) -> T:
        """Return what ``read`` makes of the first copy that is what the digest says, the account's own before others.

        An own copy that is not is removed, so that it can be stored again. ``most`` bytes are the largest copy read.
        Raises the last copy's error.
        """
        error: StorageError = self._missing(digest)
        for copy in self._whole_copies(digest):
            if most is not None and copy.total > most:
                error = too_large(digest, most)
                continue
            try:
                with closing(joined(self._piece_of(copy), copy.in_order(), stop=stop, ahead=ahead)) as pieces:
                    return read(pieces, _manifest(pieces, digest, copy))
            except AssetMismatch as wrong:
                told = f"the copy of tree {digest} that {copy.account} stored in {self._objects.url}: {wrong.message}"
                error = AssetMismatch(told, remedy=_REPEAT)
                if copy.account == self._writer:
                    with suppress(StorageError):  # the key may lack the right
                        self._remove([copy.place(one) for one in copy.pieces])
            except AssetUnavailable as unavailable:
                error = unavailable
                if stop is not None and stop.is_set():
                    raise
        raise error

    def _piece_of(self, copy: Copy) -> Callable[[Piece], bytes | memoryview]:
        return lambda piece: self._objects.get(copy.place(piece), size=piece.size)

    def _whole_copies(self, digest: Digest) -> Iterator[Copy]:
        """Yield the accounts' whole copies, the own first, then in the order of the accounts."""
        names = self._objects.folders_below(folder_of(digest))
        accounts = (Account(name) for name in sorted(names, key=lambda name: (name != self._writer, name)))
        for account in filter(is_account, accounts):
            yield from (one for one in self._copies_of(digest, account) if one.whole)

    def _copies_of(self, digest: Digest, account: Account) -> list[Copy]:
        """Return an account's copies; none where it has put names there that can't be listed."""
        return copies_in(self._objects.each_below(folder_of(digest, account)), digest, account)

    def _remove(self, names: list[str]) -> None:
        if names:
            self._objects.delete(names)

    def _missing(self, digest: Digest) -> AssetUnavailable:
        return AssetUnavailable(
            f"nothing is stored under {digest} in {self._objects.url}",
            remedy="let its owner store it, or name the storage where it is",
        )

    def _own(self) -> Account:
        if self._writer is None:
            raise StorageError(
                f"no account is named that stores in {self._objects.url}", remedy="name the key that signs for it"
            )
        return self._writer


def _manifest(stream: BufferedIOBase, digest: Digest, copy: Copy) -> Manifest:
    found = read_manifest(stream, digest)
    if packed_size(found) != copy.total:
        raise AssetMismatch(f"it has {size(copy.total)}, its manifest says {size(packed_size(found))}", remedy=_REPEAT)
    return found
