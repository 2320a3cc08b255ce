"""SCALE encoding and decoding of storage, calls, events and errors by the runtime's metadata."""

import gc
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
from scalecodec.type_registry import load_type_registry_preset
from substrateinterface.exceptions import StorageFunctionNotFound
from substrateinterface.storage import StorageKey

from node_runtime.errors import ChainError, InputError

SS58_FORMAT = 42
# The library knows these types by their sp-core names; otherwise each decodes to a tuple around its list.
_MOVED = {
    "types": {
        "bounded_collections::bounded_vec::BoundedVec": "BoundedVec",
        "bounded_collections::weak_bounded_vec::WeakBoundedVec": "BoundedVec",
    }
}
# the constant in milliseconds, and how many of it make a slot
_SLOTS = (("Aura", "SlotDuration", 1), ("Babe", "ExpectedBlockTime", 1), ("Timestamp", "MinimumPeriod", 2))
_U128 = 16  # bytes of the largest number
_MIGRATING = ("MultiBlockMigrations", "Migrations")  # pallet-migrations and its call type in the runtime
_EXTENSIONS = (
    "CheckNonZeroSender",
    "CheckSpecVersion",
    "CheckTxVersion",
    "CheckGenesis",
    "CheckMortality",
    "CheckNonce",
    "CheckWeight",
    "ChargeTransactionPayment",
)


class _Types(RuntimeConfigurationObject):  # type: ignore[misc]
    """Cache the class of every type: the library creates a new one for each `Vec<…>` and each event's fields, three
    quarters of the time of decoding metadata."""

    def __init__(self) -> None:
        self._classes: dict[str, Any] = {}
        super().__init__(ss58_format=SS58_FORMAT, implements_scale_info=True)

    def get_decoder_class(self, type_string: Any) -> Any:
        name = str(type_string)  # a type's name or a struct's fields
        found = self._classes.get(name)
        if found is None:
            found = super().get_decoder_class(type_string)
            if found is not None:
                self._classes[name] = found
        elif found.runtime_config is not self:
            found.runtime_config = self  # the library's own classes are shared by all clients of this process
        return found

    def forget(self) -> None:
        """Drop the cache after type definitions change."""
        self._classes.clear()


@dataclass(frozen=True, kw_only=True)
class RuntimeVersion:
    """Identity of a runtime: the two versions signed into transactions, and the hash of its code."""

    genesis: str
    code: str
    spec: int
    transaction: int


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event of one extrinsic; `fields` are as the library decodes them."""

    extrinsic: int | None
    pallet: str
    name: str
    fields: Any


@dataclass(frozen=True, kw_only=True)
class PalletError:
    """A pallet's error: its name and its documentation, the reason followed by the remedy."""

    name: str
    docs: str


@dataclass(frozen=True, kw_only=True)
class Call:
    """A pallet's call with its arguments in the library's shapes."""

    pallet: str
    function: str
    arguments: dict[str, Any]

    def named(self) -> dict[str, Any]:
        """Return the call in the library's format."""
        return {"call_module": self.pallet, "call_function": self.function, "call_args": self.arguments}


