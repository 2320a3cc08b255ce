"""The chain's state, decoded. Updated from what each block changes, so that reads are cheap."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from node_runtime.devnet.scale import Reader
from tests.chain_rules.codec import name_of
from tests.chain_rules.schema import Schema

_WATCHED = {
    "System": {"Account", "Events"},
    "Timestamp": {"Now"},
    "Balances": {"Holds", "TotalIssuance"},
    "Registry": None,
    "Tasks": None,
}
"""Pallets whose items are decoded, None for all."""
_PREFIX = 32


@dataclass(frozen=True)
class Event:
    """What a block tells. ``extrinsic`` is its place in the block, None for what the chain did by itself."""

    extrinsic: int | None
    pallet: str
    name: str
    fields: Any


class State:
    """The watched items at one block: maps by key; a single value is a map with the key None."""

    def __init__(self, schema: Schema, items: Mapping[str, dict[Any, Any]] | None = None) -> None:
        self._schema = schema
        self._items: dict[str, dict[Any, Any]] = {name: dict(item) for name, item in (items or {}).items()}

    def apply(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        for key, value in changes:
            stored = self._schema.stored.get(key[:_PREFIX])
            if stored is None or not _is_watched(stored.pallet, stored.name):
                continue
            item = self._items.setdefault(f"{stored.pallet}.{stored.name}", {})
            where = stored.key(key[_PREFIX:])
            if value is None:
                item.pop(where, None)
            else:
                item[where] = stored.value(Reader(value))

    def changed(self, changes: Mapping[bytes, bytes | None]) -> "State":
        """Another state, with these changes."""
        other = State(self._schema, self._items)
        other.apply(changes.items())
        return other

    def map(self, pallet: str, name: str) -> dict[Any, Any]:
        return self._items.get(f"{pallet}.{name}", {})

    def maps(self, pallet: str) -> dict[str, dict[Any, Any]]:
        """All items of a pallet by name."""
        of_pallet = f"{pallet}."
        return {name.removeprefix(of_pallet): item for name, item in self._items.items() if name.startswith(of_pallet)}

    def tasks(self, name: str) -> dict[Any, Any]:
        """A map of the pallet Tasks."""
        return self.map("Tasks", name)

    def registry(self, name: str) -> dict[Any, Any]:
        return self.map("Registry", name)

    def single(self, pallet: str, name: str) -> Any:
        return self.map(pallet, name).get(None)

    @property
    def now(self) -> int:
        """The time of its block, in milliseconds."""
        return int(self.single("Timestamp", "Now"))

    @property
    def accounts(self) -> dict[bytes, Any]:
        """Free and reserved money of each account."""
        return {account: info.data for account, info in self.map("System", "Account").items()}

    def worth(self, account: bytes) -> int:
        """All that an account owns, held or not."""
        data = self.accounts.get(account)
        return data.free + data.reserved if data else 0

    def held(self, account: bytes, reason: str) -> int:
        """What Tasks holds of an account: ``Escrow``, ``Bond`` or ``Bytes``."""
        for hold in self.map("Balances", "Holds").get(account, ()):
            if name_of(hold.id) == "Tasks" and name_of(hold.id.values[0]) == reason:
                return int(hold.amount)
        return 0

    @property
    def events(self) -> list[Event]:
        return [_event(record) for record in self.single("System", "Events") or ()]


def _event(record: Any) -> Event:
    phase = record.phase
    extrinsic = phase.values[0] if name_of(phase) == "ApplyExtrinsic" else None
    output = record.event.values[0]
    return Event(extrinsic, name_of(record.event), name_of(output), output)


def _is_watched(pallet: str, name: str) -> bool:
    watched = _WATCHED.get(pallet, set())
    return watched is None or name in watched
