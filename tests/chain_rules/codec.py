"""Codec of the runtime's values: one encoder and one decoder for each of its types, made once.

Values in Python: integers, booleans, ``bytes`` for byte strings, byte arrays and accounts, tuples for lists and tuples,
None or the value for options. A struct is an object with its fields as attributes; a variant too, of a class with the
variant's name, or that name as a string when it has no fields. To encode, any object with the right attributes does; a
variant with one field without a name is `Case(name, value)`.
"""

from collections.abc import Callable
from dataclasses import dataclass, make_dataclass
from keyword import iskeyword
from typing import Any

from node_runtime.devnet.scale import Reader, compact, prefixed
from tests.chain_rules import metadata as meta

_UNSIGNED_BITS = {3: 8, 4: 16, 5: 32, 6: 64, 7: 128, 8: 256}
_SIGNED_BITS = {9: 8, 10: 16, 11: 32, 12: 64, 13: 128, 14: 256}
_BOOL, _STR, _U8 = 0, 2, 3

Encode = Callable[[Any], bytes]
Decode = Callable[[Reader], Any]


@dataclass(frozen=True)
class Case:
    """A variant whose parts have no names."""

    name: str
    values: tuple[Any, ...]

    @classmethod
    def of(cls, name: str, *values: Any) -> "Case":
        return cls(name, values)


def name_of(value: Any) -> str:
    """Which variant a decoded enum is."""
    if isinstance(value, str):
        return value
    return value.name if isinstance(value, Case) else type(value).__name__


class Codec:
    """Encoders and decoders of one runtime's types, by their number in its metadata."""

    def __init__(self, types: tuple[meta.Type, ...]) -> None:
        self._types = types
        self._encoders: dict[int, Encode] = {}
        self._decoders: dict[int, Decode] = {}

    def encoder(self, number: int) -> Encode:
        if number not in self._encoders:
            self._encoders[number] = self.late_encoder(number)  # a type may contain itself
            self._encoders[number] = self._encoder(self._types[number])
        return self._encoders[number]

    def decoder(self, number: int) -> Decode:
        if number not in self._decoders:
            self._decoders[number] = self.late_decoder(number)
            self._decoders[number] = self._decoder(self._types[number])
        return self._decoders[number]

    def late_encoder(self, number: int) -> Encode:
        """One that is made when it is first used: most of a runtime's types never are."""
        return lambda value: self.encoder(number)(value)

    def late_decoder(self, number: int) -> Decode:
        return lambda reader: self.decoder(number)(reader)

    def _encoder(self, described: meta.Type) -> Encode:
        match described.shape:
            case meta.Composite(fields=(meta.Field(name=""),) as fields):
                return self.encoder(fields[0].type)
            case meta.Composite(fields):
                return self._struct_encoder(fields)
            case meta.Variants(cases) if described.path == ("Option",):
                inner = self.encoder(cases[1].fields[0].type)
                return lambda value: b"\0" if value is None else b"\1" + inner(value)
            case meta.Variants(cases):
                return self._enum_encoder(cases)
            case meta.Sequence(item) if self._is_byte(item):
                return prefixed
            case meta.Sequence(item):
                each = self.encoder(item)
                return lambda values: compact(len(values)) + b"".join(map(each, values))
            case meta.Array(_, item) if self._is_byte(item):
                return bytes
            case meta.Tuple(items):
                parts = [self.encoder(item) for item in items]
                return lambda values: b"".join(part(value) for part, value in zip(parts, values, strict=True))
            case meta.Primitive(number) if number in _UNSIGNED_BITS or number in _SIGNED_BITS:
                size = (_UNSIGNED_BITS | _SIGNED_BITS)[number] // 8
                signed = number in _SIGNED_BITS
                return lambda value: value.to_bytes(size, "little", signed=signed)
            case meta.Primitive(number) if number == _BOOL:
                return lambda value: b"\1" if value else b"\0"
            case meta.Compact():
                return compact
            case shape:
                raise NotEncodable(str(shape))

    def _struct_encoder(self, fields: tuple[meta.Field, ...]) -> Encode:
        parts = [(field.name, self.encoder(field.type)) for field in fields]
        return lambda value: b"".join(encode(getattr(value, name)) for name, encode in parts)

    def _enum_encoder(self, cases: tuple[meta.Case, ...]) -> Encode:
        writers = {case.name: (bytes((case.index,)), self._case_encoder(case)) for case in cases}

        def encode(value: Any) -> bytes:
            index, rest = writers[name_of(value)]
            return index + rest(value)

        return encode

    def _case_encoder(self, case: meta.Case) -> Encode:
        if not case.fields:
            return lambda _: b""
        if case.fields[0].name:
            return self._struct_encoder(case.fields)
        parts = [self.encoder(field.type) for field in case.fields]
        return lambda value: b"".join(part(each) for part, each in zip(parts, value.values, strict=True))

    def _decoder(self, described: meta.Type) -> Decode:
        match described.shape:
            case meta.Composite(fields=(meta.Field(name=""),) as fields):
                return self.decoder(fields[0].type)
            case meta.Composite(fields):
                return self._struct_decoder(described.path[-1], fields)
            case meta.Variants(cases) if described.path == ("Option",):
                inner = self.decoder(cases[1].fields[0].type)
                return lambda reader: inner(reader) if reader.u8() else None
            case meta.Variants(cases):
                readers = {case.index: self._case_decoder(case) for case in cases}
                return lambda reader: readers[reader.u8()](reader)
            case meta.Sequence(item) if self._is_byte(item):
                return Reader.prefixed
            case meta.Sequence(item):
                each = self.decoder(item)
                return lambda reader: tuple([each(reader) for _ in range(reader.compact())])
            case meta.Array(length, item) if self._is_byte(item):
                return lambda reader: reader.take(length)
            case meta.Array(length, item):
                each = self.decoder(item)
                return lambda reader: tuple([each(reader) for _ in range(length)])
            case meta.Tuple(items):
                parts = [self.decoder(item) for item in items]
                return lambda reader: tuple([part(reader) for part in parts])
            case meta.Primitive(number) if number in _UNSIGNED_BITS or number in _SIGNED_BITS:
                size = (_UNSIGNED_BITS | _SIGNED_BITS)[number] // 8
                signed = number in _SIGNED_BITS
                return lambda reader: int.from_bytes(reader.take(size), "little", signed=signed)
            case meta.Primitive(number) if number == _BOOL:
                return lambda reader: bool(reader.u8())
            case meta.Primitive(number) if number == _STR:
                return lambda reader: reader.prefixed().decode()
            case meta.Compact():
                return Reader.compact
            case shape:
                raise NotEncodable(str(shape))

    def _struct_decoder(self, name: str, fields: tuple[meta.Field, ...]) -> Decode:
        made: Any = make_dataclass(
            name, [f"{field.name}_" if iskeyword(field.name) else field.name for field in fields]
        )
        parts = [self.decoder(field.type) for field in fields]
        return lambda reader: made(*[part(reader) for part in parts])

    def _case_decoder(self, case: meta.Case) -> Decode:
        if not case.fields:
            return lambda _: case.name
        if case.fields[0].name:
            return self._struct_decoder(case.name, case.fields)
        parts = [self.decoder(field.type) for field in case.fields]
        return lambda reader: Case(case.name, tuple([part(reader) for part in parts]))

    def _is_byte(self, number: int) -> bool:
        return self._types[number].shape == meta.Primitive(_U8)


class NotEncodable(TypeError):
    """The runtime has a type for which there is no rule here."""
