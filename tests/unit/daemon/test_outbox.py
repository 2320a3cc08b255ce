"""Does the outbox keep a parcel through everything until it is delivered?"""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from node_runtime.daemon.outbox import Outbox, Parcel, Step, Upload, is_of
from node_runtime.errors import FailureCategory, HostError
from node_runtime.task import Account, Assignment, AssignmentState, Digest, Output, Result, SubmissionId, TaskId
from tests.background import all_at_once

RESULT = Result(
    digest=Digest("a" * 64), outputs=(Output(name="model", digest=Digest("b" * 64)),), uri="cas:", perf=-970_000
)


def parcel(task: int, *, epoch: int = 1) -> Parcel:
    return Parcel(
        task=TaskId(task),
        epoch=epoch,
        worker=Account("5Bob"),
        due=10**15,
        reward=10**13,
        log=Digest("c" * 64),
        uploads=(Upload(path=Path("/outputs/model"), digest=Digest("b" * 64)),),
        result=RESULT,
    )


def test_a_parcel_comes_back_whole_at_each_step_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    packed = parcel(7)
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


def test_packing_again_keeps_what_was_packed_first(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "outbox.sqlite")
    first = parcel(1)
    box.pack(first)
    box.uploaded(first)
    second = Parcel(
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


def test_a_parcel_survives_the_process_being_killed_right_after_packing(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    script = (
        "import os, sys; from pathlib import Path; from node_runtime.daemon.outbox import *; "
        "from node_runtime.errors import FailureCategory; "
        "Outbox(Path(sys.argv[1])).pack(Parcel(task=9, epoch=2, worker='5Bob', due=1, reward=1, log='c'*64, "
        "category=FailureCategory.TIMEOUT)); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(path)], check=False, env=os.environ)
    assert ended.returncode == -signal.SIGKILL
    (kept,) = Outbox(path).undelivered()
    assert (kept.task, kept.epoch, kept.category) == (9, 2, FailureCategory.TIMEOUT)


def test_threads_pack_side_by_side(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "outbox.sqlite")
    all_at_once(partial(box.pack, parcel(task)) for task in range(1, 21))
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
        box.claim(TaskId(task))
    assert box.claimed(hold(1, due=70))
    assert not box.claimed(hold(1, due=70))
    box.unclaim(TaskId(3))
    box.close()
    assert Outbox(tmp_path / "outbox.sqlite").claims() == {1: 70, 2: None}


def test_a_parcel_of_an_earlier_chain_is_not_that_of_the_same_numbers_on_a_new_one() -> None:
    old = parcel(7)
    assert is_of(old, hold(7, due=old.due))
    assert not is_of(old, hold(7, due=old.due + 1))
    assert not is_of(old, hold(8, due=old.due))
