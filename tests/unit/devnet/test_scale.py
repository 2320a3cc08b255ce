"""SCALE encoding and decoding agree with the reference implementation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_runtime.devnet.scale import Reader, ScaleError, compact, prefixed


@pytest.mark.parametrize(
    ("number", "encoded"),
    [
        (0, "00"),
        (63, "fc"),
        (64, "0101"),
        (16383, "fdff"),
        (16384, "02000100"),
        (2**30 - 1, "feffffff"),
        (2**30, "0300000040"),
        (100000000000000, "0b00407a10f35a"),
    ],
)
def test_compact_numbers_are_written_as_the_specification_says(number: int, encoded: str) -> None:
    assert compact(number).hex() == encoded


@given(st.integers(0, 2**536 - 1), st.lists(st.binary(max_size=80)))
def test_encoded_values_decode_to_themselves(number: int, items: list[bytes]) -> None:
    reader = Reader(compact(number) + compact(len(items)) + b"".join(map(prefixed, items)))
    assert reader.compact() == number
    assert reader.prefixed_list() == items
    assert reader.finished


@given(st.binary(max_size=40))
def test_bytes_from_anywhere_are_read_or_refused(data: bytes) -> None:
    try:
        items = Reader(data).prefixed_list()
    except ScaleError:
        return
    assert sum(map(len, items)) <= len(data)
