"""Immutable base-16 Merkle-Patricia trie: construction, update, node encoding, state root and proofs.

Source: the Polkadot protocol specification, "State storage and the storage trie". Layout V1 differs from V0 in one
respect: a value of more than 32 bytes is stored as its hash.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from hashlib import blake2b

from node_runtime.devnet.scale import compact, prefixed

Change = tuple[bytes, bytes | None]
"""A key in nibbles (one byte each, 0-15) and its new value; None removes the key."""

_HEX_TO_NIBBLE = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))
_NIBBLE_TO_HEX = bytes.maketrans(bytes(range(16)), b"0123456789abcdef")
_NO_CHILDREN: tuple["TrieNode | None", ...] = ()
_SIXTEEN_EMPTY: tuple["TrieNode | None", ...] = (None,) * 16


class Layout(Enum):
    """The state version, by the length up to which a node holds a value itself; longer values are hashed."""

    V0 = 1 << 62
    V1 = 32

    @classmethod
    def of_version(cls, version: int) -> "Layout":
        if version not in (0, 1):
            raise ValueError(f"state version {version} is unknown; this host knows 0 and 1")
        return cls.V1 if version else cls.V0


class TrieNode:
    """One trie node: the nibbles below its parent, an optional value, optional children.

    ``payload`` is the value in the node's encoding: length-prefixed, or its hash when ``hashed``.
    """

    __slots__ = ("_reference", "children", "hashed", "partial", "payload")

    def __init__(
        self, partial: bytes, payload: bytes | None, hashed: bool, children: tuple["TrieNode | None", ...]
    ) -> None:
        self.partial = partial
        self.payload = payload
        self.hashed = hashed
        self.children = children
        self._reference: bytes | None = None

    @property
    def reference(self) -> bytes:
        """Return the parent's reference to this node: its hash, or its encoding when that is shorter than a hash."""
        if self._reference is None:
            encoded = encode(self)
            self._reference = prefixed(encoded if len(encoded) < 32 else blake2_256(encoded))
        return self._reference


def blake2_256(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()


EMPTY_ROOT = blake2_256(b"\0")


def root_of(trie: TrieNode | None) -> bytes:
    """Return the 32-byte Merkle root."""
    return EMPTY_ROOT if trie is None else blake2_256(encode(trie))


def ordered_root(values: Sequence[bytes], layout: Layout) -> bytes:
    """Return the root of a list: a trie with compact-encoded positions as keys."""
    return root_of(updated(None, {compact(position): value for position, value in enumerate(values)}, layout))


def build(items: Iterable[tuple[bytes, bytes]], layout: Layout = Layout.V1) -> TrieNode | None:
    """Build the trie of a whole state."""
    return updated(None, dict(items), layout)


def nibbles(key: bytes) -> bytes:
    """Split a key into nibbles, one byte (0-15) each."""
    return key.hex().encode().translate(_HEX_TO_NIBBLE)


def updated(
    trie: TrieNode | None, changes: Mapping[bytes, bytes | None], layout: Layout = Layout.V1
) -> TrieNode | None:
    """Return the trie after ``changes``; ``trie`` is not modified."""
    if not changes:
        return trie
    in_order = sorted((nibbles(key), value) for key, value in changes.items())
    return _updated(trie, in_order, 0, layout)


def _updated(node: TrieNode | None, changes: Sequence[Change], depth: int, layout: Layout) -> TrieNode | None:
    """Update a node ``depth`` nibbles below the root; ``changes`` are below it, sorted and unique."""
    if node is None:
        changes = [change for change in changes if change[1] is not None]
        if not changes:
            return None
        path = changes[0][0]
        node = TrieNode(path[depth : _agree(path, changes[-1][0], depth)], None, False, _NO_CHILDREN)
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


def _split(node: TrieNode, changes: Sequence[Change], depth: int) -> TrieNode:
    """Split a node's partial path where the first change diverges; the rest becomes its only child."""
    partial = node.partial
    common = min(_common(partial, changes[0][0], depth), _common(partial, changes[-1][0], depth))
    if common == len(partial):
        return node
    children = list(_SIXTEEN_EMPTY)
    children[partial[common]] = TrieNode(partial[common + 1 :], node.payload, node.hashed, node.children)
    return TrieNode(partial[:common], None, False, tuple(children))


def _normal(partial: bytes, payload: bytes | None, hashed: bool, children: list[TrieNode | None]) -> TrieNode | None:
    """Return the canonical node of this content: no empty node, no value-less branch with one child."""
    present = [nibble for nibble in range(16) if children[nibble] is not None]
    if not present:
        return None if payload is None else TrieNode(partial, payload, hashed, _NO_CHILDREN)
    only = children[present[0]]
    if payload is None and len(present) == 1 and only is not None:
        return TrieNode(partial + bytes(present) + only.partial, only.payload, only.hashed, only.children)
    return TrieNode(partial, payload, hashed, tuple(children))


def _payload(value: bytes | None, layout: Layout) -> tuple[bytes | None, bool]:
    if value is None:
        return None, False
    if len(value) > layout.value:
        return blake2_256(value), True
    return prefixed(value), False


def _agree(one: bytes, other: bytes, start: int) -> int:
    """Return the first position from ``start`` at which two paths differ or one ends."""
    end = min(len(one), len(other))
    while start < end and one[start] == other[start]:
        start += 1
    return start


def _common(partial: bytes, path: bytes, depth: int) -> int:
    if path.startswith(partial, depth):
        return len(partial)
    return _agree(partial, path[depth:], 0)


def encode(node: TrieNode) -> bytes:
    """Encode a node: header with the path's length, path, bitmap of children, value, children."""
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
    """Encode the variant's bits, the path's length (the excess over ``most`` in further bytes), and the path."""
    length = len(partial)
    hexadecimal = partial.translate(_NIBBLE_TO_HEX).decode()
    packed = bytes.fromhex("0" + hexadecimal if length & 1 else hexadecimal)
    if length < most:
        return bytes((variant | length,)) + packed
    full, remainder = divmod(length - most, 255)
    return bytes((variant | most,)) + b"\xff" * full + bytes((remainder,)) + packed


def proof(trie: TrieNode | None, value_of: Callable[[bytes], bytes | None], keys: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the encoded nodes from the root towards each key, and the values that nodes hold as hashes.

    Nodes shorter than a hash are inlined in their parent. A node may be repeated.
    """
    for key in keys:
        depth, path = 0, nibbles(key)
        node = trie
        while node is not None:
            encoded = encode(node)
            if node is trie or len(encoded) >= 32:
                yield encoded
            if not path.startswith(node.partial, depth):
                break
            depth += len(node.partial)
            if depth == len(path):
                if node.hashed and (value := value_of(key)) is not None:
                    yield value
                break
            node = node.children[path[depth]] if node.children else None
            depth += 1


def closest_descendant(trie: TrieNode | None, key: bytes) -> bytes | None:
    """Return the Merkle value of the node at ``key``, or of the topmost one below it: its encoding, or the hash of a
    longer one (for the root always the hash)."""
    depth, path = 0, nibbles(key)
    node = trie
    while node is not None:
        rest = path[depth:]
        if node.partial.startswith(rest):
            encoded = encode(node)
            return encoded if len(encoded) < 32 and node is not trie else blake2_256(encoded)
        if not rest.startswith(node.partial):
            return None
        depth += len(node.partial)
        node = node.children[path[depth]] if node.children else None
        depth += 1
    return None
