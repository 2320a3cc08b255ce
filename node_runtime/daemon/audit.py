"""What this node did: every claim, refusal, run, upload and payment as a line of a hash-chained file.

Each line is canonical JSON and carries the sha256 of the line before it, so a changed, removed or inserted line is
found by `verified`. Only the newest lines can be cut off unseen; whoever must exclude that keeps the last digest
elsewhere.
"""

import errno
import hashlib
import json
import os
import threading
import time
from collections import deque
from enum import StrEnum
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from node_runtime.errors import InputError

log = structlog.get_logger()

FIRST = "0" * 64
_TAIL = 1 << 16  # bytes; longer than any line
_PATIENCE = 10_000  # lines kept in memory while the disk is full


class Deed(StrEnum):
    CLAIM = "claim"
    REFUSAL = "refusal"
    RUN = "run"
    FAILURE = "failure"
    UPLOAD = "upload"
    SUBMISSION = "submission"
    PAYMENT = "payment"
    REJECTION = "rejection"
    HAND_BACK = "hand_back"
    ENDED = "ended"


class Entry(BaseModel):
    """One line. ``at`` is this machine's clock, Unix ms; ``previous`` the sha256 of the line before, whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: int
    deed: Deed
    task: int
    epoch: int | None = None
    detail: str = ""
    previous: str

    def encode(self) -> bytes:
        fields = self.model_dump(mode="json", exclude_none=True)
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


class Audit:
    """Appends to the file. Safe to share between threads; one process at a time (the daemon's lock sees to it)."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._guard = threading.Lock()
        self._waiting: deque[Entry] = deque(maxlen=_PATIENCE)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._previous = self._mend()

    def record(self, deed: Deed, *, task: int, epoch: int | None = None, detail: str = "") -> None:
        """Append a line. One that the disk doesn't take is kept and written before the next one: nothing is raised."""
        now = time.time_ns() // 1_000_000
        with self._guard:
            self._waiting.append(Entry(at=now, deed=deed, task=task, epoch=epoch, detail=detail[:1000], previous=""))
            try:
                while self._waiting:
                    self._append(self._waiting[0].model_copy(update={"previous": self._previous}).encode())
                    self._waiting.popleft()
            except OSError as error:
                log.error("audit_waits", reason=str(error), lines=len(self._waiting), remedy="free some disk")

    def _append(self, line: bytes) -> None:
        """The whole line or nothing of it. Raises `OSError`."""
        end = os.fstat(self._descriptor).st_size
        try:
            written = os.write(self._descriptor, line)
            if written < len(line):
                raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes of the audit line were written")
            os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, end)
            raise
        self._previous = hashlib.sha256(line).hexdigest()

    def close(self) -> None:
        """What a thread that is still at work records afterwards is lost, not written to whatever is opened next."""
        with self._guard:
            os.close(self._descriptor)
            self._descriptor = -1

    def _mend(self) -> str:
        """The last line's digest; a line torn by a power cut was never acknowledged and is cut off."""
        size = os.fstat(self._descriptor).st_size
        start = max(0, size - _TAIL)
        tail = os.pread(self._descriptor, size - start, start)
        whole = tail[: tail.rfind(b"\n") + 1]
        if len(whole) < len(tail):
            os.ftruncate(self._descriptor, start + len(whole))
        lines = whole.splitlines(keepends=True)
        return hashlib.sha256(lines[-1]).hexdigest() if lines else FIRST


def verified(path: Path) -> tuple[Entry, ...]:
    """What the file says, oldest first; raises `InputError` at the first line that doesn't follow from the one before.

    A daemon may be writing to it: a last line that isn't whole yet is none.
    """
    previous, entries = FIRST, []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                break
            try:
                entry = Entry.model_validate_json(line)
            except ValidationError as error:
                raise _broken(path, number, "it is not an audit entry") from error
            if entry.previous != previous:
                raise _broken(path, number, "it doesn't follow from the line before")
            if entry.encode() != line:
                raise _broken(path, number, "it isn't written as the daemon writes it")
            previous = hashlib.sha256(line).hexdigest()
            entries.append(entry)
    return tuple(entries)


def _broken(path: Path, number: int, reason: str) -> InputError:
    return InputError(
        f"{path}:{number}: the audit file was changed: {reason}",
        remedy="compare it with a backup; lines from there on prove nothing",
    )
