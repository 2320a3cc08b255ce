"""Names in the live area of storage, ``live/<worker>/<task>-<epoch>/<number>``, and its bounds."""

import re
from dataclasses import dataclass

from node_runtime.errors import StorageError

from .assets import Account
from .task import TaskId

MOST_BYTES = 64 << 10  # of one object
MOST_NUMBERS = 512  # objects of one attempt, numbered from 0

_WORKER = r"[1-9A-HJ-NP-Za-km-z]{40,60}"
_NUMBER = r"0|[1-9][0-9]{0,18}"
_ATTEMPT = f"({_NUMBER})-({_NUMBER})"
_NAME = re.compile(f"live/({_WORKER})/{_ATTEMPT}/({_NUMBER})")
_PREFIX = re.compile(f"live/({_WORKER}/({_ATTEMPT}/)?)?")


@dataclass(frozen=True, kw_only=True, order=True)
class ChunkName:
    """The name of one object in the live area."""

    worker: Account
    task: TaskId
    epoch: int
    number: int

    def __str__(self) -> str:
        return f"{live_prefix(self.worker, self.task, self.epoch)}{self.number}"

    @classmethod
    def parse(cls, name: str) -> "ChunkName | None":
        """Return the parsed name; None for any other text."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        worker, task, epoch, number = found.groups()
        return cls(worker=Account(worker), task=TaskId(int(task)), epoch=int(epoch), number=int(number))


def live_prefix(worker: Account, task: TaskId | None = None, epoch: int = 0) -> str:
    """Return the prefix of the names of a worker's chunks, or of those of one attempt."""
    return f"live/{worker}/" if task is None else f"live/{worker}/{task}-{epoch}/"


def check_live_name(name: str) -> str:
    """Return the name. Raises `StorageError` for one that can't be in the live area."""
    if not _NAME.fullmatch(name):
        raise StorageError(f"{name!a} is no name of the live area", remedy="name live/WORKER/TASK-EPOCH/NUMBER")
    return name


def check_live_prefix(prefix: str) -> str:
    """Return the prefix of whole parts of a name. Raises `StorageError` for any other text."""
    if not _PREFIX.fullmatch(prefix):
        raise StorageError(f"{prefix!a} is no prefix of the live area", remedy="name live/WORKER/TASK-EPOCH/")
    return prefix


def check_live_size(name: str, content: bytes) -> bytes:
    """Return the content. Raises `StorageError` for one that is too large."""
    if len(content) > MOST_BYTES:
        raise StorageError(f"{name} has {len(content)} bytes, more than {MOST_BYTES}", remedy="write it in parts")
    return content
