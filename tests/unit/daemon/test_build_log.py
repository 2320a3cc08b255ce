"""Does the log of a build stay within its cap and tell how it began and ended?"""

from pathlib import Path

from node_runtime.daemon.build_log import build_log


def test_what_fits_is_kept_whole(tmp_path: Path) -> None:
    with build_log(tmp_path / "log", cap=40) as say:
        for line in ("one", "two\n", "three " * 4):
            say(line)
    assert (tmp_path / "log").read_text() == "one\ntwo\n" + "three " * 4 + "\n"


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
