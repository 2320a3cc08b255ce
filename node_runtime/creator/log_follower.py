"""A task's logs as they come: what live attempts publish, then the rest of each ended attempt's stored logs."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from node_runtime.domain.task import Assignment, AssignmentState, TaskId
from node_runtime.errors import HostError, StorageError
from node_runtime.ports.chain import ChainReads
from node_runtime.ports.store import AssetStore
from node_runtime.runner.live_chunk import has_log

from .live import LiveLog, PublishedStage
from .results import FoundLog, Log, logs_by_attempt

_SUFFIX = ".log"


@dataclass(frozen=True, kw_only=True)
class LogPart:
    """More of a log, or with an empty text the beginning of a stage. ``name`` is that of the log, or of the stage."""

    source: str
    name: str
    text: str


class LogFollower:
    """Every part of each log once, in order: of its attempt, its stages, and within a log."""

    def __init__(self, chain: ChainReads, store: AssetStore, task: TaskId) -> None:
        self._chain = chain
        self._store = store
        self._task = task
        self._attempts: dict[int, _Attempt] = {}
        self._stored: set[int] = set()

    def more(self) -> Iterator[LogPart | FoundLog]:
        """Yield what came since the last call."""
        attempts = self._chain.attempts(self._task)
        for ended in logs_by_attempt(self._chain, self._store, self._task, without=frozenset(self._stored)):
            self._stored.add(ended.epoch)
            known = self._attempts.get(ended.epoch)
            yield from (ended.logs if known is None else known.rest(ended.logs))
        for attempt in attempts:
            if attempt.state is AssignmentState.LIVE and attempt.epoch not in self._stored:
                known = self._attempts.setdefault(attempt.epoch, _Attempt(self._chain, self._store, attempt))
                yield from known.more()


class _Attempt:
    """``printed``: the beginning of each stage's log, as far as it was yielded."""

    def __init__(self, chain: ChainReads, store: AssetStore, attempt: Assignment) -> None:
        self._log = LiveLog(store.live, attempt, chain.genesis)
        self._source = f"attempt {attempt.epoch}"
        self._printed: dict[str, str] = {}
        self._runs: dict[str, int] = {}

    def more(self) -> Iterator[LogPart]:
        stages: tuple[PublishedStage, ...] = ()
        with suppress(StorageError, HostError):  # the stored logs come by all means
            stages = self._log.read()
        for stage in stages:
            if stage.began >= self._runs.get(stage.name, 0):
                yield from self._more_of(stage)

    def _more_of(self, stage: PublishedStage) -> Iterator[LogPart]:
        if stage.name not in self._runs:
            yield self._part(stage.name, "")
        self._runs[stage.name] = stage.began
        before = self._printed.get(stage.name, "")
        if before.startswith(stage.text):  # also when its node was restarted, and publishes it anew from its beginning
            return
        if not stage.text.startswith(before):  # another run
            before = ""
        self._printed[stage.name] = stage.text
        yield self._part(stage.name, stage.text[len(before) :])

    def rest(self, logs: tuple[FoundLog, ...]) -> Iterator[LogPart | FoundLog]:
        """Yield what of the stored logs was not yielded before."""
        for log in logs:
            before = self._printed.get(log.name.removesuffix(_SUFFIX), "") if isinstance(log, Log) else ""
            if not isinstance(log, Log) or not before or not log.text.startswith(before):
                yield log
            elif len(log.text) > len(before):
                yield LogPart(source=self._source, name=log.name, text=log.text[len(before) :])

    def _part(self, stage: str, text: str) -> LogPart:
        return LogPart(source=self._source, name=f"{stage}{_SUFFIX}" if has_log(stage) else stage, text=text)
