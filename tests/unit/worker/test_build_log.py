"""A build log stays within its cap and keeps the beginning and the end."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from node_runtime.errors import HostError
from node_runtime.worker.logging import build_log, logged_steps


def test_a_log_below_the_cap_is_kept_whole(tmp_path: Path) -> None:
    with build_log(tmp_path / "log", cap=40) as say:
        for line in ("one", "two\n", "three " * 4):
            say(line)
    assert (tmp_path / "log").read_text() == "one\ntwo\n" + "three " * 4 + "\n"


def test_a_line_is_there_to_be_read_before_the_build_ends(tmp_path: Path) -> None:
    with build_log(tmp_path / "log", cap=40) as say:
        say("one")
        assert (tmp_path / "log").read_text() == "one\n"


def test_each_step_of_a_build_is_an_event_once(tmp_path: Path) -> None:
    lines = ["Step 1/300 : FROM base", " ---> 123", "Step 2/300 : RUN pip install", "Step 1/300 : printed by a program"]
    with build_log(tmp_path / "log", cap=10_000) as say, capture_logs() as events:
        tell = logged_steps(say, "train")
        for line in (*lines, *(f"Step {number}/300 : RUN true" for number in range(3, 300))):
            tell(line)
    messages = [(one["event"], one["stage"], one["step"], one["of"], one["instruction"]) for one in events]
    assert messages[:2] == [
        ("image_build", "train", 1, 300, "FROM base"),
        ("image_build", "train", 2, 300, "RUN pip install"),
    ]
    assert len(events) == 100
    assert (tmp_path / "log").read_text().count("\n") == 301


def test_of_more_the_head_and_the_tail_are_kept(tmp_path: Path) -> None:
    with build_log(tmp_path / "log", cap=1000) as say:
        say("first line")
        for number in range(10_000):
            say(f"line {number}")
        say("x" * 10_000)
        say("last line")
    text = (tmp_path / "log").read_text()
    assert text.startswith("first line\nline 0\n")
    assert text.endswith("last line\n")
    assert "bytes left out" in text
    assert len(text) < 1100


def test_a_full_disk_is_a_host_error_with_a_remedy() -> None:
    with pytest.raises(HostError, match="No space left") as raised, build_log(Path("/dev/full"), cap=1000) as say:
        say("a line")
    assert raised.value.remedy == "free disk space there"
