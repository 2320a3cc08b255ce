"""Logs merge head and tail without losing or repeating output."""

from node_runtime.engines.docker.logs import merge

CAP = 10


def test_a_short_log_is_whole() -> None:
    assert merge(b"ab", b"abcd", cap=CAP, head_lost=False) == b"abcd"


def test_a_long_log_that_the_engine_has_whole_lacks_only_its_middle() -> None:
    assert merge(b"01234", b"0123456789abcdef", cap=CAP, head_lost=False) == (
        b"01234\n[... 6 bytes left out: the first 5 and the last 5 are kept ...]\nbcdef"
    )


def test_a_long_log_whose_beginning_the_engine_dropped_has_the_head_that_was_read() -> None:
    assert merge(b"01234", b"xyz9876543210", cap=CAP, head_lost=False) == (
        b"01234\n[... output left out: the first 5 bytes and the last 5 are kept ...]\n43210"
    )


def test_output_that_repeats_itself_is_not_taken_for_whole_where_the_engine_may_have_dropped_its_beginning() -> None:
    assert merge(b"ababa", b"ababababab", cap=CAP, head_lost=False) == (
        b"ababa\n[... output left out: the first 5 bytes and the last 5 are kept ...]\nbabab"
    )
    assert merge(b"ababa", b"abababab", cap=CAP, head_lost=False) == b"abababab"


def test_a_head_that_nobody_read_is_said_to_be_lost() -> None:
    merged = merge(b"", b"9876543210", cap=CAP, head_lost=True)
    assert b"was lost when the node restarted" in merged
    assert merged.endswith(b"43210")


def test_a_head_that_was_read_in_part_before_a_restart_goes_on_seamlessly() -> None:
    assert merge(b"0", b"0123", cap=CAP, head_lost=True) == b"0123"
