"""What a node tells of its attempts in the live channel."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from node_runtime.creator.live import newest_chunk
from node_runtime.domain.live import MOST_BYTES, MOST_NUMBERS, ChunkName
from node_runtime.domain.task import TaskId
from node_runtime.runner.live_chunk import MOST_TEXT
from node_runtime.runner.workspace import AttemptId
from tests.unit.worker.live_desk import ATTEMPT, BOB, EVE, GENESIS, HELD, SINCE, Desk, chunk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(folder=tmp_path)


def test_a_stage_is_told_when_it_begins_and_its_log_as_it_grows(desk: Desk) -> None:
    desk.begin()
    log = desk.stage("train", began=SINCE + 5)
    desk.channel.publish()
    assert desk.told() == [("train", "")]
    log.write_text("epoch 1\nepo")
    desk.channel.publish()
    assert desk.told() == [("train", "epoch 1\nepo")]
    log.write_text("epoch 1\nepoch 2\n")
    desk.channel.publish()
    assert desk.told() == [("train", "epoch 1\nepoch 2\n")]
    newest = newest_chunk(desk.area, HELD, GENESIS)
    assert newest is not None
    assert (newest.stage, newest.began) == ("train", SINCE + 5)


def test_nothing_is_written_while_nothing_is_new(desk: Desk) -> None:
    desk.begin()
    desk.stage("train").write_text("epoch 1\n")
    desk.channel.publish()
    puts = desk.area.puts
    desk.channel.publish()
    assert desk.area.puts == puts


def test_stages_are_told_in_order_each_with_the_rest_of_its_log(desk: Desk) -> None:
    desk.begin()
    desk.stage("inputs")
    desk.stage("train-image").write_text("built\n")
    desk.stage("train").write_text("epoch 1\n")
    desk.channel.publish()
    (desk.folder / "train.log").write_text("epoch 1\nepoch 2\n")
    desk.channel.stage(ATTEMPT, "outputs", began=SINCE)
    desk.channel.publish()
    assert desk.told() == [("train-image", "built\n"), ("train", "epoch 1\nepoch 2\n"), ("outputs", "")]


def test_of_private_data_the_stage_is_told_and_no_text(desk: Desk) -> None:
    desk.begin(shows_logs=False)
    desk.stage("train").write_text("a secret\n")
    desk.channel.publish()
    assert desk.told() == [("train", "")]
    assert not any(b"secret" in content for content in desk.area._objects.values())


def test_whether_logs_may_leave_is_asked_when_there_is_one(desk: Desk) -> None:
    public = [True]
    desk.channel.begin(ATTEMPT, shows_logs=lambda: public[0])
    desk.channel.stage(ATTEMPT, "inputs", began=SINCE)
    desk.channel.publish()
    public[0] = False  # what it saw since is private
    desk.stage("train").write_text("a secret\n")
    desk.channel.publish()
    assert desk.told()[-1] == ("train", "")
    assert not any(b"secret" in content for content in desk.area._objects.values())


def test_whether_a_log_may_leave_is_asked_again_where_the_answer_failed(desk: Desk) -> None:
    answers: Iterator[Callable[[], bool]] = iter([lambda: 1 // 0 == 0, lambda: False])
    desk.channel.begin(ATTEMPT, shows_logs=lambda: next(answers)())
    desk.stage("train").write_text("a secret\n")
    with capture_logs():
        assert not desk.channel.publish()
    assert desk.told() == []
    assert desk.channel.publish()
    assert desk.told() == [("train", "")]


def test_chunks_are_bounded_each_and_all_of_a_stage(desk: Desk) -> None:
    desk.begin()
    desk.stage("train").write_bytes(b"\x07\xff\n" * MOST_TEXT)
    desk.channel.publish()
    assert max(map(len, desk.area._objects.values())) <= MOST_BYTES
    ((_, text),) = desk.told()
    assert text == (b"\x07\xff\n" * MOST_TEXT)[:MOST_TEXT].decode(errors="replace")


def test_a_character_that_is_written_in_two_parts_stays_whole(desk: Desk) -> None:
    desk.begin()
    log, word = desk.stage("train"), "größer\n".encode()
    log.write_bytes(word[:3])
    desk.channel.publish()
    log.write_bytes(word)
    desk.channel.publish()
    assert desk.told() == [("train", "größer\n")]


def test_a_log_that_begins_anew_is_told_as_another_run(desk: Desk) -> None:
    desk.begin()
    log = desk.stage("train")
    log.write_text("first run, to its end\n")
    desk.channel.publish()
    log.write_text("second\n")
    desk.channel.publish()
    assert desk.told() == [("train", "first run, to its end\n"), ("train", "second\n")]


def test_an_attempt_of_many_stages_ends_with_the_newest_stage_without_text(desk: Desk) -> None:
    desk.begin()
    for number in range(MOST_NUMBERS + 3):
        desk.stage(f"stage{number}").write_text("x")
    desk.channel.publish()
    assert len(desk.names()) == MOST_NUMBERS
    newest = newest_chunk(desk.area, HELD, GENESIS)
    assert newest is not None
    assert (newest.stage, newest.text) == (f"stage{MOST_NUMBERS + 2}", "")


def test_nothing_is_left_of_an_attempt_that_ended(desk: Desk) -> None:
    desk.begin()
    desk.stage("train")
    desk.channel.publish()
    desk.channel.end(ATTEMPT)
    desk.channel.stage(ATTEMPT, "upload", began=SINCE)
    desk.channel.publish()
    assert desk.names() == ()


def test_after_a_restart_the_log_is_told_from_its_beginning(desk: Desk) -> None:
    desk.begin()
    desk.stage("inputs")
    desk.channel.publish()
    desk.stage("train").write_text("epoch 1\n")
    desk.channel.publish()
    desk.restart()
    desk.begin()
    desk.stage("train")
    desk.channel.publish()
    assert desk.told() == [("train", "epoch 1\n")]


def test_what_earlier_processes_left_is_removed_but_live_attempts_and_other_workers(desk: Desk) -> None:
    other = str(ChunkName(worker=EVE.account, task=TaskId(1), epoch=1, number=0))
    kept = ChunkName(worker=BOB.account, task=TaskId(8), epoch=1, number=0)
    for name in (other, str(kept), str(chunk().name)):
        desk.area.put(name, b"x")
    desk.channel.sweep({AttemptId(task=kept.task, epoch=kept.epoch)})
    desk.channel.publish()
    assert set(desk.names()) == {other, str(kept)}


def test_failing_storage_is_logged_seldom_and_nothing_is_lost(desk: Desk) -> None:
    desk.begin()
    desk.stage("train").write_text("epoch 1\n")
    desk.area.trouble = True
    with capture_logs() as events:
        assert [desk.channel.publish() for _ in range(9)] == [False] * 9
        desk.area.trouble = False
        assert desk.channel.publish()
    assert [one["event"] for one in events] == ["live_channel_unavailable"] * 4 + ["errors_cleared"]
    assert desk.told() == [("train", "epoch 1\n")]
    desk.channel.end(ATTEMPT)
    desk.area.trouble = True
    with capture_logs():
        desk.channel.publish()
    desk.area.trouble = False
    desk.channel.publish()
    assert desk.names() == ()
