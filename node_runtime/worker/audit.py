"""The audit file: every claim, refusal, run, upload and payment as a signed line.

Each line is canonical JSON, contains the sha256 of the previous line, and is signed by the node's key.
`audit_check.verified` detects changed, removed and inserted lines; without the key the file can't be rewritten. Not
detected: lines truncated at the end while no daemon runs (to exclude that, keep the last digest elsewhere), and
anything the key's owner writes.

Lines of version 0 have no signature; they occur only at the beginning of a file older than version 1.
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
from pydantic import BaseModel, ConfigDict

from node_runtime.domain.assets import Account
from node_runtime.errors import NodeRuntimeError
from node_runtime.platform.files import private_file, private_folder
from node_runtime.platform.stored_format import StoredFormat, unversioned
from node_runtime.runner.signing import Signer, is_signed_by, message

log = structlog.get_logger()

FORMAT = StoredFormat(
    name="a line of the audit file",
    remedy="run that release again, or move the file away: a new one is begun",
    steps=(unversioned,),
)
FIRST = "0" * 64
_TAIL = 1 << 16  # bytes; longer than any line
_MAX_BUFFERED = 10_000  # entries buffered in memory while the disk is full


class AuditEvent(StrEnum):
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
    SIGNING_BEGINS = "signing_begins"  # earlier lines are from a release that didn't sign
    FILE_MOVED = "file_moved"  # while the daemon ran; earlier lines are in the moved file


class AuditEntry(BaseModel):
    """One line. ``at`` is this machine's clock, Unix ms; ``previous`` is the sha256 of the whole previous line.

    ``deed`` is the key in the file. ``signature`` is ``signer``'s, in hexadecimal, over `signed_bytes`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = 0
    at: int
    deed: AuditEvent
    task: int | None = None
    epoch: int | None = None
    detail: str = ""
    previous: str
    signer: Account | None = None
    signature: str | None = None

    def encode(self) -> bytes:
        fields = self.model_dump(mode="json", exclude_none=True)
        if not self.version:
            del fields["version"]
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"

    def signed_by(self, signer: Signer) -> "AuditEntry":
        unsigned = self.model_copy(update={"version": FORMAT.version, "signer": signer.account, "signature": None})
        return unsigned.model_copy(update={"signature": signer.sign(signed_bytes(unsigned)).hex()})

    def is_signed(self) -> bool:
        """Return whether the signature is valid for the signer."""
        if self.signature is None or self.signer is None:
            return False
        unsigned = self.model_copy(update={"signature": None})
        return is_signed_by(self.signer, signed_bytes(unsigned), self.signature)


def signed_bytes(unsigned: AuditEntry) -> bytes:
    """Return the signed message: the line without signature."""
    return message("audit", unsigned.encode())


class Audit:
    """Appends to the audit file. Thread-safe; the daemon's lock admits one process at a time."""

    def __init__(self, path: Path, signer: Signer) -> None:
        self._path = path
        self._signer = signer
        self._guard = threading.Lock()
        self._waiting: deque[AuditEntry] = deque(maxlen=_MAX_BUFFERED)
        self._descriptor = -1
        self._closed = False
        self._size = 0
        self._previous = FIRST
        self._open()

    def record(self, event: AuditEvent, *, task: int, epoch: int | None = None, detail: str = "") -> None:
        """Append a line. On a disk error raise nothing: buffer the entry and write it before the next one."""
        with self._guard:
            self._check_file()
            self._queue(event, task=task, epoch=epoch, detail=detail)

    def check_file(self) -> None:
        """Log when the file was moved, replaced or truncated while the daemon runs."""
        with self._guard:
            self._check_file()

    def close(self) -> None:
        """Close the file; entries recorded afterwards are discarded."""
        with self._guard:
            self._closed = True
            self._drop()

    def _drop(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def _open(self) -> None:
        private_folder(self._path.parent)
        private_file(self._path)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        last = self._truncate_torn_line()
        self._size = os.fstat(self._descriptor).st_size
        self._previous = hashlib.sha256(last).hexdigest() if last else FIRST
        if last and b'"signature":' not in last:
            self._queue(AuditEvent.SIGNING_BEGINS, detail="the lines before this one are not signed")

    def _queue(self, event: AuditEvent, *, task: int | None = None, epoch: int | None = None, detail: str = "") -> None:
        now = time.time_ns() // 1_000_000
        self._waiting.append(AuditEntry(at=now, deed=event, task=task, epoch=epoch, detail=detail[:1000], previous=""))
        try:
            while self._waiting:
                next_one = self._waiting[0].model_copy(update={"previous": self._previous})
                self._append(next_one.signed_by(self._signer).encode())
                self._waiting.popleft()
        except OSError as error:
            log.error("audit_write_failed", reason=str(error), lines=len(self._waiting), remedy="free some disk")

    def _check_file(self) -> None:
        if self._closed:
            return
        try:
            own = os.fstat(self._descriptor)
            there = os.path.samestat(self._path.stat(), own)
        except OSError:
            there = False
        if not there:
            self._reopen()
        elif own.st_size != self._size:
            log.error(
                "audit_changed",
                file=str(self._path),
                reason=f"it has {own.st_size} bytes, {self._size} were written",
                remedy="compare it with a backup: 'node-runtime audit' fails from there on",
            )
            self._size = own.st_size

    def _reopen(self) -> None:
        before = self._previous
        if self._descriptor >= 0:  # else it was logged before
            log.error(
                "audit_moved",
                file=str(self._path),
                reason="it was moved away or replaced while the daemon runs",
                remedy="put the old file beside it: the new one names the digest of its last line",
            )
        self._drop()
        try:
            self._open()
        except (OSError, NodeRuntimeError):
            self._previous = before  # retried at the next check; entries stay buffered
            return
        self._queue(AuditEvent.FILE_MOVED, detail=f"the last line of the file before has the digest {before}")

    def _append(self, line: bytes) -> None:
        """Append the whole line or nothing. Raises `OSError`."""
        end = os.fstat(self._descriptor).st_size
        try:
            written = os.write(self._descriptor, line)
            if written < len(line):
                raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes of the audit line were written")
            os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, end)
            raise
        self._size = end + len(line)
        self._previous = hashlib.sha256(line).hexdigest()

    def _truncate_torn_line(self) -> bytes:
        """Truncate a last line torn by a power cut, which was never acknowledged; return the last whole line or b""."""
        size = os.fstat(self._descriptor).st_size
        start = max(0, size - _TAIL)
        tail = os.pread(self._descriptor, size - start, start)
        whole = tail[: tail.rfind(b"\n") + 1]
        if len(whole) < len(tail):
            os.ftruncate(self._descriptor, start + len(whole))
        lines = whole.splitlines(keepends=True)
        return lines[-1] if lines else b""
