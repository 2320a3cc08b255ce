"""Which score is in a perf.json? ``{"all": number, …}``: finite numbers, written by a container nobody trusts."""

import json
import math
import os
import stat
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path
from typing import NoReturn

from pydantic import JsonValue

from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.task import MICRO

FILE_NAME = "perf.json"
MAX_BYTES = 1 << 20
MAX_DIGITS = 40  # of an integer: far more than a score can use, few enough to be read in no time
MAX_DEPTH = 100  # objects and lists in one another: what others read it with stops not far above
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
        values = _parse(_read(folder / FILE_NAME))
        return Perf(micro_units=micro_units(_score(values)), values=values)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise TaskFailed(
            FailureCategory.OUTPUT_INVALID,
            f"stage {stage}: {FILE_NAME} can't be used: {reason}",
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


def _read(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ValueError("it is not a regular file")
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ValueError("it was not written") from None
    except OSError as error:
        raise ValueError(f"it can't be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES} bytes")
    return content


def _parse(content: bytes) -> dict[str, JsonValue]:
    values = json.loads(
        content.decode(), object_pairs_hook=_object, parse_constant=_refuse, parse_float=_float, parse_int=_int
    )
    if not isinstance(values, dict):
        raise ValueError('it is not an object like {"all": 0.9}')
    _check_depth(values)
    json.dumps(values, ensure_ascii=False).encode()  # half a surrogate pair can be read but never written again
    return values


def _check_depth(values: dict[str, JsonValue]) -> None:
    level: list[JsonValue] = [values]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise ValueError(f"it is nested too deeply, more than {MAX_DEPTH} levels")


def _inside(value: JsonValue) -> list[JsonValue]:
    """The objects and lists directly in an object or a list."""
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [member for member in members if isinstance(member, dict | list)]


def _score(values: dict[str, JsonValue]) -> int | float:
    if "all" not in values:
        raise ValueError("the key 'all' is missing")
    score = values["all"]
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise ValueError(f"'all' is {json.dumps(score)[:40]}, not a number")
    return score


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:40]!a} is there twice")
        found[key] = value
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a finite number")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is not a finite number")
    return number


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number has {len(text)} digits, more than {MAX_DIGITS}")
    return int(text)
