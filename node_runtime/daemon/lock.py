"""Is this the only daemon with this account on this machine, and the only one in its work folder?"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node_runtime.errors import ConfigError
from node_runtime.task import Account
from node_runtime.trouble import host_trouble

ID = "id"  # of the work folder


@contextmanager
def only_daemon(folder: Path, account: Account, chain: str) -> Iterator[None]:
    """Hold the account's lock; the kernel lets go of it however the process ends. Raises `ConfigError` when taken.

    ``folder`` is one for all daemons of this user; ``chain`` names the chain whatever address it is reached by.
    """
    network = hashlib.sha256(chain.encode()).hexdigest()[:12]
    remedy = "stop it first, or give this node a key of its own: `node-runtime init`"
    with _locked(folder / f"{account}-{network}.lock", f"a daemon with account {account} already runs", remedy):
        yield


@contextmanager
def only_daemon_in(work: Path) -> Iterator[None]:
    """Hold the lock of a node's work folder. Raises `ConfigError` when taken."""
    remedy = "stop it first, or give this node a work folder of its own"
    with _locked(work / "daemon.lock", f"a daemon already works in {work}", remedy):
        yield


def engine_name(work: Path, node: str) -> str:
    """What tells this node's containers from those of any other on its engine, even of one with the same id.

    Half of it is random, made once and kept in the work folder. Call it under the folder's lock.
    """
    path = work / ID
    if not path.exists():
        unfinished = path.with_suffix(".part")
        unfinished.write_text(secrets.token_hex(4), encoding="ascii")
        unfinished.replace(path)
    return f"{node}-{path.read_text(encoding='ascii').strip()}"


@contextmanager
def _locked(path: Path, taken: str, remedy: str) -> Iterator[None]:
    with host_trouble(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            raise ConfigError(f"{taken} on this machine (process {holder})", remedy=remedy) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
