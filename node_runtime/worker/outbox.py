"""The outbox: a durable queue in SQLite, with one delivery per attempt and the node's claims.

A delivery goes packed → uploaded → sent → forgotten. Every step is idempotent: after a `kill -9` between two of them
the next process continues from the recorded step. A sent result stays listed until its review ends, which decides
its payment.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

from node_runtime.domain.assets import Account, Digest, SubmissionId
from node_runtime.domain.clock import boot_id
from node_runtime.domain.task import Assignment, Result, Submission, TaskId
from node_runtime.errors import FailureCategory, HostError
from node_runtime.platform.files import private_folder
from node_runtime.platform.stored_format import DatabaseStep, StoredFormat, open_database, statements
from node_runtime.runner.workspace import AttemptId

log = structlog.get_logger()


class Step(StrEnum):
    PACKED = "packed"
    UPLOADED = "uploaded"
    SENT = "sent"


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A folder or file to upload, with the digest it had when it was packed.

    ``empty_folders``: whether the digest is of a tree with its empty folders; earlier releases left them out.
    """

    path: Path
    digest: Digest
    empty_folders: bool = True


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One attempt's result, or its failure's category and log. ``due`` in ms, ``reward`` in base units."""

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


class _OldBody(BaseModel):
    """The parts of a delivery of any version that migrations read."""

    model_config = ConfigDict(extra="allow")

    result: dict[str, JsonValue] | None
    uploads: list[dict[str, JsonValue]] = []


def _each_body(change: Callable[[_OldBody], None]) -> DatabaseStep:
    """Return the step that changes every delivery; unreadable rows stay as they are."""

    def step(database: sqlite3.Connection) -> None:
        for task, epoch, body in database.execute("SELECT task, epoch, body FROM parcels").fetchall():
            with suppress(ValidationError):
                old = _OldBody.model_validate_json(body)
                change(old)
                row = (old.model_dump_json(exclude_unset=True).encode(), task, epoch)
                database.execute("UPDATE parcels SET body = ? WHERE task = ? AND epoch = ?", row)

    return step


def _name_the_score(old: _OldBody) -> None:
    """Migrate a score in millionths to a list of named numbers."""
    if old.result is not None:
        millionths = old.result.pop("perf", None)
        old.result["perfs"] = [_score(millionths)] if isinstance(millionths, int) else []


def _without_empty_folders(old: _OldBody) -> None:
    """Mark what was packed when empty folders weren't part of a tree: its digest is on the way to the chain."""
    for upload in old.uploads:
        upload["empty_folders"] = False


def _score(millionths: int) -> dict[str, JsonValue]:
    return {"name": "all", "value": str(Decimal(millionths).scaleb(-6))}


_BODY: TypeAdapter[Delivery] = TypeAdapter(Delivery)
FORMAT = StoredFormat(
    name="the outbox",
    remedy="run that release again: the outbox may hold results that are not paid yet",
    steps=(
        statements(
            "CREATE TABLE IF NOT EXISTS parcels"
            " (task INTEGER, epoch INTEGER, step TEXT, body BLOB, PRIMARY KEY (task, epoch))",
            "CREATE TABLE IF NOT EXISTS claims (task INTEGER PRIMARY KEY, due INTEGER)",
            "CREATE TABLE damaged (task INTEGER, epoch INTEGER, step TEXT, body BLOB, found INTEGER)",
        ),
        statements("CREATE TABLE sendings (task INTEGER PRIMARY KEY, steady INTEGER, boot TEXT)"),
        _each_body(_name_the_score),
        _each_body(_without_empty_folders),
    ),
)


def is_of(delivery: Delivery, assignment: Assignment) -> bool:
    """Return whether the delivery is of this attempt; a chain that was reset reuses task numbers and epochs."""
    return (delivery.attempt, delivery.due) == (AttemptId(task=assignment.task, epoch=assignment.epoch), assignment.due)


def is_from(submission: Submission, delivery: Delivery) -> bool:
    """Return whether the submission is of this delivery; a chain that was reset reuses submission numbers."""
    sent = delivery.result
    return submission.id == delivery.submission and sent is not None and submission.result.digest == sent.digest


