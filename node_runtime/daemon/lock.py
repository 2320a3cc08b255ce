"""Is this the only daemon with this account on this machine? One lock file an account and chain."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node_runtime.errors import ConfigError
from node_runtime.task import Account


@contextmanager
def only_daemon(folder: Path, account: Account, chain: str) -> Iterator[None]:
    """Hold the account's lock; the kernel lets go of it however the process ends. Raises `ConfigError` when taken.

    ``folder`` is one for all daemons of this user; ``chain`` the chain's address, so that the development accounts of
    two local networks don't meet.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    network = hashlib.sha256(chain.encode()).hexdigest()[:12]
    path = folder / f"{account}-{network}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, account)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, account: Account) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        raise ConfigError(
            f"a daemon with account {account} already runs on this machine (process {holder})",
            remedy="stop it first, or give this node a key of its own: `node-runtime init`",
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
