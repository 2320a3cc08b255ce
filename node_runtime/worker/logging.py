"""Logging: the daemon's log format, capped build logs, fields of error events, throttling of repeated errors.

Values may contain untrusted text: the text format quotes them as Python literals, the JSON format as JSON strings.
"""

import json
import logging
import re
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

import node_runtime
from node_runtime.errors import ChainUnavailable, NodeRuntimeError
from node_runtime.platform.files import host_errors
from node_runtime.platform.printable import json_text, many_lines

log = structlog.get_logger()

LogFormat = Literal["auto", "text", "json"]


def configure(log_format: LogFormat, *, verbose: bool = False) -> FilteringBoundLogger:
    """Configure the daemon's logger on standard error; each attempt's thread binds task and epoch to it."""
    text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    renderer: list[Processor] = (
        [_quotable, structlog.dev.ConsoleRenderer(repr_native_str=True)]
        if text
        else [structlog.processors.JSONRenderer(serializer=_json, sort_keys=True)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


def _quotable(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Convert values to plain strings, which the renderer quotes; indent traces, so that no line imitates an event."""
    made = {name: str(value) if isinstance(value, str) else value for name, value in event.items()}
    if "exception" in made:
        made["exception"] = "\n".join(f"    {each}" for each in many_lines(made["exception"]).splitlines())
    return made


def _json(event: dict[str, object], **options: Any) -> str:
    return json_text(json.dumps(event, **options))


@contextmanager
def build_log(path: Path, *, cap: int) -> Iterator[Callable[[str], None]]:
    """Write lines to `path`: the first half of ``cap`` bytes at once, the last half of ``cap`` bytes at the end."""
    half = cap // 2
    room, left_out, kept = half, 0, 0
    tail: deque[bytes] = deque()
    with host_errors(path), path.open("wb") as file:

        def say(line: str) -> None:
            nonlocal room, left_out, kept
            encoded = line.rstrip("\n").encode(errors="replace") + b"\n"
            head, rest = encoded[:room], encoded[room:]
            if head:
                file.write(head)
                file.flush()  # it is read while the image is built
            room -= len(head)
            if not rest:
                return
            left_out += len(rest[:-half])
            tail.append(rest[-half:])
            kept += len(tail[-1])
            while kept > half:
                kept -= len(tail[0])
                left_out += len(tail.popleft())

        try:
            yield say
        finally:
            if left_out:
                file.write(f"\n[... {left_out} bytes left out ...]\n".encode())
            file.writelines(tail)


_BUILD_STEP = re.compile(r"Step ([0-9]{1,4})/([0-9]{1,4}) : (.{0,80})")  # as the engine's builder prints it
_MOST_STEPS = 100  # events of one build


def logged_steps(say: Callable[[str], None], stage: str) -> Callable[[str], None]:
    """Wrap a build log's ``say``: each step of the build is an event too, up to a hundred of them."""
    last = 0

    def log_line(line: str) -> None:
        nonlocal last
        say(line)
        found = _BUILD_STEP.match(line)
        if found is not None and last < int(found[1]) <= min(int(found[2]), _MOST_STEPS):
            last = int(found[1])
            log.info("image_build", stage=stage, step=last, of=int(found[2]), instruction=found[3])

    return log_line


_PACKAGE = Path(node_runtime.__file__).parent
_FRAMES = 6  # of this package, the innermost ones
_LONGEST = 600  # characters of the error's message


def error_fields(error: BaseException) -> dict[str, str]:
    """Return the event's fields: reason and remedy of a `NodeRuntimeError`, reason and frames of any other error."""
    if isinstance(error, NodeRuntimeError):
        return {"reason": error.message[:_LONGEST], **({"remedy": error.remedy} if error.remedy else {})}
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return {"reason": reason[:_LONGEST], "at": _places(error)}


def _places(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)][-_FRAMES:]
    last = frames[-1:] if frames and frames[-1] not in ours else []
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in (*ours, *last))


class ErrorThrottle:
    """Logs the repeated errors of one loop at decreasing frequency. Not thread-safe."""

    def __init__(self, event: str = "poll_failed") -> None:
        self._event = event
        self.count = 0  # of errors since the last success
        self._last = ""
        self._since = 0.0

    def again(self, error: Exception) -> None:
        """Count the error; log the first of each kind, then the 2nd, 4th, 8th…"""
        event = "chain_unavailable" if isinstance(error, ChainUnavailable) else self._event
        if self.count == 0:
            self._since = time.monotonic()
        self.count += 1
        should_log = self.count & (self.count - 1) == 0 or event != self._last
        self._last = event
        if not isinstance(error, NodeRuntimeError):
            remedy = "report this bug of the daemon; it tries again by itself"
            log.error(event, times=self.count, **{"remedy": remedy, **error_fields(error)})
        elif should_log:
            log.warning(event, reason=error.message, remedy=error.remedy, times=self.count)

    def over(self) -> None:
        """Reset after a success; log the end of an outage once."""
        if self.count:
            seconds = round(time.monotonic() - self._since, 1)
            log.info("errors_cleared", error=self._last, times=self.count, seconds=seconds)
        self.count = 0
