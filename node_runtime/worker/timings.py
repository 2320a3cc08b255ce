"""Timings of each attempt's steps: the stopwatch that takes them, and timings.jsonl, one line per attempt."""

import errno
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from node_runtime.errors import HostError
from node_runtime.platform.files import FILE, private_file, write_atomically
from node_runtime.platform.stored_format import StoredFormat, decode_document, encode_document, unversioned

log = structlog.get_logger()

TIMINGS_FILE = "timings.jsonl"
FORMAT = StoredFormat(
    name="a line of the timings",
    remedy="run that release again, or move the file away: a new one is begun",
    steps=(unversioned,),
)
CLAIM = "claim"  # seen on chain → this node's finalised assignment, or its resumption
SEEN_TO_STARTED = "seen_to_started"  # seen on chain → the first container runs
EXIT_TO_CHAIN = "exit_to_chain"  # the last container ended → the result is finalised
WHOLE = "whole"  # seen on chain → the attempt ended


class Timings(BaseModel):
    """Seconds by step, in order of their start; repetitions of a step are summed."""

    model_config = ConfigDict(frozen=True)

    task: int
    epoch: int
    kind: str
    outcome: str
    ended: int  # Unix ms
    steps: dict[str, float]

    def summary(self) -> str:
        """Return the steps that took a tenth of a second or more, e.g. ``claim 0.6 s, run_train 1.5 s``."""
        return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.steps.items() if round(seconds, 1))


@dataclass(frozen=True, kw_only=True)
class StepSpan:
    """One run of a step, ns since 1970. ``error`` is the class of what it raised; empty where it ended well."""

    name: str
    begin: int
    end: int
    error: str = ""


class Stopwatch:
    """Times the steps of one attempt, in one thread. ``seen`` is `time.monotonic` when the task was seen on chain.

    ``observe`` receives the name and seconds of each step, ``begins`` its name before it starts. ``spans`` has each run
    of a step, ``steps`` also what is counted across steps.
    """

    def __init__(
        self,
        *,
        seen: float,
        observe: Callable[[str, float], None],
        begins: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._seen = seen
        self._observe = observe
        self._begins = begins
        self._exit: float | None = None
        self._wall = time.time_ns() - time.monotonic_ns()  # ns since 1970 at 0 of `time.monotonic`
        self.steps: dict[str, float] = {}
        self.spans: list[StepSpan] = []

    def claimed(self) -> None:
        """Record that the attempt is this node's, since this moment."""
        self._ran(CLAIM, self._seen, time.monotonic())

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time the block, even when it raises."""
        self._begins(name)
        started = time.monotonic()
        error = ""
        try:
            yield
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            self._ran(name, started, time.monotonic(), error=error)

    def meanwhile(self, name: str, *, started: float, seconds: float) -> None:
        """Record a step that another thread began in parallel at ``started``, by `time.monotonic`."""
        self._ran(name, started, started + seconds)

    def container_ended(self, *, seconds: float) -> None:
        """Record that a container which ran for ``seconds`` has just ended."""
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

    def _ran(self, name: str, started: float, ended: float, *, error: str = "") -> None:
        begin, end = (self._wall + int(moment * 1e9) for moment in (started, ended))
        self.spans.append(StepSpan(name=name, begin=begin, end=end, error=error))
        self._note(name, ended - started)

    def _note(self, name: str, seconds: float) -> None:
        self.steps[name] = self.steps.get(name, 0.0) + seconds
        self._observe(name, seconds)


class TimingsFile:
    """Appends one line per attempt; drops the older half when the file exceeds ``cap`` bytes. Thread-safe.

    A line that can't be written is lost and logged; it doesn't affect the attempt.
    """

    def __init__(self, path: Path, *, cap: int = 16 << 20) -> None:
        self._path = path
        self._cap = cap
        self._guard = threading.Lock()

    def append(self, timings: Timings) -> None:
        try:
            with self._guard:
                self._append(encode_document(timings.model_dump(), FORMAT).encode() + b"\n")
        except (OSError, HostError) as error:
            log.warning("timings_lost", reason=str(error), remedy="free some disk")

    def read(self) -> tuple[Timings, ...]:
        """Return every complete line. Raises `HostError` for one that a newer release wrote."""
        if not self._path.exists():
            return ()
        with self._path.open("rb") as file:
            # a line torn by a power cut has no newline
            found = [self._decode(number, line) for number, line in enumerate(file, start=1) if line.endswith(b"\n")]
        return tuple(timings for timings in found if timings is not None)

    def _decode(self, number: int, line: bytes) -> Timings | None:
        try:
            return Timings.model_validate(decode_document(line, FORMAT, self._path))
        except (ValidationError, ValueError):
            log.warning("timings_damaged", file=str(self._path), line=number, remedy="nothing: the line is left out")
            return None

    def _append(self, line: bytes) -> None:
        """Append the whole line or nothing: a partial line would corrupt the next one."""
        private_file(self._path)
        with self._path.open("ab", buffering=0) as file:
            whole = file.tell()
            if (written := file.write(line)) < len(line):
                file.truncate(whole)
                raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes of a line were written")
        if self._path.stat().st_size > self._cap:
            self._halve()

    def _halve(self) -> None:
        lines = self._path.read_bytes().splitlines(keepends=True)
        write_atomically(self._path, b"".join(lines[len(lines) // 2 :]), mode=FILE)
