"""What is the state root? A base-16 Merkle-Patricia trie whose nodes never change: a block makes a new trie that
shares every untouched node with the old one, so a root costs time for the changes, not for the state.

Source: the Polkadot protocol specification, "State storage and the storage trie"; layout V1 differs from V0 in one
thing: a value of more than 32 bytes is stored as its hash.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from hashlib import blake2b

from .scale import compact, prefixed

Change = tuple[bytes, bytes | None]
"""A key in nibbles (one byte each, 0-15) and its new value; None removes the key."""

_HEX_TO_NIBBLE = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))
_NIBBLE_TO_HEX = bytes.maketrans(bytes(range(16)), b"0123456789abcdef")
_NO_CHILDREN: tuple["Node | None", ...] = ()
_SIXTEEN_EMPTY: tuple["Node | None", ...] = (None,) * 16


class Layout(Enum):
    """Which values a node holds itself; longer ones it holds as a hash."""

    V0 = 1 << 62
    V1 = 32

    @classmethod
    def of_version(cls, version: int) -> "Layout":
        if version not in (0, 1):
            raise ValueError(f"state version {version} is unknown; this host knows 0 and 1")
        return cls.V1 if version else cls.V0


class Node:
    """One trie node: the nibbles below its parent, perhaps a value, perhaps children.

    ``payload`` is the value as the node's encoding carries it: itself with its length, or its hash when ``hashed``.
    """

    __slots__ = ("_reference", "children", "hashed", "partial", "payload")

    def __init__(
        self, partial: bytes, payload: bytes | None, hashed: bool, children: tuple["Node | None", ...]
    ) -> None:
        self.partial = partial
        self.payload = payload
        self.hashed = hashed
        self.children = children
        self._reference: bytes | None = None

    @property
    def reference(self) -> bytes:
        """How the parent names this node: its hash, or its encoding when that is shorter than a hash."""
        if self._reference is None:
            encoded = encode(self)
            self._reference = prefixed(encoded if len(encoded) < 32 else blake2_256(encoded))
        return self._reference


def blake2_256(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()


EMPTY_ROOT = blake2_256(b"\0")


def root_of(trie: Node | None) -> bytes:
    """The 32-byte Merkle root."""
    return EMPTY_ROOT if trie is None else blake2_256(encode(trie))


def ordered_root(values: Sequence[bytes], layout: Layout) -> bytes:
    """The root of a list: the trie from each item's compact-encoded position to the item."""
    return root_of(updated(None, {compact(position): value for position, value in enumerate(values)}, layout))


def build(items: Iterable[tuple[bytes, bytes]], layout: Layout = Layout.V1) -> Node | None:
    """The trie of a whole state."""
    return updated(None, dict(items), layout)


def updated(trie: Node | None, changes: Mapping[bytes, bytes | None], layout: Layout = Layout.V1) -> Node | None:
    """The trie after ``changes``; ``trie`` itself stays as it is."""
    if not changes:
        return trie
    in_order = sorted((key.hex().encode().translate(_HEX_TO_NIBBLE), value) for key, value in changes.items())
    return _updated(trie, in_order, 0, layout)


def _updated(node: Node | None, changes: Sequence[Change], depth: int, layout: Layout) -> Node | None:
    """``node`` lies ``depth`` nibbles below the root; all ``changes`` lie below it too, in order, none twice."""
    if node is None:
        changes = [change for change in changes if change[1] is not None]
        if not changes:
            return None
        path = changes[0][0]
        node = Node(path[depth : _agree(path, changes[-1][0], depth)], None, False, _NO_CHILDREN)
    else:
        node = _split(node, changes, depth)
    payload, hashed = node.payload, node.hashed
    children = list(node.children or _SIXTEEN_EMPTY)
    end = depth + len(node.partial)
    start = 0
    if len(changes[0][0]) == end:
        payload, hashed = _payload(changes[0][1], layout)
        start = 1
    while start < len(changes):
        nibble = changes[start][0][end]
        stop = start + 1
        while stop < len(changes) and changes[stop][0][end] == nibble:
            stop += 1
        children[nibble] = _updated(children[nibble], changes[start:stop], end + 1, layout)
        start = stop
    return _normal(node.partial, payload, hashed, children)


def _split(node: Node, changes: Sequence[Change], depth: int) -> Node:
    """``node`` with its partial path cut where the first change leaves it; the rest becomes its only child."""
    partial = node.partial
    common = min(_common(partial, changes[0][0], depth), _common(partial, changes[-1][0], depth))
    if common == len(partial):
        return node
    children = list(_SIXTEEN_EMPTY)
    children[partial[common]] = Node(partial[common + 1 :], node.payload, node.hashed, node.children)
    return Node(partial[:common], None, False, tuple(children))


def _normal(partial: bytes, payload: bytes | None, hashed: bool, children: list[Node | None]) -> Node | None:
    """The one node that stands for this content: no empty node, no branch with one way to go."""
    present = [nibble for nibble in range(16) if children[nibble] is not None]
    if not present:
        return None if payload is None else Node(partial, payload, hashed, _NO_CHILDREN)
    only = children[present[0]]
    if payload is None and len(present) == 1 and only is not None:
        return Node(partial + bytes(present) + only.partial, only.payload, only.hashed, only.children)
    return Node(partial, payload, hashed, tuple(children))


def _payload(value: bytes | None, layout: Layout) -> tuple[bytes | None, bool]:
    if value is None:
        return None, False
    if len(value) > layout.value:
        return blake2_256(value), True
    return prefixed(value), False


def _agree(one: bytes, other: bytes, start: int) -> int:
    """The first position from ``start`` at which two paths differ or one ends."""
    end = min(len(one), len(other))
    while start < end and one[start] == other[start]:
        start += 1
    return start


def _common(partial: bytes, path: bytes, depth: int) -> int:
    if path.startswith(partial, depth):
        return len(partial)
    return _agree(partial, path[depth:], 0)


def encode(node: Node) -> bytes:
    """A node's canonical bytes: header with the path's length, path, children's bitmap, value, children."""
    if not node.children:
        header = _header(0b0010_0000, 31, node.partial) if node.hashed else _header(0b0100_0000, 63, node.partial)
        return header + (node.payload or b"")
    if node.payload is None:
        header = _header(0b1000_0000, 63, node.partial)
    elif node.hashed:
        header = _header(0b0001_0000, 15, node.partial)
    else:
        header = _header(0b1100_0000, 63, node.partial)
    bitmap = sum(1 << nibble for nibble, child in enumerate(node.children) if child is not None)
    references = b"".join(child.reference for child in node.children if child is not None)
    return header + bitmap.to_bytes(2, "little") + (node.payload or b"") + references


def _header(variant: int, most: int, partial: bytes) -> bytes:
    """The variant's bits and the path's length (what exceeds ``most`` follows in further bytes), then the path."""
    length = len(partial)
    hexadecimal = partial.translate(_NIBBLE_TO_HEX).decode()
    packed = bytes.fromhex("0" + hexadecimal if length & 1 else hexadecimal)
    if length < most:
        return bytes((variant | length,)) + packed
    full, remainder = divmod(length - most, 255)
    return bytes((variant | most,)) + b"\xff" * full + bytes((remainder,)) + packed
