"""What a reader of the live channel takes for a node's, and what it leaves out."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.creator.live import LiveLog, newest_chunk
from node_runtime.domain.live import MOST_BYTES, MOST_NUMBERS, live_prefix
from node_runtime.domain.task import TaskId
from node_runtime.runner.live_chunk import Chunk
from node_runtime.stores.memory import MemoryLive
from tests.unit.worker.live_desk import ATTEMPT, BOB, DUE, EVE, GENESIS, HELD, SINCE, Desk, chunk

FORGED: dict[str, Chunk] = {
    "signed by another key": chunk(key=EVE),
    "unsigned": chunk().model_copy(update={"signature": None}),
    "changed": chunk().model_copy(update={"text": "never printed"}),
    "of another chain": chunk(genesis="0x" + "cd" * 32),
    "of another attempt": chunk(epoch=1),
    "of another task": chunk(task=TaskId(8)),
    "of another number": chunk(1),
    "before the attempt": chunk(began=SINCE - 1),
    "after the attempt": chunk(began=DUE + 1),
    "of a newer version": chunk(version=2),
    "a signature's scheme alone": chunk().model_copy(update={"signature": "01"}),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_chunks_that_are_not_the_workers_are_left_out(forged: Chunk) -> None:
    area = MemoryLive()
    area.put(str(chunk().name), chunk().encode())
    assert newest_chunk(area, HELD, GENESIS) is not None
    area.put(str(chunk().name), forged.encode())
    assert newest_chunk(area, HELD, GENESIS) is None
    assert LiveLog(area, HELD, GENESIS).read() == ()


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[]", b"{}", b"null", b"[" * 60_000, b'{"text":' * 5_000, b"x" * MOST_BYTES]
)
def test_what_is_no_chunk_is_left_out(content: bytes) -> None:
    area = MemoryLive()
    area.put(str(chunk().name), content)
    assert newest_chunk(area, HELD, GENESIS) is None


def test_another_spelling_of_a_chunk_is_left_out() -> None:
    area = MemoryLive()
    area.put(str(chunk().name), json.dumps(json.loads(chunk().encode()), indent=1).encode())
    assert newest_chunk(area, HELD, GENESIS) is None


def test_numbers_out_of_range_and_after_a_gap_are_left_out() -> None:
    area = MemoryLive()
    prefix = live_prefix(BOB.account, ATTEMPT.task, ATTEMPT.epoch)
    area.put(f"{prefix}{MOST_NUMBERS}", b"x")
    for number in (0, 1, 3):
        area.put(f"{prefix}{number}", chunk(number, text=f"{number}\n").encode())
    assert [stage.text for stage in LiveLog(area, HELD, GENESIS).read()] == ["0\n1\n"]
    newest = newest_chunk(area, HELD, GENESIS)
    assert newest is not None
    assert newest.number == 3


def test_a_reader_follows_a_node_that_was_restarted(tmp_path: Path) -> None:
    desk = Desk(folder=tmp_path)
    log = LiveLog(desk.area, HELD, GENESIS)
    for number, text in enumerate(("a\n", "b\n", "c\n")):
        desk.area.put(str(chunk(number).name), chunk(number, text=text).encode())
    assert [stage.text for stage in log.read()] == ["a\nb\nc\n"]
    for number, text in enumerate(("a\nb\n", "c\n", "d\n")):
        desk.area.put(str(chunk(number).name), chunk(number, text=text).encode())
    assert [stage.text for stage in log.read()] == ["a\nb\nc\nd\n"]


def test_storage_that_fails_leaves_the_chains_times(tmp_path: Path) -> None:
    desk = Desk(folder=tmp_path)
    desk.area.trouble = True
    assert newest_chunk(desk.area, replace(HELD), GENESIS) is None
