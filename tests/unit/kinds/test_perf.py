"""Scores are read exactly, and every perf.json without a valid score is refused with the reason."""

import os
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_runtime.domain.task import Perf
from node_runtime.domain.units import LARGEST_NUMBER, from_fixed, plain, to_fixed
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.kinds.perf import (
    MAX_BYTES,
    MOST_NUMBERS,
    PerfFile,
    read_perf,
    read_performances,
    written_numbers,
)


def read(folder: Path, content: str | bytes) -> PerfFile:
    (folder / "perf.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_perf(folder, stage="metrics")


def perf(folder: Path, content: str | bytes) -> Decimal:
    return read(folder, content).score


@pytest.mark.parametrize(
    ("content", "score"),
    [
        ('{"all": 0.9}', "0.9"),
        ('{"all": 1}', "1"),
        ('{"all": -2.5}', "-2.5"),
        ('{"all": -0.0}', "0"),
        ('{"all": 1e-300}', "0"),
        ('{"all": 5e-324}', "0"),
        ('{"all": 1e-7}', "0.0000001"),
        ('{"all": 0.1234567890123456784}', "0.123456789012345678"),
        ('{"all": 0.0000000000000000005}', "0"),
        ('{"all": 0.0000000000000000015}', "0.000000000000000002"),
        ('{"all": 0.0000000000000000025}', "0.000000000000000002"),
        ('{"all": 0.' + "3" * 5000 + "}", "0." + "3" * 18),
        ('{"all": 1e15}', "1000000000000000"),
        ('{"all": 1e18}', "1" + "0" * 18),
        ('{"all": -1e18}', "-1" + "0" * 18),
        ('{"all": 123456789012345678.123456789012345678}', "123456789012345678.123456789012345678"),
        (' {"all": 0.5, "confusion": [[1, 2], [3, null]], "per": {"class": 0.1}}\n', "0.5"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_the_score_is_all_digit_by_digit_with_18_decimals_half_to_even(
    tmp_path: Path, content: str, score: str
) -> None:
    assert plain(perf(tmp_path, content)) == score


def test_the_score_goes_first_then_the_other_numbers_as_they_come(tmp_path: Path) -> None:
    output = read(tmp_path, '{"f1": 0.25, "n": 3, "yes": true, "all": 0.5, "by": {"x": 1}, "list": [1], "huge": 1e19}')
    assert output.numbers == tuple(
        Perf(name=name, value=Decimal(value)) for name, value in (("all", "0.5"), ("f1", "0.25"), ("n", "3"))
    )


def test_no_more_numbers_are_sent_than_the_chain_takes_nor_names_too_long(tmp_path: Path) -> None:
    many = ", ".join(f'"n{number}": {number}' for number in range(40))
    output = read(tmp_path, f'{{"{"ü" * 33}": 1, {many}, "all": 7}}')
    assert [one.name for one in output.numbers] == ["all", *(f"n{number}" for number in range(MOST_NUMBERS - 1))]


def test_numbers_that_round_to_zero_are_named(tmp_path: Path) -> None:
    output = read(tmp_path, '{"all": 1e-19, "zero": 0.0, "small": -4e-19, "kept": 1e-18, "tie": 5e-19}')
    assert output.vanished == ("all", "small", "tie")


def test_everything_in_it_is_kept(tmp_path: Path) -> None:
    (tmp_path / "perf.json").write_text('{"all": 0.5, "größe": [1, 2.5, "x", true, null]}')
    assert read_perf(tmp_path, stage="metrics").values == {"all": 0.5, "größe": [1, 2.5, "x", True, None]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "it is empty"),
        ("0.5}", "it is not JSON: "),
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
        ('{"all": 1000000000000000000.0000000000000000001}', "out of the range"),
        ('{"all": -1000000000000000001}', "out of the range"),
        ('{"all": 1e-99999999999999999999}', "exponent of too many digits"),
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
def test_an_invalid_score_is_refused_with_the_reason(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(TaskFailed, match=says) as failed:
        perf(tmp_path, content)
    assert failed.value.category is FailureCategory.OUTPUT_INVALID
    assert "metrics: perf.json" in failed.value.message
    assert '"all"' in failed.value.remedy


def test_nesting_up_to_the_limit_is_read(tmp_path: Path) -> None:
    assert perf(tmp_path, '{"all": 1, "x": ' + "[" * 99 + "]" * 99 + "}") == 1


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


@given(st.decimals(min_value=-(10**18), max_value=10**18, allow_nan=False))
def test_any_number_in_range_is_rounded_half_to_even(number: Decimal) -> None:
    exact = Fraction(number) * 10**18
    assert to_fixed(number) == round(exact)  # Python's own rounding of fractions is half to even


@given(st.integers(min_value=-(10**36), max_value=10**36))
def test_any_fixed_number_is_read_back_with_every_digit(units: int) -> None:
    assert to_fixed(from_fixed(units)) == units
    assert Fraction(from_fixed(units)) == Fraction(units, 10**18)


@pytest.mark.parametrize("number", [LARGEST_NUMBER + 1, -LARGEST_NUMBER - 1])
def test_a_number_beyond_the_range_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="out of the range"):
        to_fixed(Decimal(number))


FILES = {"accuracy": "accuracy-perf.json", "f1": "f1-perf.json"}


def performances(folder: Path, **contents: str) -> PerfFile:
    for name, content in contents.items():
        (folder / FILES[name]).write_text(content)
    return read_performances(folder, tuple(FILES), stage="function")


def test_performances_are_named_by_their_identifiers_in_the_declared_order(tmp_path: Path) -> None:
    found = performances(tmp_path, f1='{"all": 1e-19}', accuracy=' {"all": 0.1234567890123456785}\n')
    assert [(one.name, plain(one.value)) for one in found.numbers] == [
        ("accuracy", "0.123456789012345678"),
        ("f1", "0"),
    ]
    assert found.vanished == ("f1",)
    assert written_numbers({one.name: one.value for one in found.numbers}) == (
        '{"accuracy":0.123456789012345678,"f1":0}\n'
    )
    assert found.values == {"accuracy": 0.123456789012345678, "f1": 0}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"all": "0.5"}', "'all' is \"0.5\", not a number"),
        ('{"all": NaN}', "NaN is not a finite number"),
        ('{"all": 1e400}', "is not a finite number"),
        ('{"all": true}', "'all' is true, not a number"),
        ('{"all": null}', "'all' is null, not a number"),
        ('{"all": 1e19}', "is out of the range"),
        ("{}", "the key 'all' is missing"),
        ("0.5", "it is not an object"),
        ('{"all": 0.5, "f1": 1}', "the key 'f1' is there beside 'all'"),
        ('{"all": 0.5, "all": 1}', "is there twice"),
        ("", "it is empty"),
        (None, "it was not written"),
    ],
)
def test_a_performance_that_is_not_exactly_one_number_is_refused(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    given = {} if content is None else {"f1": content}
    with pytest.raises(TaskFailed) as failed:
        performances(tmp_path, accuracy='{"all": 0.5}', **given)
    assert failed.value.category is FailureCategory.OUTPUT_INVALID
    assert failed.value.message.startswith("stage function: f1-perf.json can't be used: ")
    assert reason in failed.value.message


def test_a_performance_that_is_a_folder_or_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text('{"all": 1}')
    (tmp_path / FILES["f1"]).symlink_to("elsewhere")
    with pytest.raises(TaskFailed, match="it is not a regular file"):
        performances(tmp_path, accuracy='{"all": 0.5}')
    (tmp_path / FILES["f1"]).unlink()
    (tmp_path / FILES["f1"]).mkdir()
    with pytest.raises(TaskFailed, match="it is not a regular file"):
        performances(tmp_path, accuracy='{"all": 0.5}')
