"""Selection of the codec for a block's runtime, whose metadata is cached on disk; headers announce runtime upgrades."""

import contextlib
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

from node_runtime.errors import ChainUnavailable, HostError
from node_runtime.platform.files import write_atomically

from .codec import Codec, RuntimeVersion
from .connection import Requests

T = TypeVar("T")
_BLOCKS = 64  # blocks in each cache
_LOOK_AGAIN = 60.0  # seconds between checks; ``System.set_storage`` can replace the code without a header's notice
_NEW_CODE = "0x08"  # sp-runtime's digest item ``RuntimeEnvironmentUpdated``

_CODE_KEY = "0x" + b":code".hex()
_CHECKSUM_BYTES = 32

_known: dict[RuntimeVersion, Codec] = {}
_known_lock = threading.Lock()


class Migrating(ChainUnavailable):
    """The chain's new runtime is still migrating storage; the migration ends some blocks later."""


class CurrentCodec:
    """The codecs of a chain whose runtime may be upgraded. Safe to share between threads."""

    def __init__(self, connection: Requests) -> None:
        self._connection = connection
        self._guard = threading.Lock()
        self._blocks: OrderedDict[str, Codec] = OrderedDict()
        self._codes: OrderedDict[str, str] = OrderedDict()  # code hash after a block, by block hash
        self._parents: OrderedDict[str, str] = OrderedDict()  # of blocks that don't change the code
        self._asked = 0.0  # monotonic time of the last code hash from the chain
        self._migrated = ""  # hash of the code whose migrations have completed
        self._codec = self.renew()

    def get(self) -> Codec:
        """Return the codec for transactions: that of the newest runtime seen."""
        return self._codec

    def renew(self) -> Codec:
        """Check for an upgrade now, after an error that one may explain."""
        self._codec = codec_of(self._connection, self._connection.request("chain_getFinalizedHead"))
        return self._codec

    def at(self, block: str) -> Codec:
        """Return the codec for the state after the block with this hash. Raises `Migrating`.

        It is that of the runtime which executed the block: a block that sets new code leaves the state in the old
        format.
        """
        with self._guard:
            codec = self._blocks.get(block)
            if codec is None:
                codec = self._look(block)
                keep(self._blocks, block, codec, _BLOCKS)
            return codec

    def follow(self, block: str, header: Mapping[str, Any]) -> None:
        """Record a block's header: without a runtime upgrade in its digest the parent's code hash still holds."""
        with self._guard:
            if _NEW_CODE not in header["digest"]["logs"]:
                keep(self._parents, block, header["parentHash"], _BLOCKS)

    def _look(self, block: str) -> Codec:
        code = self._code_after(block)
        if code == self._codec.version.code == self._migrated:
            return self._codec
        parent = str(self._connection.request("chain_getHeader", block)["parentHash"])
        codec = codec_of(self._connection, block, code)
        if int(parent, 16) and (before := self._code_after(parent)) != code:
            return codec_of(self._connection, parent, before)
        if self._migrates(codec, block):
            raise Migrating(
                f"the chain's storage is being migrated to runtime version {codec.version.spec}",
                remedy="wait some blocks",
            )
        if codec.version.spec >= self._codec.version.spec:  # ignore the runtime of an older block
            self._codec, self._migrated = codec, code
        return codec

    def _code_after(self, block: str) -> str:
        known = block
        while known not in self._codes and known in self._parents:
            known = self._parents[known]
        code = self._codes.get(known)
        if code is None or (known != block and time.monotonic() > self._asked + _LOOK_AGAIN):
            code = code_hash(self._connection, block)
            self._asked = time.monotonic()
        keep(self._codes, block, code, _BLOCKS)
        return code

    def _migrates(self, codec: Codec, block: str) -> bool:
        key = codec.migration_cursor()
        return key is not None and self._connection.request("state_getStorage", key, block) is not None


def codec_of(connection: Requests, block: str, code: str | None = None) -> Codec:
    """Return the codec of the runtime after a block; the process decodes each metadata once.

    ``code`` is the hash of the runtime's code where it is known.
    """
    version = runtime_version(connection, block, code)
    with _known_lock:
        codec = _known.get(version)
        if codec is None:
            codec = _known[version] = Codec(version, raw_metadata(connection, version, block))
        return codec


def keep(kept: OrderedDict[str, T], name: str, value: T, most: int) -> None:
    """Store a value and evict the oldest beyond `most`."""
    kept[name] = value
    while len(kept) > most:
        kept.popitem(last=False)


def code_hash(connection: Requests, block: str) -> str:
    """Return the hash of the runtime's code after the block with this hash."""
    return str(connection.request("state_getStorageHash", _CODE_KEY, block))


def runtime_version(connection: Requests, head: str, code: str | None = None) -> RuntimeVersion:
    """Return the runtime's version at the block with this hash; ``code`` is the hash of its code where it is known."""
    version = connection.request("state_getRuntimeVersion", head)
    return RuntimeVersion(
        genesis=connection.genesis,
        code=code or code_hash(connection, head),
        spec=version["specVersion"],
        transaction=version["transactionVersion"],
    )


def raw_metadata(connection: Requests, version: RuntimeVersion, head: str, folder: Path | None = None) -> bytes:
    """Return the SCALE-encoded metadata (V14) of this runtime, from the cache in `folder` or from the chain.

    `head` is the hash of a block with this runtime; the newest block may have another. A cache file is a sha256
    followed by the metadata; on a mismatch the metadata is fetched again.
    """
    folder = folder or platformdirs.user_cache_path("node-runtime") / "metadata"
    path = folder / f"{version.genesis[2:18]}-{version.code[2:34]}.scale"
    cached = _read(path)
    if cached is not None:
        return cached
    raw = bytes.fromhex(connection.request("state_getMetadata", head)[2:])
    with contextlib.suppress(OSError, HostError):  # an unwritable cache costs only time
        _write(path, raw)
    return raw


def _read(path: Path) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    checksum, raw = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
    return raw if hashlib.sha256(raw).digest() == checksum else None


def _write(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, hashlib.sha256(raw).digest() + raw, mode=0o600)
