"""Is a creator told what a script that failed printed last, however much that is?"""

from pathlib import Path

from node_runtime.creator.script import LOG_LINE, LOG_TAIL, last_lines


def test_the_last_lines_are_told_each_cut_to_what_a_person_reads(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(
        b"".join(b"line %d\n" % number for number in range(1000)) + b"\xff" * 100_000 + b"\nno such label\n"
    )
    told = last_lines(log)
    assert told.startswith("line 997 | line 998 | line 999 | ")
    assert told.endswith(" | no such label")
    assert len(told) < LOG_TAIL * (LOG_LINE + 3)


def test_of_nothing_nothing_is_told(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "log") == ""
    (tmp_path / "log").touch()
    assert last_lines(tmp_path / "log") == ""
