"""A node's live channel without its thread, and the chunks of its attempt."""

from dataclasses import dataclass, field
from pathlib import Path

from node_runtime.creator.live import LiveLog
from node_runtime.domain.task import Assignment, AssignmentState, TaskId
from node_runtime.errors import StorageError
from node_runtime.runner.live_chunk import Chunk
from node_runtime.runner.workspace import AttemptId
from node_runtime.stores.memory import MemoryLive
from node_runtime.worker.live import LiveChannel
from tests.node_key import NodeKey, development_key

BOB, EVE = development_key("Bob"), development_key("Eve")
GENESIS = "0x" + "ab" * 32
SINCE, DUE = 1_000_000, 2_000_000
ATTEMPT = AttemptId(task=TaskId(7), epoch=2)
HELD = Assignment(
    task=ATTEMPT.task,
    worker=BOB.account,
    epoch=ATTEMPT.epoch,
    since=SINCE,
    due=DUE,
    bond=1,
    state=AssignmentState.LIVE,
)


class FailingLive(MemoryLive):
    """Storage whose calls fail while ``trouble`` is set; ``puts`` counts the written objects."""

    trouble = False
    puts = 0

    def put(self, name: str, content: bytes) -> None:
        self._check()
        super().put(name, content)
        self.puts += 1

    def list(self, prefix: str) -> tuple[str, ...]:
        self._check()
        return super().list(prefix)

    def _check(self) -> None:
        if self.trouble:
            raise StorageError("storage is away", remedy="bring it back")


@dataclass(kw_only=True)
class Desk:
    """A node's channel without its thread: the test calls `tell`."""

    folder: Path
    area: FailingLive = field(default_factory=FailingLive)
    channel: LiveChannel = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.channel = LiveChannel(self.area, BOB, genesis=GENESIS, interval=5.0)
        self.channel.close()  # no thread is started from now on

    def begin(self, *, shows_logs: bool = True) -> None:
        self.channel.begin(ATTEMPT, shows_logs=lambda: shows_logs)

    def stage(self, name: str, *, began: int = SINCE) -> Path:
        log = self.folder / f"{name}.log"
        self.channel.stage(ATTEMPT, name, began=began, log=log)
        return log

    def told(self) -> list[tuple[str, str]]:
        return [(stage.name, stage.text) for stage in LiveLog(self.area, HELD, GENESIS).read()]

    def names(self) -> tuple[str, ...]:
        return MemoryLive.list(self.area, "live/")


def chunk(number: int = 0, *, key: NodeKey = BOB, **changes: object) -> Chunk:
    made = Chunk(
        genesis=GENESIS, worker=BOB.account, task=ATTEMPT.task, epoch=ATTEMPT.epoch, number=number, stage="train",
        began=SINCE, text="trained",
    )  # fmt: skip
    return made.model_copy(update=changes).signed_by(key)
