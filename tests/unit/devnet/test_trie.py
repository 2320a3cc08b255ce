"""Incrementally updated roots equal roots built from scratch and Substrate's roots."""

from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_runtime.devnet.scale import compact
from node_runtime.devnet.state import trie
from node_runtime.devnet.state.trie import Layout

keys = st.binary(max_size=3) | st.lists(st.sampled_from([0, 1, 0x10, 0x11]), max_size=5).map(bytes) | st.binary()
values = st.sampled_from([0, 1, 31, 32, 33, 90]).flatmap(lambda size: st.binary(min_size=size, max_size=size))
blocks = st.lists(st.dictionaries(keys, st.none() | values, max_size=8), max_size=8)


def blake(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()


def root_from_scratch(state: dict[bytes, bytes], longest: int) -> bytes:
    """Reference implementation of the specification over the sorted list of all entries, without sharing."""
    entries = sorted(([int(digit, 16) for digit in key.hex()], value) for key, value in state.items())
    return blake(node_from_scratch(entries, 0, longest) if entries else b"\0")


def node_from_scratch(entries: list[tuple[list[int], bytes]], depth: int, longest: int) -> bytes:
    first, last = entries[0][0], entries[-1][0]
    end = depth
    while end < min(len(first), len(last)) and first[end] == last[end]:
        end += 1
    if len(entries) == 1:
        end = len(first)
    value = entries[0][1] if len(first) == end else None
    stored = b"" if value is None else blake(value) if len(value) > longest else compact(len(value)) + value
    branches: dict[int, list[tuple[list[int], bytes]]] = {path[end]: [] for path, _ in entries if len(path) > end}
    for path, content in entries:
        if len(path) > end:
            branches[path[end]].append((path, content))
    hashed = value is not None and len(value) > longest
    variant, bits = variant_of(has_value=value is not None, hashed=hashed, has_children=bool(branches))
    encoded = length_header(variant, bits, end - depth) + packed(first[depth:end])
    if branches:
        encoded += sum(1 << nibble for nibble in branches).to_bytes(2, "little")
    encoded += stored
    for nibble in sorted(branches):
        child = node_from_scratch(branches[nibble], end + 1, longest)
        encoded += compact(len(child)) + child if len(child) < 32 else compact(32) + blake(child)
    return encoded


def variant_of(*, has_value: bool, hashed: bool, has_children: bool) -> tuple[int, int]:
    if has_children:
        return (0b0001, 4) if hashed else (0b11, 2) if has_value else (0b10, 2)
    return (0b001, 3) if hashed else (0b01, 2)


def length_header(variant: int, bits: int, length: int) -> bytes:
    most = (1 << (8 - bits)) - 1
    out = [variant << (8 - bits) | min(length, most)]
    rest = length - most
    while rest >= 0:
        out.append(min(rest, 255))
        rest -= 255
    return bytes(out)


def packed(nibbles: list[int]) -> bytes:
    padded = [0, *nibbles] if len(nibbles) % 2 else nibbles
    return bytes(high << 4 | low for high, low in zip(padded[::2], padded[1::2], strict=True))


@given(blocks)
def test_root_after_each_block_is_the_root_from_scratch(changed: list[dict[bytes, bytes | None]]) -> None:
    state: dict[bytes, bytes] = {}
    kept: trie.TrieNode | None = None
    for changes in changed:
        kept = trie.updated(kept, changes)
        state.update({key: value for key, value in changes.items() if value is not None})
        for key in [key for key, value in changes.items() if value is None]:
            state.pop(key, None)
        assert trie.root_of(kept) == root_from_scratch(state, longest=32)


@given(st.dictionaries(keys, values, max_size=8), st.dictionaries(keys, st.none() | values, max_size=8))
def test_an_older_trie_is_untouched_by_newer_blocks(
    state: dict[bytes, bytes], changes: dict[bytes, bytes | None]
) -> None:
    older = trie.updated(None, state)
    root = trie.root_of(older)
    trie.root_of(trie.updated(older, changes))
    assert trie.root_of(older) == root == root_from_scratch(state, longest=32)


@given(st.lists(st.binary(max_size=50), max_size=80))
def test_root_of_a_list_is_that_of_its_positions(items: list[bytes]) -> None:
    state = {compact(position): item for position, item in enumerate(items)}
    assert trie.ordered_root(items, Layout.V0) == root_from_scratch(state, longest=10**9)


@pytest.mark.parametrize(
    ("state", "root"),
    [
        ({}, "03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314"),
        ({b"k": b"v"}, "c4242056c91913f68b15f071abcc7c8891550e27f107911d094a2dd8ba894342"),
        (
            {b"doe": b"reindeer" * 5, b"dog": b"puppy", b"dogglesworth": b"cat"},
            "b2d2df0013877ecc0e3e82612cbf478a30e1bba7e0c53478a6c1267e52b72396",
        ),
    ],
)
def test_roots_are_those_of_an_implementation_that_reproduces_a_public_chains_genesis_hash(
    state: dict[bytes, bytes], root: str
) -> None:
    assert trie.root_of(trie.updated(None, state)).hex() == root


def test_a_path_longer_than_a_header_byte_is_written_with_more_bytes() -> None:
    state = {b"k" * 500: b"v", b"k" * 500 + b"x": b"w" * 40, b"k" * 31: b"u"}
    assert trie.root_of(trie.updated(None, state)) == root_from_scratch(state, longest=32)
