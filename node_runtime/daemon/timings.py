"""Where an attempt's seconds went: each named step, and the spans people ask for, one line a task in timings.jsonl."""

import errno
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict

log = structlog.get_logger()

FILE_NAME = "timings.jsonl"
CLAIM = "claim"  # seen on chain → this node's finalised hold, or its being taken up again
SEEN_TO_STARTED = "seen_to_started"  # the task was seen on chain → its first container runs
EXIT_TO_CHAIN = "exit_to_chain"  # the last container ended → its result is finalised
WHOLE = "whole"  # seen → all is done


class Timings(BaseModel):
    """Seconds by step, in the order in which they came; a step done twice counts in sum."""

    model_config = ConfigDict(frozen=True)

    task: int
    epoch: int
    kind: str
    outcome: str
    ended: int  # Unix ms
    steps: dict[str, float]


class Stopwatch:
    """Times the steps of one attempt, in one thread. ``seen`` is `time.monotonic` when the task was seen on chain."""

    def __init__(self, *, seen: float, observe: Callable[[str, float], None]) -> None:
        self._seen = seen
        self._observe = observe
        self._exit: float | None = None
        self.steps: dict[str, float] = {}
        self._note(CLAIM, time.monotonic() - seen)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time the block, also when it raises."""
        started = time.monotonic()
        try:
            yield
        finally:
            self._note(name, time.monotonic() - started)

    def meanwhile(self, name: str, seconds: float) -> None:
        """Note what another thread did beside the steps of this one."""
        self._note(name, seconds)

    def container_ended(self, *, seconds: float) -> None:
        """A container that ran for ``seconds`` has just ended."""
        now = time.monotonic()
        if self._exit is None:
            self._note(SEEN_TO_STARTED, max(0.0, now - seconds - self._seen))
        self._exit = now

    def on_chain(self) -> None:
        if self._exit is not None:
            self._note(EXIT_TO_CHAIN, time.monotonic() - self._exit)

    def done(self, *, task: int, epoch: int, kind: str, outcome: str) -> Timings:
        self._note(WHOLE, time.monotonic() - self._seen)
        steps = {name: round(seconds, 6) for name, seconds in self.steps.items()}
        now = time.time_ns() // 1_000_000
        return Timings(task=task, epoch=epoch, kind=kind, outcome=outcome, ended=now, steps=steps)

    def _note(self, name: str, seconds: float) -> None:
        self.steps[name] = self.steps.get(name, 0.0) + seconds
        self._observe(name, seconds)


class TimingsFile:
    """Appends one line a task; the older half goes when the file outgrows ``cap`` bytes. Safe between threads.

    A line that the disk doesn't take is lost: an attempt ends as it ended, whether or not that can be timed.
    """

    def __init__(self, path: Path, *, cap: int = 16 << 20) -> None:
        self._path = path
        self._cap = cap
        self._guard = threading.Lock()

    def append(self, timings: Timings) -> None:
        try:
            with self._guard:
                self._append(timings.model_dump_json().encode() + b"\n")
        except OSError as error:
            log.warning("timings_lost", reason=str(error), remedy="free some disk")

    def read(self) -> tuple[Timings, ...]:
        if not self._path.exists():
            return ()
        with self._path.open(encoding="utf-8") as file:
            # a line torn by a power cut has no newline and tells nothing
            return tuple(Timings.model_validate_json(line) for line in file if line.endswith("\n"))

    def _append(self, line: bytes) -> None:
        """The whole line or nothing of it: the next one would begin in its middle."""
        with self._path.open("ab", buffering=0) as file:
            whole = file.tell()
            if (written := file.write(line)) < len(line):
                file.truncate(whole)
                raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes of a line were written")
        if self._path.stat().st_size > self._cap:
            self._halve()

    def _halve(self) -> None:
        lines = self._path.read_bytes().splitlines(keepends=True)
        newer = self._path.with_suffix(".new")
        newer.write_bytes(b"".join(lines[len(lines) // 2 :]))
        newer.replace(self._path)
