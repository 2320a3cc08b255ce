"""The runtime's schema by its metadata: storage items, calls, errors and constants."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from node_runtime.devnet.scale import Reader
from node_runtime.devnet.wasm.functions import twox
from tests.chain_rules.codec import Case, Codec, Decode, name_of
from tests.chain_rules.metadata import Item, Metadata, Variants, read_metadata

_HASH_BYTES = {0: 16, 1: 32, 2: 16, 3: 16, 4: 32, 5: 8, 6: 0}
"""How many bytes each of frame's hashers puts before the key it hashes."""


@dataclass(frozen=True)
class Stored:
    """A storage item: decodes what follows its prefix in a key, and its values."""

    pallet: str
    name: str
    keys: tuple[tuple[int, Decode], ...]
    value: Decode

    def key(self, tail: bytes) -> Any:
        """None for a single value, the key of a map, a pair for a double map."""
        reader = Reader(tail)
        parts = []
        for hash_bytes, decode in self.keys:
            reader.take(hash_bytes)
            parts.append(decode(reader))
        if len(parts) == 1:
            return parts[0]
        return tuple(parts) or None


@dataclass(frozen=True)
class Call:
    """A call of a pallet with its arguments in their order."""

    pallet: str
    name: str
    arguments: tuple[Any, ...]


@cache
def schema_of(encoded: bytes) -> "Schema":
    """Read once for all chains with this metadata: it takes longer than many a test."""
    return Schema(encoded)


class Schema:
    """What the runtime's metadata says, ready to use."""

    def __init__(self, encoded: bytes) -> None:
        self._metadata: Metadata = read_metadata(encoded)
        self._codec = Codec(self._metadata.types)
        self.stored = dict(self._stored())
        self._calls = dict(self._call_writers())
        self._errors = dict(self._error_names())

    def call(self, call: Call) -> bytes:
        index, encoders = self._calls[call.pallet, call.name]
        parts = zip(encoders, call.arguments, strict=True)
        return index + b"".join(encode(argument) for encode, argument in parts)

    def constant(self, pallet: str, name: str) -> Any:
        found = next(
            constant
            for known in self._metadata.pallets
            if known.name == pallet
            for constant in known.constants
            if constant.name == name
        )
        return self._codec.decoder(found.type)(Reader(found.value))

    def error(self, failure: Any) -> str:
        """The name of a decoded ``DispatchError``: a pallet's rule, or frame's own word."""
        if name_of(failure) == "Module":
            module = failure.values[0]
            return self._errors[module.index, module.error[0]]
        if isinstance(failure, Case) and failure.values:
            return f"{failure.name}.{name_of(failure.values[0])}"
        return name_of(failure)

    def _stored(self) -> Iterator[tuple[bytes, Stored]]:
        for pallet in self._metadata.pallets:
            for item in pallet.storage:
                prefix = twox(pallet.name.encode(), 2) + twox(item.name.encode(), 2)
                yield prefix, Stored(pallet.name, item.name, self._keys(item), self._codec.late_decoder(item.value))

    def _keys(self, item: Item) -> tuple[tuple[int, Decode], ...]:
        if item.key is None:
            return ()
        if len(item.hashers) == 1:
            return ((_HASH_BYTES[item.hashers[0]], self._codec.decoder(item.key)),)
        parts = self._metadata.types[item.key].shape.items  # type: ignore[union-attr]
        decoders = map(self._codec.decoder, parts)
        return tuple((_HASH_BYTES[hasher], decode) for hasher, decode in zip(item.hashers, decoders, strict=True))

    def _call_writers(self) -> Iterator[tuple[tuple[str, str], tuple[bytes, list[Any]]]]:
        for pallet in self._metadata.pallets:
            for case in self._cases(pallet.calls):
                encoders = [self._codec.late_encoder(field.type) for field in case.fields]
                yield (pallet.name, case.name), (bytes((pallet.index, case.index)), encoders)

    def _error_names(self) -> Iterator[tuple[tuple[int, int], str]]:
        for pallet in self._metadata.pallets:
            for case in self._cases(pallet.errors):
                yield (pallet.index, case.index), case.name

    def _cases(self, number: int | None) -> tuple[Any, ...]:
        if number is None:
            return ()
        shape = self._metadata.types[number].shape
        assert isinstance(shape, Variants)
        return shape.cases