class Outbox:
    """Thread-safe. A change is on disk when its method returns; otherwise the method raises `HostError`.

    An unreadable delivery is logged and moved to the table ``damaged``; the others are delivered, and its attempt may
    be packed again. In the database a delivery is a row of ``parcels``.
    """

    def __init__(self, path: Path) -> None:
        private_folder(path.parent)
        self._path = path
        self._guard = threading.Lock()
        with self._open():
            # a delivery is worth its reward: it has to survive a power cut
            self._database = open_database(path, synchronous="FULL", stored=FORMAT)
            kept = self._database.execute("SELECT task, epoch FROM damaged ORDER BY task, epoch").fetchall()
        if kept:
            attempts = ", ".join(str(AttemptId(task=TaskId(task), epoch=epoch)) for task, epoch in kept)
            log.warning("damaged_deliveries_kept", attempts=attempts, remedy=f"see the table 'damaged' of {path}")

    def pack(self, delivery: Delivery) -> None:
        """Add a delivery; keep the one that is already there for this attempt."""
        row = (delivery.task, delivery.epoch, delivery.step, _BODY.dump_json(delivery))
        with self._open():
            self._database.execute("INSERT OR IGNORE INTO parcels VALUES (?, ?, ?, ?)", row)

    def uploaded(self, delivery: Delivery) -> Delivery:
        return self._save(replace(delivery, step=Step.UPLOADED))

    def sent(self, delivery: Delivery, submission: SubmissionId) -> Delivery:
        return self._save(replace(delivery, step=Step.SENT, submission=submission, uploads=()))

    def forget(self, delivery: Delivery) -> None:
        with self._open():
            self._database.execute("DELETE FROM parcels WHERE task = ? AND epoch = ?", (delivery.task, delivery.epoch))

    def claim(self, task: TaskId, *, sent: int) -> None:
        """Record a claim before it is sent, which tells it from claims of another daemon with the same key.

        ``sent`` is on the steady clock, ms.
        """
        with self._open():
            self._database.execute("INSERT OR REPLACE INTO sendings VALUES (?, ?, ?)", (task, sent, boot_id()))
            self._database.execute("INSERT OR REPLACE INTO claims VALUES (?, NULL)", (task,))

    def claim_sent(self, task: TaskId) -> int | None:
        """Return when the claim was sent, on the steady clock in ms; None if before this machine's boot."""
        with self._open():
            found = self._database.execute("SELECT steady, boot FROM sendings WHERE task = ?", (task,)).fetchone()
        return found[0] if found is not None and found[1] == boot_id() else None

    def claimed(self, assignment: Assignment) -> bool:
        """Record the assignment as this node's; return False when it was recorded before."""
        known = self.claims()
        if known.get(assignment.task) == assignment.due:
            return False
        with self._open():
            self._database.execute("INSERT OR REPLACE INTO claims VALUES (?, ?)", (assignment.task, assignment.due))
        return True

    def unclaim(self, task: TaskId) -> None:
        with self._open():
            self._database.execute("DELETE FROM claims WHERE task = ?", (task,))
            self._database.execute("DELETE FROM sendings WHERE task = ?", (task,))

    def claims(self) -> dict[TaskId, int | None]:
        """Return the due of each assignment claimed from here, None where the chain's answer wasn't recorded."""
        with self._open():
            rows = self._database.execute("SELECT task, due FROM claims").fetchall()
        return {TaskId(task): due for task, due in rows}

    def find(self, attempt: AttemptId) -> Delivery | None:
        return next(iter(self._read("WHERE task = ? AND epoch = ?", attempt.task, attempt.epoch)), None)

    def undelivered(self) -> tuple[Delivery, ...]:
        """Return the deliveries that are not on chain yet, oldest task first."""
        return self._read("WHERE step != ? ORDER BY task, epoch", Step.SENT)

    def undecided(self) -> tuple[Delivery, ...]:
        """Return the submitted results whose review isn't known to have ended."""
        return self._read("WHERE step = ? ORDER BY task, epoch", Step.SENT)

    def counts(self) -> dict[Step, int]:
        """Return how many deliveries are at each step."""
        with self._open():
            rows = self._database.execute("SELECT step, COUNT(*) FROM parcels GROUP BY step").fetchall()
        return {step: dict(rows).get(step, 0) for step in Step}

    def close(self) -> None:
        """Close the file once the statement of another thread has ended; SQLite would crash under it."""
        with self._guard:
            self._database.close()

    def _save(self, delivery: Delivery) -> Delivery:
        row = (delivery.task, delivery.epoch, delivery.step, _BODY.dump_json(delivery))
        with self._open():
            self._database.execute("INSERT OR REPLACE INTO parcels VALUES (?, ?, ?, ?)", row)
        return delivery

    def _read(self, where: str, *values: object) -> tuple[Delivery, ...]:
        with self._open():
            rows = self._database.execute(f"SELECT task, epoch, body FROM parcels {where}", values).fetchall()
        found = (self._decode(AttemptId(task=TaskId(task), epoch=epoch), body) for task, epoch, body in rows)
        return tuple(delivery for delivery in found if delivery is not None)

    def _decode(self, attempt: AttemptId, body: bytes) -> Delivery | None:
        try:
            return self._here(_BODY.validate_json(body))
        except ValidationError as error:
            self._set_aside(attempt)
            first = error.errors(include_url=False)[0]
            log.error(
                "delivery_damaged",
                task=attempt.task,
                epoch=attempt.epoch,
                reason=f"{'.'.join(map(str, first['loc'])) or 'its text'}: {first['msg']}",
                remedy=f"it is kept in the table 'damaged' of {self._path}; the other results are delivered",
            )
            return None

    def _here(self, delivery: Delivery) -> Delivery:
        """Return the delivery with its files where they are now: the work folder may have been moved, or restored."""
        uploads = tuple(replace(one, path=self._moved(one.path, str(delivery.attempt))) for one in delivery.uploads)
        return replace(delivery, uploads=uploads)

    def _moved(self, path: Path, attempt: str) -> Path:
        """Return the path of an attempt's file below the present work folder."""
        work = self._path.parent
        if path.is_relative_to(work) or attempt not in path.parts[1:]:
            return path
        return work.joinpath(*path.parts[path.parts.index(attempt) - 1 :])

    def _set_aside(self, attempt: AttemptId) -> None:
        which, now = (attempt.task, attempt.epoch), time.time_ns() // 1_000_000
        move = "INSERT INTO damaged SELECT task, epoch, step, body, ? FROM parcels WHERE task = ? AND epoch = ?"
        with self._open():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.execute(move, (now, *which))
                self._database.execute("DELETE FROM parcels WHERE task = ? AND epoch = ?", which)
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

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
