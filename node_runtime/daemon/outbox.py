"""What still has to reach storage and chain: a durable box of parcels, one an attempt, that outlives the process.

A parcel goes packed → uploaded → sent → forgotten. Every step may be repeated, so after a `kill -9` between any two of
them delivery goes on from the step that was written down. A sent result stays listed until its review is over, because
only then is it known whether it was paid.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter

from node_runtime.errors import FailureCategory, HostError
from node_runtime.storage.database import open_database
from node_runtime.task import Account, Assignment, Digest, Result, Submission, SubmissionId, TaskId
from node_runtime.workspace import AttemptId


class Step(StrEnum):
    PACKED = "packed"
    UPLOADED = "uploaded"
    SENT = "sent"


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A folder or file that must be in storage, under the digest it had when it was packed."""

    path: Path
    digest: Digest


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """What one attempt brings: a result, or a failure's category and log. ``due`` in ms, ``reward`` in base units."""

    task: TaskId
    epoch: int
    worker: Account
    due: int
    reward: int
    log: Digest
    uploads: tuple[Upload, ...] = ()
    result: Result | None = None
    category: FailureCategory | None = None
    message: str = ""
    step: Step = Step.PACKED
    submission: SubmissionId | None = None

    @property
    def attempt(self) -> AttemptId:
        return AttemptId(task=self.task, epoch=self.epoch)


_BODY: TypeAdapter[Parcel] = TypeAdapter(Parcel)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS parcels (task INTEGER, epoch INTEGER, step TEXT, body BLOB, PRIMARY KEY (task, epoch));
CREATE TABLE IF NOT EXISTS claims (task INTEGER PRIMARY KEY, due INTEGER);
"""


def is_of(parcel: Parcel, hold: Assignment) -> bool:
    """Whether the parcel comes from just this attempt: a chain that began anew gives the same numbers once more."""
    return (parcel.attempt, parcel.due) == (AttemptId(task=hold.task, epoch=hold.epoch), hold.due)


def is_from(submission: Submission, parcel: Parcel) -> bool:
    """Whether the submission is what this parcel brought, not one of the same number on a chain that began anew."""
    sent = parcel.result
    return submission.id == parcel.submission and sent is not None and submission.result.digest == sent.digest


class Outbox:
    """Safe to share between threads. A change is on disk when its call returns; else it raises `HostError`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        self._guard = threading.Lock()
        with self._open():
            # a parcel is money: it survives a power cut too
            self._database = open_database(path, synchronous="FULL", schema=_SCHEMA)

    def pack(self, parcel: Parcel) -> None:
        """Add a parcel; one that is there already for this attempt stays as it is."""
        row = (parcel.task, parcel.epoch, parcel.step, _BODY.dump_json(parcel))
        with self._open():
            self._database.execute("INSERT OR IGNORE INTO parcels VALUES (?, ?, ?, ?)", row)

    def uploaded(self, parcel: Parcel) -> Parcel:
        return self._save(replace(parcel, step=Step.UPLOADED))

    def sent(self, parcel: Parcel, submission: SubmissionId) -> Parcel:
        return self._save(replace(parcel, step=Step.SENT, submission=submission, uploads=()))

    def forget(self, parcel: Parcel) -> None:
        with self._open():
            self._database.execute("DELETE FROM parcels WHERE task = ? AND epoch = ?", (parcel.task, parcel.epoch))

    def claim(self, task: TaskId) -> None:
        """Note that the task is about to be claimed from here: another daemon with the key may claim others."""
        with self._open():
            self._database.execute("INSERT OR REPLACE INTO claims VALUES (?, NULL)", (task,))

    def claimed(self, hold: Assignment) -> bool:
        """Note the hold as this node's; False when it was noted before."""
        known = self.claims()
        if known.get(hold.task) == hold.due:
            return False
        with self._open():
            self._database.execute("INSERT OR REPLACE INTO claims VALUES (?, ?)", (hold.task, hold.due))
        return True

    def unclaim(self, task: TaskId) -> None:
        with self._open():
            self._database.execute("DELETE FROM claims WHERE task = ?", (task,))

    def claims(self) -> dict[TaskId, int | None]:
        """The due of each hold that was claimed from here, None where the chain's answer wasn't noted."""
        with self._open():
            rows = self._database.execute("SELECT task, due FROM claims").fetchall()
        return {TaskId(task): due for task, due in rows}

    def find(self, attempt: AttemptId) -> Parcel | None:
        return next(iter(self._read("WHERE task = ? AND epoch = ?", attempt.task, attempt.epoch)), None)

    def undelivered(self) -> tuple[Parcel, ...]:
        """What is not on chain yet, oldest task first."""
        return self._read("WHERE step != ? ORDER BY task, epoch", Step.SENT)

    def undecided(self) -> tuple[Parcel, ...]:
        """Results on chain whose review isn't known to be over."""
        return self._read("WHERE step = ? ORDER BY task, epoch", Step.SENT)

    def close(self) -> None:
        self._database.close()

    def _save(self, parcel: Parcel) -> Parcel:
        row = (parcel.task, parcel.epoch, parcel.step, _BODY.dump_json(parcel))
        with self._open():
            self._database.execute("INSERT OR REPLACE INTO parcels VALUES (?, ?, ?, ?)", row)
        return parcel

    def _read(self, where: str, *values: object) -> tuple[Parcel, ...]:
        with self._open():
            rows = self._database.execute(f"SELECT body FROM parcels {where}", values).fetchall()
        return tuple(_BODY.validate_json(body) for (body,) in rows)

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._guard:
            try:
                yield
            except sqlite3.Error as error:
                raise HostError(
                    f"{self._path}: the outbox can't be used: {error}",
                    remedy="free some disk or restore the file from a backup: it holds unsent results",
                ) from error
