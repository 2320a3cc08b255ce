"""Parameters of a task: JSON values of its creator that its program reads from a file.

They stand in the task document and, as canonical JSON, in the file ``parameters.json`` of each container that runs the
task's own program. A metric isn't given them: what a certified score measures is its objective's alone.
"""

import json
import math
from collections.abc import Iterator
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, JsonValue

FILE_NAME = "parameters.json"
ROUND = "round"  # says of which round a task is; tables of performances have it
MOST_BYTES = 64 << 10  # of the canonical JSON
MOST_DEPTH = 16  # nested objects and lists, the parameters themselves included
_MOST_TOLD = 300  # characters
LARGEST_INTEGER = (1 << 63) - 1


def check_parameters(values: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the parameters with sorted keys. Raises `ValueError` for what a program could not read."""
    for value, depth in _values_in(values):
        if depth > MOST_DEPTH:
            raise ValueError(f"nested too deeply, at most {MOST_DEPTH} levels are passed on; put it into a file")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{value} is not a finite number")
        if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            raise ValueError("a whole number has more than 64 bits; write it as text")
    encoded = encode_parameters(values)
    if len(encoded) > MOST_BYTES:
        raise ValueError(f"{len(encoded):,} bytes as JSON, at most {MOST_BYTES:,}; put it into a file of the algo")
    canonical: dict[str, JsonValue] = json.loads(encoded)
    return canonical


def encode_parameters(values: JsonValue) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8, no final newline. Raises `ValueError` for what isn't UTF-8."""
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def describe_parameters(values: dict[str, JsonValue]) -> str:
    """Return e.g. ``depth 4, rate 0.1``, cut where it is long."""
    told = ", ".join(f"{key} {encode_parameters(value).decode()}" for key, value in values.items()) or "none"
    return told if len(told) <= _MOST_TOLD else f"{told[:_MOST_TOLD]}..."


def _values_in(root: JsonValue) -> Iterator[tuple[JsonValue, int]]:
    """Yield every value inside, the root included, with its depth; stop descending below the deepest allowed level."""
    waiting: list[tuple[JsonValue, int]] = [(root, 1)]
    while waiting:
        value, depth = waiting.pop()
        members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        yield value, depth if members is not None else 0
        if members is not None and depth <= MOST_DEPTH:
            waiting += [(member, depth + 1) for member in members]


Parameters: TypeAlias = Annotated[dict[str, JsonValue], AfterValidator(check_parameters)]
