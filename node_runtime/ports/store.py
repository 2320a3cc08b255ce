"""The port to an asset store: trees of files, kept by their digest, and a live area of short-lived objects."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from node_runtime.domain.assets import Digest


class LiveArea(Protocol):
    """Objects of at most 64 KiB by their name, ``live/<worker>/<task>-<epoch>/<number>``, while an attempt runs.

    Safe to share between threads and processes. Every call may be repeated. Anybody with access to the storage may
    write here, so the content is untrusted. Raises `StorageError` for other names, `StorageError` or `HostError` where
    the storage fails.
    """

    def put(self, name: str, content: bytes) -> None:
        """Write the object atomically, in place of an earlier one of this name."""
        ...

    def list(self, prefix: str) -> tuple[str, ...]:
        """Return the names below ``live/``, ``live/<worker>/`` or ``live/<worker>/<task>-<epoch>/``, sorted as text."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return the object; None where there is none, or something that can be none."""
        ...

    def delete(self, name: str) -> None:
        """Remove the object; a name that is not there is success."""
        ...


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file of a stored tree; ``size`` in bytes."""

    path: str
    size: int


class AssetStore(Protocol):
    """Where trees are kept by their digest. Safe to share between threads and processes.

    Every call may be repeated; storing what is already there is success. Bytes are verified while they stream.
    """

    def put(self, source: Path, *, stop: threading.Event | None = None) -> Digest:
        """Store a folder or a single regular file, all of it or nothing.

        Raises `StorageError` for links, devices and sockets in it, also soon after ``stop`` is set.
        """
        ...

    def fetch(
        self, digest: Digest, target: Path, *, stop: threading.Event | None = None, most: int | None = None
    ) -> None:
        """Write the tree to `target`, which must not exist: all of it, verified, or nothing.

        Raises `AssetUnavailable`, also soon after ``stop`` is set, `AssetMismatch`, or `StorageError` for more than
        ``most`` files (default: as many as a tree may have), before the first is written.
        """
        ...

    def has(self, digest: Digest, *, own: bool = False) -> bool:
        """Whether the tree is stored, with ``own`` by this store's account, where accounts have copies of their own."""
        ...

    def size(self, digest: Digest) -> int:
        """Bytes of its files. Raises `AssetUnavailable` unless all of it is there, or `AssetMismatch`."""
        ...

    def files(self, digest: Digest) -> tuple[StoredFile, ...]:
        """The tree's files in the order of its manifest, without reading them. Raises as `size`."""
        ...

    def read_file(self, digest: Digest, name: str, *, limit: int) -> bytes:
        """The only file of a tree, by its name, without looking further into a tree of more than ``limit`` bytes.

        Raises `AssetUnavailable`, `AssetMismatch`, or `StorageError` for a tree that is larger or something else.
        """
        ...

    def remove(self, digest: Digest) -> None:
        """Remove the tree; one that is not stored is success."""
        ...

    def unable(self) -> str | None:
        """Return why nothing can be read or written here now, without an address or a secret; None if all is well."""
        ...

    @property
    def live(self) -> LiveArea:
        """The live area: stages and logs of running attempts."""
        ...

    def uri(self, digest: Digest) -> str:
        """Where others find it, e.g. ``cas:``."""
        ...
