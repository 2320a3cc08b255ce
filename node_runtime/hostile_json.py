"""How is a JSON file read that a container wrote whom nobody trusts? Bounded, strictly, and never through a link."""

import json
import math
import os
import stat
from pathlib import Path
from typing import NoReturn

from pydantic import JsonValue

MAX_DIGITS = 40  # of an integer: far more than anybody can use, few enough to be read in no time
MAX_DEPTH = 100  # objects and lists in one another: what others read it with stops not far above


def read_json(path: Path, *, most_bytes: int) -> JsonValue:
    """What the file says. Raises `ValueError` with the reason, worded to follow the file's name.

    Refused is what other readers would take differently or choke on: keys that are there twice, NaN and infinities,
    endless integers, deep nesting, and text that can't be written as UTF-8 again.
    """
    return parse_json(_read(path, most_bytes))


def parse_json(content: bytes) -> JsonValue:
    """As `read_json`, of bytes that are here already."""
    try:
        value: JsonValue = json.loads(
            content.decode(), object_pairs_hook=_object, parse_constant=_refuse, parse_float=_float, parse_int=_int
        )
        _check_depth(value)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair can be read but never written again
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def _read(path: Path, most_bytes: int) -> bytes:
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ValueError("it is not a regular file")
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            content = file.read(most_bytes + 1)
    except FileNotFoundError:
        raise ValueError("it was not written") from None
    except OSError as error:
        raise ValueError(f"it can't be read: {error.strerror}") from error
    if len(content) > most_bytes:
        raise ValueError(f"it is larger than {most_bytes} bytes")
    return content


def _check_depth(value: JsonValue) -> None:
    level: list[JsonValue] = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise ValueError(f"it is nested too deeply, more than {MAX_DEPTH} levels")


def _inside(value: JsonValue) -> list[JsonValue]:
    """The objects and lists directly in an object or a list."""
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [member for member in members if isinstance(member, dict | list)]


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
    digits = len(text.removeprefix("-"))
    if digits > MAX_DIGITS:
        raise ValueError(f"a number has {digits} digits, more than {MAX_DIGITS}")
    return int(text)
