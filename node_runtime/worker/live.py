"""The live channel: one thread that publishes in storage which stage each attempt is at, with the stage's log so far.

An attempt's thread only queues its stages here: neither slow nor failing storage holds it up. Logs of tasks on private
data are not published.
"""

import codecs
import os
import threading
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from node_runtime.domain.live import MOST_NUMBERS, ChunkName, live_prefix
from node_runtime.platform.files import host_errors
from node_runtime.ports.store import LiveArea
from node_runtime.runner.live_chunk import MOST_TEXT, Chunk, fitting
from node_runtime.runner.signing import Signer
from node_runtime.runner.workspace import AttemptId

from .logging import ErrorThrottle

log = structlog.get_logger()

_SETTLE = 0.5  # seconds between a stage's begin and its publication: shorter stages are skipped
_CLOSE = 5.0  # seconds that the daemon's end waits for the removal of ended attempts' chunks


class LogTail:
    """What was added to a log file since the last read, up to `MOST_TEXT` bytes in all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._restart()

    def _restart(self) -> None:
        self._offset = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read(self) -> tuple[str, bool]:
        """Return the new text, and whether the file was begun anew, so that the text is its beginning."""
        with host_errors(self._path):
            try:
                descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                return "", False
            with os.fdopen(descriptor, "rb") as file:
                anew = os.fstat(descriptor).st_size < self._offset
                if anew:
                    self._restart()
                file.seek(self._offset)
                added = file.read(MOST_TEXT - self._offset)
        self._offset += len(added)
        return self._decoder.decode(added), anew


@dataclass(kw_only=True)
class _Stage:
    """A stage that is being published.

    ``number`` and ``text`` belong to the stage's newest chunk, ``written`` says whether that chunk is in storage;
    ``pending`` is the part of the log after it.
    """

    name: str
    began: int
    tail: LogTail | None
    number: int | None = None
    text: str = ""
    written: bool = False
    pending: str = ""

    def read_log(self) -> None:
        if self.tail is None:
            return
        added, anew = self.tail.read()
        if anew:  # the stage runs again; readers take chunks with another ``began`` as a new run
            self.began, self.number, self.text, self.written, self.pending = self.began + 1, None, "", False, ""
        self.pending += added


@dataclass(kw_only=True)
class _Attempt:
    """``stages``: the begun stages that aren't published to their end. ``numbers`` counts the attempt's chunks.

    ``shows_logs`` is called once, by the thread, for the first stage that has a log: ``shown`` is its result.
    ``cleared``: the chunks of an earlier process are removed.
    """

    id: AttemptId
    shows_logs: Callable[[], bool]
    stages: list[_Stage] = field(default_factory=list)
    shown: bool | None = None
    cleared: bool = False
    numbers: int = 0

    def next_number(self) -> int:
        number = min(self.numbers, MOST_NUMBERS - 1)
        self.numbers = number + 1
        return number


class LiveChannel:
    """Publishes the attempts of one node. Thread-safe. ``interval``: seconds between two reads of the logs."""

    def __init__(self, area: LiveArea, signer: Signer, *, genesis: str, interval: float) -> None:
        self._area = area
        self._signer = signer
        self._genesis = genesis
        self._interval = interval
        self._guard = threading.Lock()
        self._attempts: dict[AttemptId, _Attempt] = {}
        self._ended: set[AttemptId] = set()
        self._keep: Set[AttemptId] | None = None
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._throttle = ErrorThrottle("live_channel_unavailable")

    def begin(self, attempt: AttemptId, *, shows_logs: Callable[[], bool]) -> None:
        """Publish this attempt from now on. Idempotent.

        ``shows_logs`` returns whether its logs may leave the node, once it is to have a log.
        """
        with self._guard:
            self._ended.discard(attempt)
            self._attempts.setdefault(attempt, _Attempt(id=attempt, shows_logs=shows_logs))

    def stage(self, attempt: AttemptId, name: str, *, began: int, log: Path | None = None) -> None:
        """Queue the attempt's next stage; ``began`` is in ms of the chain's clock. Ignore attempts without `begin`."""
        with self._guard:
            known = self._attempts.get(attempt)
            if known is not None:
                known.stages.append(_Stage(name=name, began=began, tail=LogTail(log) if log is not None else None))
        self._wake_thread()

    def end(self, attempt: AttemptId) -> None:
        """Remove the attempt's chunks, also those of an earlier process."""
        with self._guard:
            self._attempts.pop(attempt, None)
            self._ended.add(attempt)
        self._wake_thread()

    def sweep(self, keep: Set[AttemptId]) -> None:
        """Remove the chunks of all attempts but these and those that began in this process."""
        with self._guard:
            self._keep = keep
        self._wake_thread()

    def close(self) -> None:
        """Stop the thread, which first writes and removes what is due, also what became due while it published."""
        self._closed.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_CLOSE)

    def publish(self) -> bool:
        """Write and remove the chunks that are due. Return False where storage failed: the next call does the rest."""
        failure: Exception | None = None
        for due in self._due():
            try:
                due()
            except Exception as error:
                failure = error
        if failure is None:
            self._throttle.over()
        else:
            self._throttle.again(failure)
        return failure is None

    def _wake_thread(self) -> None:
        with self._guard:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, daemon=True, name="live")
                self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        failed = False
        while not self._closed.is_set():
            self._wake.wait(self._interval if self._attempts or failed else None)
            self._closed.wait(_SETTLE)
            self._wake.clear()
            failed = not self.publish()
        self.publish()  # what became due while the last round was under way

    def _due(self) -> Iterator[Callable[[], None]]:
        with self._guard:
            keep, attempts, ended = self._keep, tuple(self._attempts.values()), tuple(self._ended)
        if keep is not None:
            yield partial(self._sweep, keep)
        yield from (partial(self._publish, attempt) for attempt in attempts)
        yield from (partial(self._remove, attempt) for attempt in ended)

    def _sweep(self, keep: Set[AttemptId]) -> None:
        for name in self._area.list(live_prefix(self._signer.account)):
            found = ChunkName.parse(name)
            attempt = AttemptId(task=found.task, epoch=found.epoch) if found is not None else None
            if attempt not in keep and attempt not in self._attempts:
                self._area.delete(name)
        with self._guard:
            self._keep = None

    def _remove(self, attempt: AttemptId) -> None:
        self._delete_all(attempt)
        with self._guard:
            self._ended.discard(attempt)

    def _delete_all(self, attempt: AttemptId) -> None:
        for name in self._area.list(live_prefix(self._signer.account, attempt.task, attempt.epoch)):
            self._area.delete(name)

    def _publish(self, attempt: _Attempt) -> None:
        if not attempt.cleared:
            self._delete_all(attempt.id)  # the logs are published anew
            attempt.cleared = True
        while attempt.stages:
            stage, over = attempt.stages[0], len(attempt.stages) > 1
            self._publish_stage(stage, attempt, over=over)
            if not over:
                return
            del attempt.stages[0]

    def _publish_stage(self, stage: _Stage, attempt: _Attempt, *, over: bool) -> None:
        if stage.tail is not None and attempt.shown is None:
            attempt.shown = attempt.shows_logs()
        if attempt.shown:
            stage.read_log()
        if over and stage.number is None and not stage.pending:
            return
        if stage.number is None:
            stage.number = attempt.next_number()
        while stage.pending or not stage.written:
            if stage.number == MOST_NUMBERS - 1:  # the last number is for the newest stage alone, without its log
                stage.text = stage.pending = ""
            whole = stage.text + stage.pending
            text = fitting(whole)
            if len(text) > len(stage.text) or not stage.written:
                self._put(attempt.id, stage, text)
            stage.text, stage.pending, stage.written = text, whole[len(text) :], True
            if stage.pending:
                stage.number, stage.text, stage.written = attempt.next_number(), "", False

    def _put(self, attempt: AttemptId, stage: _Stage, text: str) -> None:
        chunk = Chunk(
            genesis=self._genesis,
            worker=self._signer.account,
            task=attempt.task,
            epoch=attempt.epoch,
            number=stage.number or 0,
            stage=stage.name,
            began=stage.began,
            text=text,
        )
        self._area.put(str(chunk.name), chunk.signed_by(self._signer).encode())
