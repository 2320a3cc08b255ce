"""Parsers of perf.json, ``{"all": number, …}``, and of a function's performances, each a file ``{"all": number}``.

They are finite numbers from an untrusted container.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import islice
from pathlib import Path

from pydantic import JsonValue

from node_runtime.domain.task import Perf
from node_runtime.domain.units import LARGEST_NUMBER, from_fixed, plain, to_fixed
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.runner.untrusted import exact_numbers, parse_json, read_bytes
from node_runtime.spec.bounds import packaged_bounds

FILE_NAME = "perf.json"
SCORE = "all"  # the key of the score
MAX_BYTES = 1 << 20
MOST_NUMBERS = packaged_bounds().max_numbers  # that go on chain, the score included
LONGEST_NAME = packaged_bounds().max_name  # bytes of a number's name on chain
PRIVATE_DIGITS = 6  # significant digits of a number that leaves private data
_ROUNDED = Context(prec=PRIVATE_DIGITS, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, kw_only=True)
class PerfFile:
    """``values`` is everything in the file, ``numbers`` the part that goes on chain, the score first.

    ``vanished`` names the nonzero numbers that round to zero at the chain's 18 decimals. ``declared``: the names are a
    function's identifiers, which its container couldn't choose.
    """

    values: dict[str, JsonValue]
    numbers: tuple[Perf, ...]
    vanished: tuple[str, ...] = ()
    declared: bool = False

    @property
    def score(self) -> Decimal:
        return self.numbers[0].value


def read_perf(folder: Path, *, stage: str) -> PerfFile:
    """Read ``perf.json`` from a stage's output folder. Raises `TaskFailed` output_invalid with the reason."""
    try:
        return parse_perf(read_bytes(folder / FILE_NAME, most_bytes=MAX_BYTES))
    except ValueError as error:
        raise TaskFailed(
            FailureCategory.OUTPUT_INVALID,
            f"stage {stage}: {FILE_NAME} can't be used: {error}",
            remedy='let the metrics write {"all": number}, a finite number, and at most 1 MiB in all',
        ) from error


def parse_perf(content: bytes) -> PerfFile:
    """Parse a perf.json. Raises `ValueError` with the reason, worded to follow the file's name."""
    values = parse_json(content)
    if not isinstance(values, dict):
        raise ValueError('it is not an object like {"all": 0.9}')
    _check_score(values)
    exact = exact_numbers(content)
    sent = dict(islice(_sendable(exact), MOST_NUMBERS))
    return PerfFile(
        values=values,
        numbers=tuple(Perf(name=name, value=value) for name, value in sent.items()),
        vanished=tuple(name for name, value in sent.items() if not value and exact[name]),
    )


def performance_file(identifier: str) -> str:
    return f"{identifier}-perf.json"


def read_performances(folder: Path, identifiers: Sequence[str], *, stage: str) -> PerfFile:
    """Read a function's performances, exactly one number in the file of each. Raises `TaskFailed` output_invalid."""
    return declared_numbers({one: _performance(folder / performance_file(one), stage) for one in identifiers})


def declared_numbers(exact: Mapping[str, Decimal]) -> PerfFile:
    numbers = tuple(Perf(name=one, value=from_fixed(to_fixed(value))) for one, value in exact.items())
    values = parse_json(written_numbers({one.name: one.value for one in numbers}).encode())
    assert isinstance(values, dict)
    vanished = tuple(one.name for one in numbers if not one.value and exact[one.name])
    return PerfFile(values=values, numbers=numbers, vanished=vanished, declared=True)


def _performance(file: Path, stage: str) -> Decimal:
    try:
        content = read_bytes(file, most_bytes=MAX_BYTES)
        values = parse_json(content)
        if not isinstance(values, dict):
            raise ValueError('it is not an object like {"all": 0.9}')
        _check_score(values)
        if len(values) > 1:
            other = next(name for name in values if name != SCORE)
            raise ValueError(f"the key {other[:40]!a} is there beside '{SCORE}'")
        value = exact_numbers(content)[SCORE]
        to_fixed(value)
    except ValueError as error:
        raise TaskFailed(
            FailureCategory.OUTPUT_INVALID,
            f"stage {stage}: {file.name} can't be used: {error}",
            remedy='let the function write {"all": number} and nothing else, a finite number',
        ) from error
    return value


def written_numbers(numbers: Mapping[str, Decimal]) -> str:
    """Return a perf.json of these numbers alone, exact as the chain has them."""
    return "{" + ",".join(f'"{name}":{plain(value)}' for name, value in numbers.items()) + "}\n"


def bounded_numbers(perf: PerfFile) -> str:
    """Return a perf.json of the on-chain numbers under neutral names and rounded, the form that may leave private data.

    A function's own are declared. Names and digits in the original file are the container's choice and could leak data.
    """
    named = [(SCORE, perf.score), *((f"number-{place}", one.value) for place, one in enumerate(perf.numbers[1:], 2))]
    if perf.declared:
        named = [(one.name, one.value) for one in perf.numbers]
    return written_numbers({name: _ROUNDED.plus(value) for name, value in named})


def _sendable(exact: dict[str, Decimal]) -> Iterator[tuple[str, Decimal]]:
    """Yield the numbers that the chain can hold, rounded as it does: the score, then the others in file order."""
    try:
        yield SCORE, from_fixed(to_fixed(exact[SCORE]))
    except ValueError as error:
        raise ValueError(f"'{SCORE}' is too large: {error}") from None
    for name, value in exact.items():
        if name != SCORE and len(name.encode()) <= LONGEST_NAME and value.copy_abs() <= LARGEST_NUMBER:
            yield name, from_fixed(to_fixed(value))


def _check_score(values: dict[str, JsonValue]) -> None:
    if SCORE not in values:
        raise ValueError(f"the key '{SCORE}' is missing")
    score = values[SCORE]
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise ValueError(f"'{SCORE}' is {json.dumps(score)[:40]}, not a number")
