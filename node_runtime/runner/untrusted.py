"""Untrusted files of a container: a bounded, strict JSON reader, and checks of the outputs as trees within limits."""

import json
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NoReturn

from pydantic import JsonValue

from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.stores.tree.manifest import TreeRefused, TreeTooLarge
from node_runtime.stores.tree.walk import FOUND_AFTER_RUN, tree_files

MAX_DIGITS = 40  # of an integer: enough for any use, few enough to parse fast
MAX_DEPTH = 100  # nested objects and lists: other readers' limits are not much higher


def read_json(path: Path, *, most_bytes: int) -> JsonValue:
    """Read the file. Raises `ValueError` with the reason, worded to follow the file's name.

    Refuse what other readers interpret differently or can't handle: duplicate keys, NaN and infinities, huge
    integers, deep nesting, and text that can't be encoded as UTF-8.
    """
    return parse_json(read_bytes(path, most_bytes=most_bytes))


def parse_json(content: bytes) -> JsonValue:
    """Parse bytes with the checks of `read_json`."""
    try:
        value: JsonValue = json.loads(
            content.decode(), object_pairs_hook=_object, parse_constant=_refuse, parse_float=_float, parse_int=_int
        )
        _check_depth(value)
        json.dumps(value, ensure_ascii=False).encode()  # an unpaired surrogate can be read but not encoded
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error}" if content.strip() else "it is empty") from None
    return value


def exact_numbers(content: bytes) -> dict[str, Decimal]:
    """Return the exact numbers of a JSON object that `parse_json` accepts.

    Raises `ValueError` for an exponent of too many digits.
    """
    try:
        values = json.loads(content, parse_float=Decimal, parse_int=Decimal)
    except InvalidOperation:
        raise ValueError("a number has an exponent of too many digits") from None
    return {name: value for name, value in values.items() if isinstance(value, Decimal)}


def read_bytes(path: Path, *, most_bytes: int) -> bytes:
    """Read a regular file, without following a link. Raises `ValueError` as `read_json` does."""
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
    """Return the objects and lists directly inside an object or a list."""
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


def check_entry(entry: Path, *, stage: str, bytes_allowed: int) -> None:
    """Raise `TaskFailed` unless `entry` is a regular file, or a folder with files and without links."""
    place = f"{entry.parent.name}/{entry.name}"
    with output_refused(stage):
        if not os.path.lexists(entry) or _files_in(entry, bytes_allowed) == 0:
            raise TaskFailed(
                FailureCategory.OUTPUT_INVALID,
                f"stage {stage} ended well but left no {place}",
                remedy=f"let it write {place}, a file or a folder with files in it, before it exits with 0",
            )


def check_tree(folder: Path, *, stage: str, bytes_allowed: int) -> None:
    """Raise `TaskFailed` unless the folder has regular files and folders only, within the limit."""
    with output_refused(stage):
        _files_in(folder, bytes_allowed)


@contextmanager
def output_refused(stage: str) -> Iterator[None]:
    """Translate tree errors in a container's output into `TaskFailed`."""
    try:
        yield
    except TreeTooLarge as error:
        category = FailureCategory.OUTPUT_TOO_LARGE
        raise TaskFailed(category, f"stage {stage}: {error.message}", remedy=error.remedy) from error
    except TreeRefused as error:
        category = FailureCategory.OUTPUT_INVALID
        raise TaskFailed(category, f"stage {stage}: {error.message}", remedy=error.remedy) from error


def _files_in(entry: Path, bytes_allowed: int) -> int:
    """Count the files; walk all of them, so that any invalid entry is found."""
    return sum(1 for _ in tree_files(entry, caps=FOUND_AFTER_RUN.with_bytes(bytes_allowed)))
