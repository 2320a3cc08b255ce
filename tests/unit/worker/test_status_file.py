"""The status file is bounded, versioned, written on a change only, and never in the daemon's way."""

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from node_runtime.domain.assets import Account
from node_runtime.domain.task import TaskId
from node_runtime.errors import HostError
from node_runtime.worker.reasons import Reason
from node_runtime.worker.status_file import (
    MOST_MESSAGE,
    MOST_REFUSED,
    STATUS_FILE,
    NodeState,
    Obstacle,
    Refused,
    StatusFile,
    Working,
)

ACCOUNT = Account("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")


def refused(task: int, message: str = "policy.kinds doesn't name training") -> Refused:
    return Refused(task=TaskId(task), reason=Reason.KIND, message=message, since=1000 + task)


def state(*refusals: Refused) -> NodeState:
    return NodeState(chain="0" * 12, account=ACCOUNT, refused=refusals)


def test_what_was_written_is_read_again_and_says_its_version(tmp_path: Path) -> None:
    told = NodeState(
        chain="0" * 12,
        account=ACCOUNT,
        obstacles=(Obstacle(reason="engine_unable", message="it hangs", remedy="see its log", since=5),),
        refused=(refused(3),),
        working=(Working(task=TaskId(4), epoch=1, step="run_train", since=1, due=9, cpus=0.5, memory=64, disk=128),),
    )
    StatusFile(tmp_path).write(told)
    assert StatusFile(tmp_path).read() == told
    assert json.loads((tmp_path / STATUS_FILE).read_text())["version"] == 1
    assert (tmp_path / STATUS_FILE).stat().st_mode & 0o077 == 0


def test_the_newest_refusals_are_kept_and_the_others_counted(tmp_path: Path) -> None:
    StatusFile(tmp_path).write(state(*(refused(number, "x" * 10_000) for number in range(MOST_REFUSED + 7))))
    found = StatusFile(tmp_path).read()
    assert found is not None
    assert [one.task for one in found.refused] == list(range(7, MOST_REFUSED + 7))
    assert found.left_out == 7
    assert {len(one.message) for one in found.refused} == {MOST_MESSAGE}


def test_an_unchanged_state_is_not_written_again(tmp_path: Path) -> None:
    file = StatusFile(tmp_path)
    file.write(state(refused(3)))
    (tmp_path / STATUS_FILE).unlink()
    file.write(state(refused(3)))
    assert file.read() is None
    file.write(state(refused(3), refused(4)))
    assert file.read() is not None


def test_a_file_that_can_not_be_written_is_logged_once_and_written_later(tmp_path: Path) -> None:
    file = StatusFile(tmp_path / "work")
    with capture_logs() as said:
        file.write(state(refused(3)))
        file.write(state(refused(3)))
    assert [one["event"] for one in said] == ["status_not_written"]
    (tmp_path / "work").mkdir()
    file.write(state(refused(3)))
    assert file.read() == state(refused(3))


@pytest.mark.parametrize("content", ["{", '{"version": 1}', '["version"]'])
def test_a_damaged_file_is_refused_with_a_remedy(tmp_path: Path, content: str) -> None:
    (tmp_path / STATUS_FILE).write_text(content)
    with pytest.raises(HostError, match=r"is damaged; remove it: the daemon writes a new one"):
        StatusFile(tmp_path).read()


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / STATUS_FILE).write_text('{"version": 99}')
    with pytest.raises(HostError, match=r"the status of a node has version 99, which a newer release wrote"):
        StatusFile(tmp_path).read()
