"""Is a score read exactly, and every perf.json that is none refused with what is wrong?"""

import os
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.perf import MAX_BYTES, MAX_MICRO_UNITS, micro_units, read_perf


def perf(folder: Path, content: str | bytes) -> int:
    (folder / "perf.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_perf(folder, stage="metrics").micro_units


@pytest.mark.parametrize(
    ("content", "micro"),
    [
        ('{"all": 0.9}', 900_000),
        ('{"all": 1}', 1_000_000),
        ('{"all": -2.5}', -2_500_000),
        ('{"all": -0.0}', 0),
        ('{"all": 1e-300}', 0),
        ('{"all": 5e-324}', 0),
        ('{"all": 0.0000005}', 0),
        ('{"all": 0.0000015}', 2),
        ('{"all": 0.1234565}', 123_456),
        ('{"all": 0.1234575}', 123_458),
        ('{"all": 9223372036854}', 9_223_372_036_854_000_000),
        ('{"all": 9e12}', 9_000_000_000_000_000_000),
        (' {"all": 0.5, "confusion": [[1, 2], [3, null]], "per": {"class": 0.1}}\n', 500_000),
    ],
)
def test_the_score_is_all_in_millionths_half_to_even(tmp_path: Path, content: str, micro: int) -> None:
    assert perf(tmp_path, content) == micro


def test_everything_in_it_is_kept(tmp_path: Path) -> None:
    (tmp_path / "perf.json").write_text('{"all": 0.5, "größe": [1, 2.5, "x", true, null]}')
    assert read_perf(tmp_path, stage="metrics").values == {"all": 0.5, "größe": [1, 2.5, "x", True, None]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "Expecting value"),
        ("0.9", "not an object"),
        ("[]", "not an object"),
        ("{}", "'all' is missing"),
        ('{"All": 1}', "'all' is missing"),
        ('{"all": "0.9"}', "not a number"),
        ('{"all": true}', "not a number"),
        ('{"all": null}', "not a number"),
        ('{"all": [1]}', "not a number"),
        ('{"all": NaN}', "NaN is not a finite number"),
        ('{"all": -Infinity}', "-Infinity is not a finite number"),
        ('{"all": 1e999}', "1e999 is not a finite number"),
        ('{"all": 1, "other": {"deep": [NaN]}}', "NaN is not a finite number"),
        ('{"all": 1, "other": -1e400}', "not a finite number"),
        ('{"all": 1, "all": 2}', "'all' is there twice"),
        ('{"all": 1, "x": {"y": 1, "y": 1}}', "'y' is there twice"),
        ('{"all": 9223372036855}', "out of the range"),
        ('{"all": -9223372036855}', "out of the range"),
        ('{"all": 1e300}', "out of the range"),
        ('{"all": ' + "9" * 5000 + "}", "5000 digits"),
        ('{"all": 1, "x": ' + "9" * 41 + "}", "41 digits"),
        ('{"all": 1, "x": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"all": 1, "x": ' + "[" * 100 + "]" * 100 + "}", "nested too deeply"),
        ('{"all": 1, "x": "\\ud800"}', "surrogates not allowed"),
        (b'{"all": 1, "x": "\xff"}', "decode byte 0xff"),
        (b'\xef\xbb\xbf{"all": 1}', "BOM"),
        ('{"all": 1} {"all": 2}', "Extra data"),
        ('{"all": 1, "x": "' + "y" * MAX_BYTES + '"}', "larger than 1048576 bytes"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_score_is_invalid_and_says_why(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(TaskFailed, match=says) as failed:
        perf(tmp_path, content)
    assert failed.value.category is FailureCategory.OUTPUT_INVALID
    assert "metrics: perf.json" in failed.value.message
    assert '"all"' in failed.value.remedy


def test_what_is_nested_just_not_too_deeply_is_read(tmp_path: Path) -> None:
    assert perf(tmp_path, '{"all": 1, "x": ' + "[" * 99 + "]" * 99 + "}") == 1_000_000


def test_the_last_of_very_many_keys_may_be_the_one_there_twice(tmp_path: Path) -> None:
    keys = ",".join(f'"{n}": 0' for n in range(80_000))
    with pytest.raises(TaskFailed, match="'79999' is there twice"):
        perf(tmp_path, f'{{{keys}, "79999": 1}}')


def test_no_perf_json_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(TaskFailed, match="was not written"):
        read_perf(tmp_path, stage="metrics")


def test_a_perf_json_that_is_a_link_a_pipe_or_a_folder_is_invalid(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text('{"all": 1}')
    for kind in ("link", "pipe", "folder"):
        (tmp_path / kind).mkdir()
    (tmp_path / "link" / "perf.json").symlink_to("../real.json")
    os.mkfifo(tmp_path / "pipe" / "perf.json")
    (tmp_path / "folder" / "perf.json").mkdir()
    for kind in ("link", "pipe", "folder"):
        with pytest.raises(TaskFailed, match="not a regular file"):
            read_perf(tmp_path / kind, stage="metrics")


@given(st.floats(min_value=-9e12, max_value=9e12))
def test_any_score_in_range_is_rounded_as_its_shortest_decimal(score: float) -> None:
    exact = Decimal(repr(score)) * 1_000_000
    assert micro_units(score) == int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


@given(st.integers(min_value=-(10**30), max_value=10**30))
def test_any_whole_score_fits_exactly_or_is_refused(score: int) -> None:
    if -MAX_MICRO_UNITS - 1 <= score * 1_000_000 <= MAX_MICRO_UNITS:
        assert micro_units(score) == score * 1_000_000
    else:
        with pytest.raises(ValueError, match="out of the range"):
            micro_units(score)
