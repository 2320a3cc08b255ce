"""The end of a log that is shown beside a question or an error."""

from pathlib import Path

from node_runtime.creator.log_files import LINES, LONGEST, last_lines


def test_the_last_lines_are_returned_cut_and_without_styles(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(
        b"".join(b"line %d\n" % number for number in range(100_000))
        + b"\xff" * 50_000
        + b"\n\x1b[31mno such label\x1b[0m\n\n"
    )
    *lines, long, last = last_lines(log)
    assert lines == ["line 99997", "line 99998", "line 99999"]
    assert (len(long), last, len(lines) + 2) == (LONGEST, "no such label", LINES)


def test_a_missing_or_empty_log_gives_no_lines(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "log") == []
    (tmp_path / "log").touch()
    assert last_lines(tmp_path / "log") == []
