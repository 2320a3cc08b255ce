"""The daemon's work folder: files named by the chain's genesis, and locks for one daemon per account and folder.

Task numbers start at 1 on every chain. A node that is pointed at another chain and back finds its files unchanged.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from node_runtime.domain.assets import Account
from node_runtime.errors import ConfigError
from node_runtime.platform.files import host_errors, private_folder, write_private
from node_runtime.platform.locks import try_lock
from node_runtime.ports.engine import ContainerEngine
from node_runtime.runner.workspace import Workspaces

_ATTEMPTS = re.compile(r"attempts-([0-9a-f]{12})")


@dataclass(frozen=True, kw_only=True)
class ChainFiles:
    """Paths of one chain's files. ``node`` is the node's name on its engine, ``mark`` a prefix of the genesis hash."""

    work: Path
    node: str
    mark: str

    @property
    def outbox(self) -> Path:
        return self.work / f"outbox-{self.mark}.sqlite"

    @property
    def attempts(self) -> Path:
        return self.work / f"attempts-{self.mark}"

    @property
    def approved(self) -> Path:
        return approvals_of(self.work, self.mark)

    def workspaces(self, engine: ContainerEngine) -> Workspaces:
        """Open the attempts' folders; the containers' names contain the mark too."""
        return Workspaces(self.attempts, engine=engine, node=f"{self.node}-{self.mark}")

    def others(self) -> tuple["ChainFiles", ...]:
        """Return the files of the other chains that this node has worked for."""
        marks = (_ATTEMPTS.fullmatch(entry.name) for entry in self.work.iterdir())
        return tuple(replace(self, mark=found[1]) for found in marks if found and found[1] != self.mark)


def mark_of(genesis: str) -> str:
    """Return the mark of a genesis hash, given in hexadecimal after 0x."""
    return genesis[2:14]


def approvals_of(work: Path, mark: str) -> Path:
    """Return the folder of the operator's approvals, one file per task with the approved digest."""
    return work / f"approved-{mark}"


ID = "id"  # of the work folder
DAEMON_LOCK = "daemon.lock"
_MOST_WRITTEN = 8192  # bytes that are read of a lock file: a process id, and a path


@contextmanager
def only_daemon(folder: Path, account: Account, chain: str, *, file: Path | None = None) -> Iterator[None]:
    """Hold the account's lock, which the kernel releases at process exit. Raises `ConfigError` when taken.

    ``folder`` is common to all daemons of this user; ``chain`` identifies the chain independently of its address.
    ``file`` is the node's configuration, by which other commands find the running daemon.
    """
    network = hashlib.sha256(chain.encode()).hexdigest()[:12]
    remedy = "stop it first, or give this node a key of its own: `node-runtime init`"
    with _locked(folder / f"{account}-{network}.lock", f"a daemon with account {account} already runs", remedy, file):
        yield


def running_nodes(folder: Path) -> tuple[Path, ...]:
    """Return the configurations of the daemons that hold a lock in the folder, sorted by their path."""
    held = (_holder(path) for path in folder.glob("*.lock"))
    return tuple(sorted(Path(holder.file) for holder in held if holder is not None and holder.file))


@contextmanager
def only_daemon_in(work: Path) -> Iterator[None]:
    """Hold the lock of a node's work folder. Raises `ConfigError` when taken."""
    remedy = "stop it first, or give this node a work folder of its own"
    with _locked(work / DAEMON_LOCK, f"a daemon already works in {work}", remedy):
        yield


def daemon_process(work: Path) -> int | None:
    """Return the process id of the daemon that works in this folder; None if none does."""
    holder = _holder(work / DAEMON_LOCK)
    return holder.process if holder is not None else None


@dataclass(frozen=True, kw_only=True)
class _Holder:
    """What a lock file says of the process that holds it."""

    process: int
    file: str

    @classmethod
    def read(cls, text: str) -> "_Holder | None":
        process, _, file = text.partition("\n")
        return cls(process=int(process), file=file.strip()) if process.isdecimal() else None


def _holder(path: Path) -> _Holder | None:
    """Return the running process that holds a lock file; None if none does."""
    with suppress(OSError), path.open("rb") as file:
        holder = _Holder.read(file.read(_MOST_WRITTEN).decode(errors="replace"))
        # an ended process needs no look at the lock, which would disturb a daemon that starts just now
        if holder is not None and psutil.pid_exists(holder.process) and not try_lock(file.fileno()):
            return holder
    return None


def engine_name(work: Path, node: str) -> str:
    """Return the node's name on its engine, unique even among nodes with the same id.

    Its suffix is random, created once and kept in the work folder. Requires the folder's lock.
    """
    path = work / ID
    if not path.exists():
        write_private(path, secrets.token_hex(4))
    return f"{node}-{path.read_text(encoding='ascii').strip()}"


@contextmanager
def _locked(path: Path, taken: str, remedy: str, file: Path | None = None) -> Iterator[None]:
    with host_errors(path):
        private_folder(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not try_lock(descriptor):
            holder = _Holder.read(os.pread(descriptor, _MOST_WRITTEN, 0).decode(errors="replace"))
            process = holder.process if holder is not None else "unknown"
            raise ConfigError(f"{taken} on this machine (process {process})", remedy=remedy)
        os.ftruncate(descriptor, 0)
        named = f"{file.absolute()}\n" if file is not None else ""
        os.pwrite(descriptor, f"{os.getpid()}\n{named}".encode(), 0)
        yield
    finally:
        os.close(descriptor)
