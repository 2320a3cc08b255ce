"""Arguments of RPC methods: positional parameters, the requesting connection, and the room left in its reply."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from node_runtime.devnet.chain import EmbeddedChain

from . import errors

Json = None | bool | int | str | Sequence["Json"] | Mapping[str, "Json"]
LARGEST_REPLY = 16 * 1024 * 1024  # bytes, also for a whole batch


@dataclass(frozen=True)
class Params:
    """A request's positional parameters; every method raises `RpcError` -32602 for a wrong type."""

    values: tuple[object, ...]

    def get(self, position: int) -> object:
        return self.values[position] if position < len(self.values) else None

    def text(self, position: int) -> str:
        value = self.get(position)
        if not isinstance(value, str):
            raise errors.invalid_params(f"parameter {position + 1} must be a string")
        return value

    def data(self, position: int) -> bytes:
        return unhex(self.text(position), position)

    def optional_data(self, position: int) -> bytes | None:
        return None if self.get(position) is None else self.data(position)

    def many_data(self, position: int) -> list[bytes]:
        value = self.get(position)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise errors.invalid_params(f"parameter {position + 1} must be a list of strings")
        return [unhex(item, position) for item in value]

    def number(self, position: int) -> int:
        return as_number(self.get(position), position)

    def flag(self, position: int) -> bool:
        value = self.get(position)
        if not isinstance(value, bool):
            raise errors.invalid_params(f"parameter {position + 1} must be true or false")
        return value


def as_number(value: object, position: int) -> int:
    """Parse a block number or count: an integer, or hexadecimal text."""
    try:
        number = int(value, 16) if isinstance(value, str) else value
    except ValueError:
        number = None
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 32:
        raise errors.invalid_params(f"parameter {position + 1} must be a number below 2**32")
    return number


def unhex(text: str, position: int) -> bytes:
    """Decode the hexadecimal text of the parameter at ``position``."""
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as failure:
        raise errors.invalid_params(f"parameter {position + 1} is not hexadecimal") from failure


def hexed(data: bytes) -> str:
    return f"0x{data.hex()}"


class ReplyRoom:
    """Remaining size of a reply, checked before each part is added. Raises `RpcError` -32008 when exceeded."""

    def __init__(self, size: int = LARGEST_REPLY) -> None:
        self._size = size
        self._left = size

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise errors.reply_too_big(self._size)

    def hexed(self, data: bytes) -> str:
        """Encode bytes as hexadecimal text, counting it with its quotation marks."""
        self.take(2 * len(data) + 5)
        return hexed(data)


class Subscriber(Protocol):
    """A connection. ``takes_notices``: it accepts notifications. ``gone``: it is closed."""

    @property
    def takes_notices(self) -> bool: ...

    @property
    def gone(self) -> bool: ...

    @property
    def last_heard(self) -> float:
        """The monotonic time of its last read or write."""
        ...

    def push(self, message: Json) -> None:
        """Queue a message without blocking. Messages pushed during one of its requests follow the reply."""
        ...


ConnectionMethod = Callable[[EmbeddedChain, Params, Subscriber], Json]
"""A method that needs the requesting connection."""
ConnectionMethods = Mapping[str, ConnectionMethod]


def notice(method: str, subscription: str, result: Json) -> Json:
    """Build a subscription's notification."""
    return {"jsonrpc": "2.0", "method": method, "params": {"subscription": subscription, "result": result}}
