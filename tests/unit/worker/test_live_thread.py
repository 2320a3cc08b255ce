"""The live channel's thread: it publishes at once, and a closed channel leaves no ended attempt."""

import threading
from pathlib import Path

from node_runtime.creator.live import newest_chunk
from node_runtime.stores.memory import MemoryLive
from node_runtime.worker.live import LiveChannel
from tests.background import LIMIT, in_background, wait_until
from tests.unit.worker.live_desk import ATTEMPT, BOB, GENESIS, HELD, SINCE


def test_the_thread_tells_at_once_and_closing_removes_what_ended(tmp_path: Path) -> None:
    area = MemoryLive()
    channel = LiveChannel(area, BOB, genesis=GENESIS, interval=3600.0)
    channel.begin(ATTEMPT, shows_logs=lambda: True)
    channel.stage(ATTEMPT, "train", began=SINCE, log=tmp_path / "train.log")
    wait_until(lambda: newest_chunk(area, HELD, GENESIS) is not None, "the stage to be told")
    channel.end(ATTEMPT)
    channel.close()
    assert area.list("live/") == ()


class HeldLive(MemoryLive):
    """Storage that writes an object only once ``go`` is set; ``writing`` is set when the first is to be written."""

    def __init__(self) -> None:
        super().__init__()
        self.writing, self.go = threading.Event(), threading.Event()

    def put(self, name: str, content: bytes) -> None:
        self.writing.set()
        assert self.go.wait(LIMIT)
        super().put(name, content)


def test_closing_removes_an_attempt_that_ended_while_its_stage_was_being_published(tmp_path: Path) -> None:
    area = HeldLive()
    channel = LiveChannel(area, BOB, genesis=GENESIS, interval=3600.0)
    channel.begin(ATTEMPT, shows_logs=lambda: True)
    channel.stage(ATTEMPT, "train", began=SINCE, log=tmp_path / "train.log")
    assert area.writing.wait(LIMIT)
    channel.end(ATTEMPT)
    closing = in_background(channel.close)
    wait_until(channel._closed.is_set, "the channel to be closing")
    area.go.set()
    closing.result(LIMIT)
    assert area.list("live/") == ()
