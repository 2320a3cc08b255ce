"""When did two runs come to the same? When all that is left differs in no right and no amount."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

from tests.chain_rules.codec import name_of
from tests.chain_rules.state import State

_BOOKKEEPING = {"Agenda", "NextEntry"}
"""Entries are numbered as they are made; what they are for stands on the objects."""


def outcome_of(state: State) -> dict[tuple[str, Any], Any]:
    """Everybody's money and every record, without the numbers of agenda entries and the moments of settling."""
    found: dict[tuple[str, Any], Any] = {}
    for account, data in state.accounts.items():
        found["money", account] = (data.free, data.reserved)
    for pallet in ("Tasks", "Registry"):
        for name, records in state.maps(pallet).items():
            if name not in _BOOKKEEPING:
                found |= {(name, key): _settled(record) for key, record in records.items()}
    return found


def difference(one: dict[tuple[str, Any], Any], other: dict[tuple[str, Any], Any]) -> list[str]:
    """Where they disagree, and what each says there."""
    keys = sorted((key for key in one.keys() | other.keys() if one.get(key) != other.get(key)), key=str)
    return [line for key in keys for line in _contrast(f"{key[0]} {key[1]}", one.get(key), other.get(key))]


def _contrast(name: str, one: Any, other: Any) -> list[str]:
    """Of records only the fields that differ."""
    if not is_dataclass(one) or type(one) is not type(other):
        return [f"{name}: {one} or {other}"]
    parts = ((field.name, getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    return [line for part, left, right in parts if left != right for line in _contrast(f"{name} {part}", left, right)]


def _settled(record: Any) -> Any:
    if hasattr(record, "alarm"):
        record = replace(record, alarm=record.alarm and record.alarm.at)
    if hasattr(record, "status") and name_of(record.status) in ("Final", "Accepted", "Rejected"):
        record = replace(record, status=replace(record.status, at=0))
    return record
