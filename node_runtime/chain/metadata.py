"""How does the chain describe its runtime? Raw metadata, fetched once and kept on disk."""

import contextlib
import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from .connection import Connection

_CODE_KEY = "0x" + b":code".hex()
_CHECKSUM_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class RuntimeVersion:
    """Which runtime: both versions are signed into transactions, the code's hash names what it is."""

    genesis: str
    code: str
    spec: int
    transaction: int


def runtime_version(connection: Connection, head: str) -> RuntimeVersion:
    """The runtime at the block with this hash."""
    version = connection.request("state_getRuntimeVersion", head)
    return RuntimeVersion(
        genesis=connection.genesis,
        code=connection.request("state_getStorageHash", _CODE_KEY, head),
        spec=version["specVersion"],
        transaction=version["transactionVersion"],
    )


def raw_metadata(connection: Connection, version: RuntimeVersion, head: str, folder: Path | None = None) -> bytes:
    """The SCALE-encoded metadata (V14) of this runtime, from the cache in `folder` or from the chain.

    `head` is the hash of a block that has this runtime: the newest one may have another by now. A file of the cache is
    a sha256 and the metadata; one that doesn't match is fetched anew.
    """
    folder = folder or platformdirs.user_cache_path("node-runtime") / "metadata"
    path = folder / f"{version.genesis[2:18]}-{version.code[2:34]}.scale"
    cached = _read(path)
    if cached is not None:
        return cached
    raw = bytes.fromhex(connection.request("state_getMetadata", head)[2:])
    with contextlib.suppress(OSError):  # a cache that can't be written only costs time
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
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(hashlib.sha256(raw).digest() + raw)
            file.close()
            Path(file.name).replace(path)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise
