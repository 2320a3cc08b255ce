"""Which score is in a perf.json? ``{"all": number, …}``: finite numbers, written by a container nobody trusts."""

import json
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path

from pydantic import JsonValue

from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.hostile_json import MAX_DIGITS, read_json
from node_runtime.task import MICRO

FILE_NAME = "perf.json"
MAX_BYTES = 1 << 20
MAX_MICRO_UNITS = 2**63 - 1

_EXACT = Context(prec=MAX_DIGITS * 2)


@dataclass(frozen=True, kw_only=True)
class Perf:
    """``micro_units`` is the rounded ``all``, ``values`` everything in the file."""

    micro_units: int
    values: dict[str, JsonValue]


def read_perf(folder: Path, *, stage: str) -> Perf:
    """Read ``perf.json`` of the folder a stage wrote. Raises `TaskFailed` output_invalid, saying what is wrong."""
    try:
        values = _values(folder / FILE_NAME)
        return Perf(micro_units=micro_units(_score(values)), values=values)
    except ValueError as error:
        raise TaskFailed(
            FailureCategory.OUTPUT_INVALID,
            f"stage {stage}: {FILE_NAME} can't be used: {error}",
            remedy='let the metrics write {"all": number}, a finite number, and at most 1 MiB in all',
        ) from error


def micro_units(score: int | float) -> int:
    """The score in millionths, half to even, of the shortest decimal that reads back as the same float.

    Raises `ValueError` when it doesn't fit into 64 bits with sign.
    """
    exact = _EXACT.create_decimal(repr(score)) * MICRO
    if abs(exact) > MAX_MICRO_UNITS + 1:
        raise ValueError(f"'all' is {score:.6g}, out of the range of ±{MAX_MICRO_UNITS // MICRO}")
    rounded = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN, context=_EXACT))
    if not -MAX_MICRO_UNITS - 1 <= rounded <= MAX_MICRO_UNITS:
        raise ValueError(f"'all' is {score:.6g}, out of the range of ±{MAX_MICRO_UNITS // MICRO}")
    return rounded


def _values(path: Path) -> dict[str, JsonValue]:
    values = read_json(path, most_bytes=MAX_BYTES)
    if not isinstance(values, dict):
        raise ValueError('it is not an object like {"all": 0.9}')
    return values


def _score(values: dict[str, JsonValue]) -> int | float:
    if "all" not in values:
        raise ValueError("the key 'all' is missing")
    score = values["all"]
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise ValueError(f"'all' is {json.dumps(score)[:40]}, not a number")
    return score
