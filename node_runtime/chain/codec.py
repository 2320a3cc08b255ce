"""What do the chain's bytes mean? Storage keys and values, calls, events and errors by the runtime's metadata."""

import gc
import threading
import time
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

from .connection import Connection
from .metadata import RuntimeVersion, raw_metadata, runtime_version

SS58_FORMAT = 42
_LOOK_AGAIN = 60.0  # seconds
# The library knows these types by the names they had in sp-core; otherwise each would be a tuple around its list.
_MOVED = {
    "types": {
        "bounded_collections::bounded_vec::BoundedVec": "BoundedVec",
        "bounded_collections::weak_bounded_vec::WeakBoundedVec": "BoundedVec",
    }
}
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
    """Remembers the class of every type: the library makes a new one for each `Vec<…>` that it meets, which is three
    quarters of the time that decoding metadata takes."""

    def __init__(self) -> None:
        self._classes: dict[str, Any] = {}
        super().__init__(ss58_format=SS58_FORMAT, implements_scale_info=True)

    def get_decoder_class(self, type_string: Any) -> Any:
        if not isinstance(type_string, str):
            return super().get_decoder_class(type_string)
        found = self._classes.get(type_string)
        if found is None:
            found = super().get_decoder_class(type_string)
            if found is not None:
                self._classes[type_string] = found
        elif found.runtime_config is not self:
            found.runtime_config = self  # the library's own classes are shared by all clients of this process
        return found

    def forget(self) -> None:
        """Types got another meaning."""
        self._classes.clear()


@dataclass(frozen=True, kw_only=True)
class Event:
    """What a block tells of one extrinsic: `fields` as the library decodes them."""

    extrinsic: int | None
    pallet: str
    name: str
    fields: Any


@dataclass(frozen=True, kw_only=True)
class PalletError:
    """A rule that a pallet names, and what its documentation says: what is wrong, what to do."""

    name: str
    docs: str


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of a pallet, its arguments in the library's shapes."""

    pallet: str
    function: str
    arguments: dict[str, Any]

    def named(self) -> dict[str, Any]:
        """As the library wants it."""
        return {"call_module": self.pallet, "call_function": self.function, "call_args": self.arguments}


class Codec:
    """Encodes and decodes for one runtime. Safe to share between threads."""

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
        for pallet in self._metadata.pallets:  # each look would make all of its storage's descriptions anew
            pallet.get_storage_function = cache(pallet.get_storage_function)
        self._check_extensions()

    def key(self, pallet: str, item: str, params: Sequence[object]) -> StorageKey:
        """The key of a storage value, or the prefix of a map when the last parameters are left out."""
        with self._lock, _unwritable(f"{pallet}.{item}"):
            return StorageKey.create_from_storage_function(pallet, item, list(params), self._types, self._metadata)

    def value(self, key: StorageKey, encoded: str | None) -> Any:
        """What stands under a key, as plain Python; None or the item's default when nothing does."""
        with self._lock:
            data = None if encoded is None else ScaleBytes(encoded)
            return key.decode_scale_value(data).value

    def call(self, call: Call) -> bytes:
        """Raises `InputError` for arguments that have no place in the call's types."""
        with self._lock, _unwritable(call.function):
            encoded = self._types.create_scale_object("Call", metadata=self._metadata).encode(call.named())
            return bytes(encoded.data)

    def encode(self, type_string: str, value: object) -> bytes:
        with self._lock:
            return bytes(self._types.create_scale_object(type_string).encode(value).data)

    def events(self, key: StorageKey, encoded: str | None) -> tuple[Event, ...]:
        """All events of a block, from what stands under the ``key`` of ``System.Events``."""
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

    def _check_extensions(self) -> None:
        known = tuple(self._metadata.get_signed_extensions())
        if known != _EXTENSIONS:
            unlike = sorted(set(known) ^ set(_EXTENSIONS)) or list(known)
            raise ChainError(
                f"the chain's transactions are made otherwise than this program knows: {', '.join(unlike)}",
                remedy="use a release of node-runtime that fits the chain",
            )


_known: dict[RuntimeVersion, Codec] = {}
_known_lock = threading.Lock()


class CurrentCodec:
    """The codec of the runtime in force, for as long as a connection lives: a chain may be upgraded meanwhile."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._codec = codec_of(connection)
        self._looked = time.monotonic()

    def get(self) -> Codec:
        if time.monotonic() > self._looked + _LOOK_AGAIN:
            self.renew()
        return self._codec

    def renew(self) -> Codec:
        """Look now, because something didn't fit."""
        self._codec = codec_of(self._connection)
        self._looked = time.monotonic()
        return self._codec


def codec_of(connection: Connection) -> Codec:
    """The codec of the chain's present runtime; metadata is decoded once for the whole process."""
    head = connection.request("chain_getFinalizedHead")
    version = runtime_version(connection, head)
    with _known_lock:
        codec = _known.get(version)
        if codec is None:
            codec = _known[version] = Codec(version, raw_metadata(connection, version, head))
        return codec


@contextmanager
def _unwritable(what: str) -> Iterator[None]:
    try:
        yield
    except StorageFunctionNotFound:
        raise ChainError(f"the chain doesn't know {what}", remedy="check that it is a chain for node-runtime") from None
    except (ValueError, OverflowError, TypeError, KeyError) as error:
        reason = f"the chain has no way to write what was given for {what}: {error}"
        raise InputError(reason, remedy="check its amounts, digests, addresses and ids") from None


def _without_garbage_collection(decode: Any) -> None:
    """Decoding makes ten thousands of objects which all stay; looking through them again and again is in vain."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        decode()
    finally:
        if enabled:
            gc.enable()
