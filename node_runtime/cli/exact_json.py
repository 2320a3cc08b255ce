"""JSON of dataclasses and models, with decimals in full precision."""

import re
import secrets
from dataclasses import fields, is_dataclass
from decimal import Decimal

from pydantic import BaseModel
from pydantic_core import to_json

from node_runtime.domain.units import plain


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
