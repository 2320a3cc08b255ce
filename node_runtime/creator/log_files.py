"""The logs of an attempt as files: their order, and their ends, which are shown beside a question or an error."""

import os
from pathlib import Path

from node_runtime.platform.printable import without_styles
from node_runtime.runner.live_chunk import container_of, is_image_stage
from node_runtime.runner.result_document import FAILURE_FILE, STEPS_FILE

LINES = 5
LONGEST = 300  # characters of a line
METRICS = "metrics"  # the container that runs after another; every other one is the first of its attempt
_READ = 1 << 16  # bytes; the log may be large


def last_lines(log: Path) -> list[str]:
    """Return the last lines of a log, without blank ones at its end; none if there is no such file."""
    if not log.is_file():
        return []
    with log.open("rb") as opened:
        opened.seek(max(0, opened.seek(0, os.SEEK_END) - _READ))
        text = without_styles(opened.read().decode(errors="replace"))
    return [line[:LONGEST] for line in text.rstrip().splitlines()[-LINES:]]


def log_names(folder: Path) -> list[str]:
    """Return the names of an attempt's logs in the order in which they are read."""
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted((name for name in files if name != STEPS_FILE), key=_reading_order)


def _reading_order(name: str) -> tuple[int, bool, str]:
    """Order an attempt's logs: its containers' by time, why it failed, then the builds of its images."""
    stage = name.removesuffix(".log")
    group = 2 if is_image_stage(stage) else 1 if name == FAILURE_FILE else 0
    return group, container_of(stage) == METRICS, name
