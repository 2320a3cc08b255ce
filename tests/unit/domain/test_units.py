"""Amounts, sizes and durations: exact parsing, units, and display."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_runtime.domain.task import UNIT
from node_runtime.domain.units import (
    amount,
    at_most,
    duration,
    gpus,
    number,
    read_amount,
    read_duration,
    read_size,
    since,
    size,
)


@given(st.integers(min_value=0, max_value=10**15 * UNIT - 1))
def test_an_amount_reads_back_to_the_last_base_unit(base_units: int) -> None:
    assert read_amount(number(base_units).replace(",", "")) == base_units


@pytest.mark.parametrize(
    ("text", "base_units"),
    [("10", 10 * UNIT), ("0.1", UNIT // 10), ("1.000000000001 UNIT", UNIT + 1), ("2.50", 5 * UNIT // 2)],
)
def test_amounts_are_decimal(text: str, base_units: int) -> None:
    assert read_amount(text) == base_units


@pytest.mark.parametrize("text", ["", "-1", "1e3", "ten", "0.0000000000001", "1,5", "١", "9" * 40])
def test_inexact_amounts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        read_amount(text)


@pytest.mark.parametrize(
    ("text", "count"), [("1GiB", 1 << 30), ("256MiB", 256 << 20), ("1.5kB", 1500), ("0B", 0), ("2 TB", 2 * 10**12)]
)
def test_sizes_are_bytes(text: str, count: int) -> None:
    assert read_size(text) == count


@pytest.mark.parametrize(
    ("text", "told"), [("1Gb", "'GiB'"), ("1m", "'MiB'"), ("1X", "known are"), ("GiB", "not a size")]
)
def test_a_wrong_size_names_the_nearest_unit(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_size(text)


@pytest.mark.parametrize(
    ("text", "milliseconds"), [("15m", 900_000), ("2h", 7_200_000), ("1d 12h", 129_600_000), ("1h30m", 5_400_000)]
)
def test_durations_are_milliseconds(text: str, milliseconds: int) -> None:
    assert read_duration(text) == milliseconds


@pytest.mark.parametrize(("text", "told"), [("15", "unit"), ("2hours", "'h'"), ("1.5h", "whole"), ("999d", "a year")])
def test_a_wrong_duration_says_what_to_write(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_duration(text)


def test_values_are_shown_short() -> None:
    assert [amount(0), amount(-UNIT // 4), amount(1234 * UNIT + 1)] == [
        "0 UNIT",
        "-0.25 UNIT",
        "1,234.000000000001 UNIT",
    ]
    assert [duration(0), duration(1500), duration(61_000), duration(93_600_000)] == ["0s", "1.5s", "1m 1s", "1d 2h"]
    assert [size(0), size(1023), size(1 << 30), size(5 << 50)] == ["0 B", "1023 B", "1 GiB", "5120 TiB"]
    assert [since(0, now=60_000), since(120_000, now=0)] == ["1m ago", "in 2m"]


def test_upper_bounds_are_rounded_up_to_four_digits() -> None:
    assert [at_most(0), at_most(1), at_most(12_345), at_most(5_123_000_001), at_most(999_990_000_001)] == [
        "0 UNIT",
        "0.000000000001 UNIT",
        "0.00000001235 UNIT",
        "0.005124 UNIT",
        "1 UNIT",
    ]
    assert [at_most(12 * UNIT), at_most(12 * UNIT + 1), at_most(1234 * UNIT + 345_678_900_000)] == [
        "12 UNIT",
        "12.0001 UNIT",
        "1,234.3457 UNIT",
    ]


@pytest.mark.parametrize(
    ("count", "memory", "told"),
    [(1, None, "1 GPU"), (2, None, "2 GPUs"), (1, 8 << 30, "1 GPU with 8 GiB"), (2, 8 << 30, "2 GPUs with 8 GiB each")],
)
def test_gpus_are_told_with_the_memory_of_each(count: int, memory: int | None, told: str) -> None:
    assert gpus(count, memory) == told
