"""A runtime's V14 metadata, read into plain classes.

Source: frame-metadata's ``v14`` module and scale-info's ``PortableRegistry``. A walk encodes and decodes a hundred
thousand values; client libraries, which look every type up by its name again, take fifty times as long.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from node_runtime.devnet.scale import Reader

_MAGIC_V14 = b"meta\x0e"
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Field:
    """A part of a composite or variant; ``name`` is empty where parts are only counted."""

    name: str
    type: int


@dataclass(frozen=True)
class Case:
    """One variant of an enum, written as ``index``."""

    name: str
    index: int
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Composite:
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Variants:
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Sequence:
    item: int


@dataclass(frozen=True)
class Array:
    length: int
    item: int


@dataclass(frozen=True)
class Tuple:
    items: tuple[int, ...]


@dataclass(frozen=True)
class Primitive:
    """By its number in scale-info's ``TypeDefPrimitive``."""

    number: int


@dataclass(frozen=True)
class Compact:
    item: int


Shape = Composite | Variants | Sequence | Array | Tuple | Primitive | Compact


@dataclass(frozen=True)
class Type:
    """``path`` is the Rust path, empty for what has none."""

    path: tuple[str, ...]
    shape: Shape


@dataclass(frozen=True)
class Item:
    """One storage item. ``hashers`` is empty for a single value, else each is a number of ``StorageHasher``."""

    name: str
    hashers: tuple[int, ...]
    key: int | None
    value: int


@dataclass(frozen=True)
class Constant:
    name: str
    type: int
    value: bytes


@dataclass(frozen=True)
class Pallet:
    """``calls``, ``events`` and ``errors`` are the types of these enums, where the pallet has them."""

    name: str
    index: int
    storage: tuple[Item, ...]
    calls: int | None
    events: int | None
    errors: int | None
    constants: tuple[Constant, ...]


@dataclass(frozen=True)
class Metadata:
    types: tuple[Type, ...]
    pallets: tuple[Pallet, ...]


def read_metadata(encoded: bytes) -> Metadata:
    """Raises `ValueError` when it is no V14 metadata."""
    if not encoded.startswith(_MAGIC_V14):
        raise ValueError("this is no metadata in version 14")
    reader = Reader(encoded, len(_MAGIC_V14))
    return Metadata(types=_list(reader, _type), pallets=_list(reader, _pallet))


def _list(reader: Reader, read: Callable[[Reader], _Item]) -> tuple[_Item, ...]:
    return tuple(read(reader) for _ in range(reader.compact()))


def _option(reader: Reader, read: Callable[[Reader], _Item]) -> _Item | None:
    return read(reader) if reader.u8() else None


def _text(reader: Reader) -> str:
    return reader.prefixed().decode()


def _type(reader: Reader) -> Type:
    reader.compact()  # its id, which is its place in the list
    path = _list(reader, _text)
    _list(reader, lambda parameter: (_text(parameter), _option(parameter, Reader.compact)))
    shape = _shape(reader)
    _list(reader, _text)
    return Type(path, shape)


def _shape(reader: Reader) -> Shape:
    match reader.u8():
        case 0:
            return Composite(_list(reader, _field))
        case 1:
            return Variants(_list(reader, _case))
        case 2:
            return Sequence(reader.compact())
        case 3:
            return Array(reader.u32(), reader.compact())
        case 4:
            return Tuple(_list(reader, Reader.compact))
        case 5:
            return Primitive(reader.u8())
        case 6:
            return Compact(reader.compact())
        case kind:
            raise ValueError(f"the runtime has a type of kind {kind}, which none of ours is")


def _field(reader: Reader) -> Field:
    name = _option(reader, _text)
    kind = reader.compact()
    _option(reader, _text)
    _list(reader, _text)
    return Field(name or "", kind)


def _case(reader: Reader) -> Case:
    name, fields, index = _text(reader), _list(reader, _field), reader.u8()
    _list(reader, _text)
    return Case(name, index, fields)


def _pallet(reader: Reader) -> Pallet:
    name = _text(reader)
    storage = _option(reader, _storage) or ()
    calls, events = _option(reader, Reader.compact), _option(reader, Reader.compact)
    constants = _list(reader, _constant)
    errors = _option(reader, Reader.compact)
    return Pallet(name, reader.u8(), storage, calls, events, errors, constants)


def _storage(reader: Reader) -> tuple[Item, ...]:
    _text(reader)  # the prefix, which is the pallet's name
    return _list(reader, _item)


def _item(reader: Reader) -> Item:
    name = _text(reader)
    reader.u8()  # whether a missing value has a default
    hashers: tuple[int, ...] = ()
    key = None
    if reader.u8():
        hashers, key = _list(reader, Reader.u8), reader.compact()
    value = reader.compact()
    reader.prefixed()
    _list(reader, _text)
    return Item(name, hashers, key, value)


def _constant(reader: Reader) -> Constant:
    name, kind, value = _text(reader), reader.compact(), reader.prefixed()
    _list(reader, _text)
    return Constant(name, kind, value)
