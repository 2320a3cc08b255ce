"""What may stand in a request, and what does a reply look like? Parameters by position, bytes as hexadecimal text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import rpc_errors

Json = None | bool | int | str | Sequence["Json"] | Mapping[str, "Json"]


@dataclass(frozen=True)
class Params:
    """A request's positional parameters; every method raises `RpcError` -32602 when one is not what it should be."""

    values: tuple[object, ...]

    def get(self, position: int) -> object:
        return self.values[position] if position < len(self.values) else None

    def text(self, position: int) -> str:
        value = self.get(position)
        if not isinstance(value, str):
            raise rpc_errors.invalid_params(f"parameter {position + 1} must be a string")
        return value

    def data(self, position: int) -> bytes:
        return _unhex(self.text(position), position)

    def optional_data(self, position: int) -> bytes | None:
        return None if self.get(position) is None else self.data(position)

    def many_data(self, position: int) -> list[bytes]:
        value = self.get(position)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise rpc_errors.invalid_params(f"parameter {position + 1} must be a list of strings")
        return [_unhex(item, position) for item in value]

    def number(self, position: int) -> int:
        return as_number(self.get(position), position)


def as_number(value: object, position: int) -> int:
    """A block number or count: an integer, or hexadecimal text."""
    try:
        number = int(value, 16) if isinstance(value, str) else value
    except ValueError:
        number = None
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 32:
        raise rpc_errors.invalid_params(f"parameter {position + 1} must be a number below 2**32")
    return number


def _unhex(text: str, position: int) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as failure:
        raise rpc_errors.invalid_params(f"parameter {position + 1} is not hexadecimal") from failure


def hexed(data: bytes) -> str:
    return f"0x{data.hex()}"
