"""What does the runtime see as its storage? A committed state, and over it the changes of one call, in nested
transactions."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from typing import Protocol

from . import trie
from .scale import Reader, compact


class View(Protocol):
    """A committed state at one block: read-only, with its keys in byte order."""

    def get(self, key: bytes) -> bytes | None: ...

    def next_key(self, key: bytes) -> bytes | None:
        """The smallest key greater than ``key``."""
        ...


class EmptyView:
    """The state before genesis."""

    def get(self, key: bytes) -> bytes | None:  # noqa: ARG002  the protocol's signature
        return None

    def next_key(self, key: bytes) -> bytes | None:  # noqa: ARG002  the protocol's signature
        return None


class Overlay:
    """Storage during one or several runtime calls. Nothing here touches the view below.

    ``base_trie`` gives the view's trie; it is asked for only when a root is wanted.
    """

    def __init__(self, view: View, base_trie: Callable[[], trie.Node | None]) -> None:
        self._view = view
        self._base_trie = base_trie
        self._layers: list[dict[bytes, bytes | None]] = [{}]
        self._touched: list[bytes] = []  # every key of every layer, in order; rolled-back keys may linger
        self._known: set[bytes] = set()
        self._trie: trie.Node | None = None
        self._trie_is_current = False

    @property
    def depth(self) -> int:
        """How many transactions are open."""
        return len(self._layers) - 1

    def get(self, key: bytes) -> bytes | None:
        for layer in reversed(self._layers):
            if key in layer:
                return layer[key]
        return self._view.get(key)

    def set(self, key: bytes, value: bytes | None) -> None:
        self._layers[-1][key] = value
        self._trie_is_current = False
        if key not in self._known:
            self._known.add(key)
            insort(self._touched, key)

    def append(self, key: bytes, item: bytes) -> None:
        """Add an encoded item to the encoded list at ``key``; what is no list is replaced, as Substrate does."""
        old = self.get(key)
        if not old:
            self.set(key, compact(1) + item)
            return
        reader = Reader(old)
        count = reader.compact()
        self.set(key, b"".join((compact(count + 1), old[reader.offset :], item)))

    def next_key(self, key: bytes) -> bytes | None:
        while True:
            below = self._view.next_key(key)
            position = bisect_right(self._touched, key)
            above = self._touched[position] if position < len(self._touched) else None
            if above is None or (below is not None and below < above):
                # nothing of this overlay lies at ``below``, or it would be among the touched keys
                return below
            if self.get(above) is not None:
                return above
            key = above

    def clear_prefix(self, prefix: bytes, limit: int | None) -> tuple[bool, int]:
        """Remove the keys under ``prefix``: all that this overlay set, and ``limit`` of the committed ones.

        Returns whether committed keys remain, and how many of them were visited.
        """
        position = bisect_left(self._touched, prefix)
        while position < len(self._touched) and self._touched[position].startswith(prefix):
            if any(self._touched[position] in layer for layer in self._layers):
                self.set(self._touched[position], None)
            position += 1
        visited = 0
        key: bytes | None = prefix if self._view.get(prefix) is not None else self._view.next_key(prefix)
        while key is not None and key.startswith(prefix):
            if limit is not None and visited == limit:
                return True, visited
            self.set(key, None)
            visited += 1
            key = self._view.next_key(key)
        return False, visited

    def begin(self) -> None:
        self._layers.append({})

    def commit(self) -> None:
        self._pop_transaction(keep=True)

    def rollback(self) -> None:
        self._pop_transaction(keep=False)

    def rollback_to(self, depth: int) -> None:
        """Close what a call that ended in a panic left open."""
        while self.depth > depth:
            self.rollback()

    def _pop_transaction(self, *, keep: bool) -> None:
        if not self.depth:
            raise ValueError("no storage transaction is open")
        top = self._layers.pop()
        if keep:
            self._layers[-1].update(top)
        self._trie_is_current = False

    def changes(self) -> dict[bytes, bytes | None]:
        """Everything set here, of all layers. A key may be set to the value it has below."""
        merged: dict[bytes, bytes | None] = {}
        for layer in self._layers:
            merged.update(layer)
        return merged

    def trie(self) -> trie.Node | None:
        """The trie of the view with the changes."""
        if not self._trie_is_current:
            self._trie = trie.updated(self._base_trie(), self.changes())
            self._trie_is_current = True
        return self._trie
