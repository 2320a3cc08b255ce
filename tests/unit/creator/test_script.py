"""The excerpt of a failed validation script's log."""

from pathlib import Path

from node_runtime.creator.validation.script import LOG_LINE, LOG_TAIL, last_lines


def test_the_last_lines_are_returned_truncated(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(
        b"".join(b"line %d\n" % number for number in range(1000)) + b"\xff" * 100_000 + b"\nno such label\n"
    )
    output = last_lines(log)
    assert output.startswith("line 997 | line 998 | line 999 | ")
    assert output.endswith(" | no such label")
    assert len(output) < LOG_TAIL * (LOG_LINE + 3)


def test_a_missing_or_empty_log_gives_no_text(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "log") == ""
    (tmp_path / "log").touch()
    assert last_lines(tmp_path / "log") == ""
