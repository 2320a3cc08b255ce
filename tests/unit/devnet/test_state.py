"""Storage under nested transactions behaves like a stack of dictionary copies."""

from bisect import bisect_right
from collections.abc import Mapping

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from node_runtime.devnet.scale import compact
from node_runtime.devnet.state.state import EmptyView, Overlay

keys = st.lists(st.sampled_from(b"ab\0\xff"), max_size=3).map(bytes)
values = st.binary(max_size=3)


class DictView:
    """A committed state stored in a dictionary."""

    def __init__(self, state: Mapping[bytes, bytes]) -> None:
        self._state = state
        self._order = sorted(state)

    def get(self, key: bytes) -> bytes | None:
        return self._state.get(key)

    def next_key(self, key: bytes) -> bytes | None:
        position = bisect_right(self._order, key)
        return self._order[position] if position < len(self._order) else None


class OverlayBesideDictionary(RuleBasedStateMachine):
    """Apply the same operations to an overlay and to a stack of dictionaries."""

    @initialize(state=st.dictionaries(keys, values))
    def begin_with(self, state: dict[bytes, bytes]) -> None:
        self.committed = state
        self.overlay = Overlay(DictView(state), lambda: None)
        self.model = [dict(state)]

    @rule(key=keys, value=values)
    def write(self, key: bytes, value: bytes) -> None:
        self.overlay.set(key, value)
        self.model[-1][key] = value

    @rule(key=keys)
    def clear(self, key: bytes) -> None:
        self.overlay.set(key, None)
        self.model[-1].pop(key, None)

    @rule(prefix=keys, limit=st.none() | st.integers(0, 3))
    def clear_prefix(self, prefix: bytes, limit: int | None) -> None:
        written = self.overlay.changes()
        remain, visited = self.overlay.clear_prefix(prefix, limit)
        committed = sorted(key for key in self.committed if key.startswith(prefix))
        most = len(committed) if limit is None else min(limit, len(committed))
        assert (remain, visited) == (most < len(committed), most)
        for key in [key for key in self.model[-1] if key.startswith(prefix)]:
            if key not in committed[most:] or key in written:
                del self.model[-1][key]

    @rule()
    def open_transaction(self) -> None:
        self.overlay.begin()
        self.model.append(dict(self.model[-1]))

    @precondition(lambda self: len(self.model) > 1)
    @rule()
    def commit(self) -> None:
        self.overlay.commit()
        self.model[-2:] = [self.model[-1]]

    @precondition(lambda self: len(self.model) > 1)
    @rule()
    def roll_back(self) -> None:
        self.overlay.rollback()
        self.model.pop()

    @invariant()
    def reads_agree(self) -> None:
        seen: list[bytes] = [b""] if self.overlay.get(b"") is not None else []
        key = self.overlay.next_key(b"")
        while key is not None:
            seen.append(key)
            key = self.overlay.next_key(key)
        assert {key: self.overlay.get(key) for key in seen} == self.model[-1]
        assert seen == sorted(self.model[-1])


TestOverlay = OverlayBesideDictionary.TestCase
TestOverlay.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_items_are_appended_to_an_encoded_list() -> None:
    overlay = Overlay(EmptyView(), lambda: None)
    for count in range(70):
        overlay.append(b"events", bytes((count,)))
    assert overlay.get(b"events") == compact(70) + bytes(range(70))


def test_closing_a_transaction_that_is_not_open_is_an_error() -> None:
    with pytest.raises(ValueError, match="no storage transaction"):
        Overlay(EmptyView(), lambda: None).commit()
