"""The outbox keeps each delivery across crashes, damage and errors until it is delivered."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from node_runtime.domain.assets import Account, Digest, SubmissionId
from node_runtime.domain.task import Assignment, AssignmentState, Output, Perf, Result, TaskId
from node_runtime.errors import FailureCategory, HostError
from node_runtime.platform.stored_format import open_database
from node_runtime.stores.memory import MemoryStore
from node_runtime.stores.tree.manifest import manifest
from node_runtime.stores.tree.walk import manifest_of
from node_runtime.worker.delivery import put_upload
from node_runtime.worker.outbox import FORMAT, Delivery, Outbox, Step, Upload, is_of
from tests.background import LIMIT, all_at_once, in_background

RESULT = Result(
    digest=Digest("a" * 64),
    outputs=(Output(name="model", digest=Digest("b" * 64)),),
    uri="cas:",
    perfs=(Perf(name="all", value=Decimal("-0.97")),),
)


def delivery_of(task: int, *, epoch: int = 1) -> Delivery:
    return Delivery(
        task=TaskId(task),
        epoch=epoch,
        worker=Account("5Bob"),
        due=10**15,
        reward=10**13,
        log=Digest("c" * 64),
        uploads=(Upload(path=Path("/outputs/model"), digest=Digest("b" * 64)),),
        result=RESULT,
    )


def test_a_delivery_is_restored_at_each_step_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    packed = delivery_of(7)
    box = Outbox(path)
    box.pack(packed)
    box.close()

    box = Outbox(path)
    assert box.undelivered() == (packed,)
    uploaded = box.uploaded(packed)
    box.close()

    box = Outbox(path)
    assert box.undelivered() == (uploaded,)
    assert uploaded.step is Step.UPLOADED
    sent = box.sent(uploaded, SubmissionId(3))
    box.close()

    box = Outbox(path)
    assert box.undelivered() == ()
    assert box.undecided() == (sent,)
    box.forget(sent)
    assert box.undecided() == ()


def test_packing_again_keeps_the_first_delivery(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "outbox.sqlite")
    first = delivery_of(1)
    box.pack(first)
    box.uploaded(first)
    second = Delivery(
        task=first.task,
        epoch=first.epoch,
        worker=first.worker,
        due=first.due,
        reward=0,
        log=first.log,
        category=FailureCategory.NODE_ERROR,
    )
    box.pack(second)
    found = box.find(first.attempt)
    assert found is not None
    assert found.result == RESULT
    assert found.step is Step.UPLOADED
    assert box.find(replace(first, epoch=2).attempt) is None


def test_a_delivery_survives_a_kill_right_after_packing(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    script = (
        "import os, sys; from pathlib import Path; from node_runtime.worker.outbox import *; "
        "from node_runtime.errors import FailureCategory; "
        "Outbox(Path(sys.argv[1])).pack(Delivery(task=9, epoch=2, worker='5Bob', due=1, reward=1, log='c'*64, "
        "category=FailureCategory.TIMEOUT)); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(path)], check=False, env=os.environ)
    assert ended.returncode == -signal.SIGKILL
    (kept,) = Outbox(path).undelivered()
    assert (kept.task, kept.epoch, kept.category) == (9, 2, FailureCategory.TIMEOUT)


def test_threads_pack_side_by_side(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "outbox.sqlite")
    all_at_once(partial(box.pack, delivery_of(task)) for task in range(1, 21))
    assert [one.task for one in box.undelivered()] == list(range(1, 21))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(HostError, match=r"outbox\.sqlite: the outbox can't be used"):
        Outbox(path)


def hold(task: int, *, due: int) -> Assignment:
    return Assignment(
        task=TaskId(task), worker=Account("5Bob"), epoch=1, since=0, due=due, bond=1, state=AssignmentState.LIVE
    )


def test_claims_are_known_after_a_restart_with_their_answer_or_without(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "outbox.sqlite")
    for task in (1, 2, 3):
        box.claim(TaskId(task), sent=task * 1000)
    assert box.claimed(hold(1, due=70))
    assert not box.claimed(hold(1, due=70))
    box.unclaim(TaskId(3))
    box.close()
    again = Outbox(tmp_path / "outbox.sqlite")
    assert again.claims() == {1: 70, 2: None}
    assert [again.claim_sent(TaskId(task)) for task in (1, 2, 3)] == [1000, 2000, None]


def test_a_delivery_of_a_reset_chain_differs_from_one_with_the_same_numbers() -> None:
    old = delivery_of(7)
    assert is_of(old, hold(7, due=old.due))
    assert not is_of(old, hold(7, due=old.due + 1))
    assert not is_of(old, hold(8, due=old.due))


def test_a_box_that_knows_no_time_of_sending_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    before = replace(FORMAT, steps=FORMAT.steps[:1])
    with closing(open_database(path, synchronous="FULL", stored=before)) as database:
        database.execute("INSERT INTO claims VALUES (1, 70)")
    box = Outbox(path)
    assert box.claims() == {1: 70}
    assert box.claim_sent(TaskId(1)) is None
    box.claim(TaskId(2), sent=5)
    assert box.claim_sent(TaskId(2)) == 5
    box.close()


def test_a_score_in_millionths_becomes_the_first_of_several_named_numbers(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    new = Outbox(path)
    new.pack(delivery_of(7))
    new.close()
    with closing(sqlite3.connect(path)) as database, database:
        (body,) = database.execute("SELECT body FROM parcels").fetchone()
        content = json.loads(body)
        del content["result"]["perfs"]
        content["result"]["perf"] = -970_000
        database.execute("UPDATE parcels SET body = ?", (json.dumps(content).encode(),))
        database.execute("PRAGMA user_version = 2")
    again = Outbox(path)
    (taken_over,) = again.undelivered()
    again.close()
    assert taken_over == without_empty_folders(delivery_of(7))


def without_empty_folders(delivery: Delivery) -> Delivery:
    return replace(delivery, uploads=tuple(replace(one, empty_folders=False) for one in delivery.uploads))


def test_what_was_packed_when_empty_folders_were_left_out_is_uploaded_without_them(tmp_path: Path) -> None:
    path, outputs = tmp_path / "outbox.sqlite", tmp_path / "outputs"
    (outputs / "model" / "checkpoints" / "old").mkdir(parents=True)
    (outputs / "model" / "weights").write_text("1")
    before = manifest([entry for entry in manifest_of(outputs).entries if not entry.is_folder]).digest
    box = Outbox(path)
    box.pack(replace(delivery_of(7), uploads=(Upload(path=outputs, digest=before),)))
    box.close()
    with closing(sqlite3.connect(path)) as database, database:
        (body,) = database.execute("SELECT body FROM parcels").fetchone()
        old = json.loads(body)
        del old["uploads"][0]["empty_folders"]
        database.execute("UPDATE parcels SET body = ?", (json.dumps(old).encode(),))
        database.execute("PRAGMA user_version = 3")
    again = Outbox(path)
    (taken_over,) = again.undelivered()
    again.close()
    store = MemoryStore()
    put_upload(taken_over.uploads[0], store)
    store.fetch(before, tmp_path / "back")
    assert [one.name for one in (tmp_path / "back" / "model").iterdir()] == ["weights"]
    assert Upload(path=outputs, digest=before).empty_folders, "what is packed now counts them"


class Slow:
    """A database whose statements take until the test lets them end."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        self.reading, self.goes_on, self.closed_while_reading = threading.Event(), threading.Event(), False

    def execute(self, *statement: object) -> sqlite3.Cursor:
        self.reading.set()
        assert self.goes_on.wait(LIMIT)
        self.reading.clear()
        return self.database.execute(*statement)  # type: ignore[arg-type]

    def close(self) -> None:
        self.closed_while_reading = self.reading.is_set()
        self.database.close()


def test_a_box_is_closed_after_what_another_thread_reads(tmp_path: Path) -> None:
    """As when a daemon ends whose poll hung until then: SQLite crashes when it is closed under a statement."""
    box = Outbox(tmp_path / "outbox.sqlite")
    slow = Slow(box._database)
    box._database = slow  # type: ignore[assignment]
    read = in_background(box.undelivered)
    assert slow.reading.wait(LIMIT)
    closed = in_background(box.close)
    assert not closed.done()
    slow.goes_on.set()
    closed.result(LIMIT)
    assert read.result(LIMIT) == ()
    assert not slow.closed_while_reading