class Codec:
    """Encoder and decoder for one runtime. Safe to share between threads."""

    def __init__(self, version: RuntimeVersion, metadata: bytes) -> None:
        self.version = version
        self._lock = threading.RLock()
        self._types = _Types()
        self._types.update_type_registry(load_type_registry_preset("core"))
        self._types.update_type_registry(_MOVED)
        self._metadata = self._types.create_scale_object("MetadataVersioned", data=ScaleBytes(metadata))
        _without_garbage_collection(self._metadata.decode)
        self._types.forget()
        self._types.add_portable_registry(self._metadata)
        self._types.set_active_spec_version_id(version.spec)
        for pallet in self._metadata.pallets:  # uncached, each access rebuilds the storage's descriptions
            pallet.get_storage_function = cache(pallet.get_storage_function)
        self._check_extensions()

    def key(self, pallet: str, item: str, params: Sequence[object]) -> StorageKey:
        """Return the key of a storage value, or a map's key prefix when the last parameters are omitted."""
        with self._lock, _unwritable(f"{pallet}.{item}"):
            return StorageKey.create_from_storage_function(pallet, item, list(params), self._types, self._metadata)

    def knows(self, pallet: str, item: str) -> bool:
        """Return whether the runtime has this storage item; earlier ones lack some."""
        found = self._metadata.get_metadata_pallet(pallet)
        return found is not None and found.get_storage_function(item) is not None

    def value(self, key: StorageKey, encoded: str | None) -> Any:
        """Decode a stored value to plain Python; None or the item's default for an absent one."""
        with self._lock:
            data = None if encoded is None else ScaleBytes(encoded)
            return key.decode_scale_value(data).value

    def call(self, call: Call) -> bytes:
        """Encode a call. Raises `InputError` for arguments outside the call's types."""
        with self._lock, _unwritable(call.function):
            encoded = self._types.create_scale_object("Call", metadata=self._metadata).encode(call.named())
            return bytes(encoded.data)

    def encode(self, type_string: str, value: object) -> bytes:
        with self._lock:
            return bytes(self._types.create_scale_object(type_string).encode(value).data)

    def size(self, pallet: str, item: str, value: object) -> int:
        """Return the encoded size in bytes of a value of a storage item."""
        with self._lock, _unwritable(f"{pallet}.{item}"):
            kept = self._metadata.get_metadata_pallet(pallet).get_storage_function(item)
            return len(self.encode(kept.get_value_type_string(), value))

    def events(self, key: StorageKey, encoded: str | None) -> tuple[Event, ...]:
        """Decode all events of a block from the value under the ``key`` of ``System.Events``."""
        records = self.value(key, encoded)
        return tuple(
            Event(
                extrinsic=record["extrinsic_idx"],
                pallet=record["module_id"],
                name=record["event_id"],
                fields=record["attributes"],
            )
            for record in records
        )

    def pallet_error(self, pallet: int, error: int) -> PalletError:
        with self._lock:
            found = self._metadata.get_module_error(pallet, error)
        return PalletError(name=found.name, docs=" ".join(line.strip() for line in found.docs if line.strip()))

    def slot_duration(self) -> int:
        """Return the slot's milliseconds from Aura or BABE, else derived from the timestamp pallet's minimum period."""
        for pallet, constant, factor in _SLOTS:
            known = self.constants(pallet)
            if constant in known:
                return known[constant] * factor
        raise ChainError("the chain's metadata gives no slot duration", remedy="use a chain with timestamps")

    def constants(self, pallet: str) -> dict[str, int]:
        """Return a pallet's numeric constants; empty when the chain lacks the pallet."""
        encoded = self.encoded_constants(pallet)
        return {name: int.from_bytes(value, "little") for name, value in encoded.items() if len(value) <= _U128}

    def encoded_constants(self, pallet: str) -> dict[str, bytes]:
        """Return a pallet's constants as the chain encodes them."""
        with self._lock:
            found = self._metadata.get_metadata_pallet(pallet)
            known = (found.constants if found else None) or ()
            return {one.value["name"]: bytes(one.constant_value) for one in known}

    def migration_cursor(self) -> str | None:
        """Return the storage key of the migration cursor; None for a runtime without multi-block migrations.

        Source: the storage item ``Cursor`` of pallet-migrations.
        """
        names = (pallet.value["name"] for pallet in self._metadata.pallets)
        name = next((name for name in names if name in _MIGRATING), None)
        return None if name is None else str(self.key(name, "Cursor", ()).to_hex())

    def _check_extensions(self) -> None:
        known = tuple(self._metadata.get_signed_extensions())
        if known != _EXTENSIONS:
            unlike = sorted(set(known) ^ set(_EXTENSIONS)) or list(known)
            raise ChainError(
                f"the chain uses transaction extensions that this program does not support: {', '.join(unlike)}",
                remedy="use a release of node-runtime that supports the chain",
            )


@contextmanager
def _unwritable(what: str) -> Iterator[None]:
    try:
        yield
    except StorageFunctionNotFound:
        raise ChainError(f"the chain doesn't know {what}", remedy="check that it is a chain for node-runtime") from None
    except (ValueError, OverflowError, TypeError, KeyError) as error:
        reason = f"the chain can't encode the arguments of {what}: {error}"
        raise InputError(reason, remedy="check its amounts, digests, addresses and ids") from None


def _without_garbage_collection(decode: Any) -> None:
    """Pause the garbage collector: decoding allocates tens of thousands of long-lived objects."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        decode()
    finally:
        if enabled:
            gc.enable()
