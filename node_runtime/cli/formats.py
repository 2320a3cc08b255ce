"""JSON and CSV for other programs, with decimals in full precision."""

import csv
import io
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal

from pydantic import BaseModel
from pydantic_core import to_json

from node_runtime.domain.units import plain
from node_runtime.platform.printable import one_line

_FORMULA = ("=", "+", "-", "@")


def exact_json(value: object) -> str:
    """Return indented JSON of nested dataclasses and models, with decimals in full precision."""
    mark = secrets.token_hex(16)  # random, so that untrusted text can't contain it
    written = to_json(_marked(value, mark), indent=2).decode()
    return re.sub(rf'"{mark}(-?[0-9.]+)"', r"\1", written)


def _marked(value: object, mark: str) -> object:
    """Return the value with each `Decimal` replaced by the mark and its digits."""
    if isinstance(value, Decimal):
        return mark + plain(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _marked(getattr(value, field.name), mark) for field in fields(value)}
    if isinstance(value, BaseModel):
        return {name: _marked(member, mark) for name, member in value}
    if isinstance(value, dict):
        return {key: _marked(member, mark) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_marked(member, mark) for member in value]
    return value


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as CSV with a head; text that is a formula to spreadsheets gets an apostrophe before it."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return written.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    if not isinstance(value, str):
        return str(value)
    text = one_line(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
