"""An in-memory asset store with the behaviour of `LocalStore`, private to the process."""

import io
import threading
from pathlib import Path

from node_runtime.domain.assets import Digest
from node_runtime.domain.live import check_live_name, check_live_prefix, check_live_size
from node_runtime.errors import AssetMismatch, AssetUnavailable
from node_runtime.platform.files import host_errors
from node_runtime.ports.store import StoredFile
from node_runtime.stores.tree.manifest import check_digest
from node_runtime.stores.tree.packed import hash_tree, pack, packed_size, read_manifest, stored_files
from node_runtime.stores.tree.reading import check_absent, only_file, write_tree


class MemoryStore:
    """The port `AssetStore` over a dictionary of packed trees. Safe to share between threads."""

    def __init__(self) -> None:
        self._trees: dict[Digest, bytes] = {}
        self._live = MemoryLive()

    def put(self, source: Path, *, stop: threading.Event | None = None) -> Digest:
        tree = hash_tree(source, stop=stop)
        digest = tree.manifest.digest
        if not self.has(digest):
            with host_errors(source):
                self._trees[digest] = b"".join(bytes(chunk) for chunk in pack(tree, stop=stop))
        return digest

    def fetch(
        self, digest: Digest, target: Path, *, stop: threading.Event | None = None, most: int | None = None
    ) -> None:
        check_absent(target)
        stream = self._opened(digest)
        write_tree(stream, read_manifest(stream, digest), target, most=most, stop=stop)

    def has(self, digest: Digest, *, own: bool = False) -> bool:  # noqa: ARG002
        check_digest(digest)
        try:
            return len(self._trees[digest]) == packed_size(read_manifest(self._opened(digest), digest))
        except (KeyError, AssetMismatch):
            return False

    def size(self, digest: Digest) -> int:
        found = read_manifest(self._opened(digest), digest)
        if not self.has(digest):
            raise AssetUnavailable(f"tree {digest} is not as long as its manifest says", remedy="store it again")
        return found.size

    def files(self, digest: Digest) -> tuple[StoredFile, ...]:
        self.size(digest)
        return stored_files(read_manifest(self._opened(digest), digest))

    def read_file(self, digest: Digest, name: str, *, limit: int) -> bytes:
        stream = self._opened(digest)
        return only_file(stream, read_manifest(stream, digest), name, limit=limit)

    def remove(self, digest: Digest) -> None:
        self._trees.pop(check_digest(digest), None)

    def unable(self) -> str | None:
        return None

    @property
    def live(self) -> "MemoryLive":
        return self._live

    def uri(self, digest: Digest) -> str:
        check_digest(digest)
        return "memory:"

    def damage(self, digest: Digest) -> None:
        """Corrupt the last byte of the stored tree, as a bad disk would."""
        kept = bytearray(self._trees[digest])
        kept[-1] ^= 1
        self._trees[digest] = bytes(kept)

    def _opened(self, digest: Digest) -> io.BytesIO:
        try:
            return io.BytesIO(self._trees[check_digest(digest)])
        except KeyError:
            raise AssetUnavailable(f"nothing is stored under {digest}", remedy="let its owner store it") from None


class MemoryLive:
    """The port `LiveArea` over a dictionary."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    def put(self, name: str, content: bytes) -> None:
        self._objects[check_live_name(name)] = check_live_size(name, content)

    def list(self, prefix: str) -> tuple[str, ...]:
        check_live_prefix(prefix)
        return tuple(sorted(name for name in tuple(self._objects) if name.startswith(prefix)))

    def read(self, name: str) -> bytes | None:
        return self._objects.get(check_live_name(name))

    def delete(self, name: str) -> None:
        self._objects.pop(check_live_name(name), None)
