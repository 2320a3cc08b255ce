"""Comparison of what two runs of a chain came to: every record, moment and amount, without fees of transactions."""

from collections import Counter
from dataclasses import fields, is_dataclass, replace
from typing import Any

from tests.chain_rules.state import State

_BOOKKEEPING = {"Agenda", "NextEntry"}
"""Entries are numbered as they are made; what they are for stands on the objects."""


def outcome_of(state: State, fees: Counter[bytes] | None = None) -> dict[tuple[str, Any], Any]:
    """Everybody's money and every record with its moments, without the numbers of agenda entries.

    ``fees`` of transactions, in base units, are given back: a call pays for the work that it finds to be done, so of
    two calls in a block the one that comes first pays more. All else that is paid, held or returned is compared as it
    is: rewards, bonds, escrow, and the prices of bytes and records.
    """
    found: dict[tuple[str, Any], Any] = {}
    for account, data in state.accounts.items():
        found["money", account] = (data.free + (fees[account] if fees else 0), data.reserved)
    for pallet in ("Tasks", "Registry"):
        for name, records in state.maps(pallet).items():
            if name not in _BOOKKEEPING:
                found |= {(name, key): _unnumbered(record) for key, record in records.items()}
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


def _unnumbered(record: Any) -> Any:
    return replace(record, alarm=record.alarm and record.alarm.at) if hasattr(record, "alarm") else record
