"""Results of the RPC methods that read state and fees, compared with the chain's state."""

from itertools import pairwise
from typing import Any

import pytest

from node_runtime.devnet.blocks import CODE_KEY
from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.rpc.errors import RpcError
from node_runtime.devnet.rpc.methods import METHODS
from node_runtime.devnet.rpc.request import LARGEST_REPLY, Json, Params, hexed
from node_runtime.devnet.state import trie
from node_runtime.devnet.state.trie import blake2_256, closest_descendant
from tests.devnet import unhexed
from tests.transfers import UNIT, Signer

NOW = hexed(bytes.fromhex("f0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb"))  # Timestamp.Now


def ask(chain: EmbeddedChain, method: str, *params: object) -> Json:
    return METHODS[method](chain, Params(params))


def test_the_aliases_with_at_answer_as_the_methods_without(chain: EmbeddedChain) -> None:
    genesis = hexed(chain.head.hash)
    chain.seal()
    for method in ("state_getStorageHash", "state_getStorageSize", "state_getStorage", "state_getKeysPaged"):
        params = ("0x", 5, None, genesis) if method == "state_getKeysPaged" else (hexed(CODE_KEY), genesis)
        assert ask(chain, f"{method}At", *params) == ask(chain, method, *params) is not None


def test_all_keys_under_a_prefix_are_listed(chain: EmbeddedChain) -> None:
    keys = ask(chain, "state_getKeys", "0x")
    assert keys == ask(chain, "state_getKeysPaged", "0x", 1000)
    assert ask(chain, "state_getKeys", hexed(CODE_KEY)) == [hexed(CODE_KEY)]


def test_a_range_of_blocks_tells_the_first_values_and_then_the_changes(chain: EmbeddedChain) -> None:
    blocks = [chain.seal().block for _ in range(3)]
    first, *_, last = (hexed(block.hash) for block in blocks)
    output = ask(chain, "state_queryStorage", [NOW, hexed(CODE_KEY)], first, last)
    assert isinstance(output, list)
    assert [one["block"] for one in output] == [hexed(block.hash) for block in blocks]
    assert [len(one["changes"]) for one in output] == [2, 1, 1]
    assert [one["changes"][0] for one in output] == [
        [NOW, ask(chain, "state_getStorage", NOW, one["block"])] for one in output
    ]
    with pytest.raises(RpcError, match="comes before block"):
        ask(chain, "state_queryStorage", [NOW], last, first)


def test_the_parts_of_a_fee_add_up_to_the_fee(chain: EmbeddedChain, signers: dict[str, Signer]) -> None:
    transfer = hexed(signers["Alice"].transfer(signers["Bob"].account, UNIT, nonce=0))
    parts = ask(chain, "payment_queryFeeDetails", transfer)
    whole = ask(chain, "payment_queryInfo", transfer)
    assert isinstance(parts, dict)
    assert isinstance(whole, dict)
    assert sum(int(part, 16) for part in parts["inclusionFee"].values()) == int(whole["partialFee"])


def test_a_dry_run_returns_the_result_and_changes_nothing(chain: EmbeddedChain, signers: dict[str, Signer]) -> None:
    alice = signers["Alice"]
    assert ask(chain, "system_dryRun", hexed(alice.transfer(bytes(32), UNIT, nonce=0))) == "0x0000"
    outcome = ask(chain, "system_dryRun", hexed(alice.transfer(bytes(32), 10**12 * UNIT, nonce=0)))
    assert isinstance(outcome, str)
    assert outcome.startswith("0x0001")  # it stands in the block, and its dispatch failed
    assert chain.next_nonce(alice.account) == 0


@pytest.mark.parametrize("key", [CODE_KEY, unhexed(NOW), b"no such key", b""])
def test_a_read_proof_leads_from_the_state_root_to_the_value(chain: EmbeddedChain, key: bytes) -> None:
    block = hexed(chain.seal().block.hash)
    root, value = chain.header.state_root, chain.state_at(chain.head.number).get(key)
    chain.seal()
    output = ask(chain, "state_getReadProof", [hexed(key)], block)
    assert isinstance(output, dict)
    assert output["at"] == block
    nodes = [unhexed(node) for node in output["proof"]]
    assert blake2_256(nodes[0]) == root
    for above, below in pairwise(nodes):
        assert blake2_256(below) in above
    if value is not None:
        assert value == nodes[-1] or value in nodes[-1]


def test_the_merkle_value_under_a_key_is_that_of_the_uppermost_node_there() -> None:
    values = {b"\x10": b"a" * 40, b"\x12\x34": b"b" * 40, b"\x12\x35": b"c" * 40}
    whole = trie.build(values.items())
    assert closest_descendant(whole, b"") == trie.root_of(whole)
    pair = closest_descendant(whole, b"\x12")
    assert pair is not None
    assert len(pair) == 32
    assert pair == closest_descendant(trie.build({**values, b"\x10": b"z" * 40}.items()), b"\x12")
    assert pair != closest_descendant(trie.build({**values, b"\x12\x35": b"z" * 40}.items()), b"\x12")
    assert closest_descendant(whole, b"\x12\x36") is None
    assert closest_descendant(None, b"") is None


def test_a_reply_that_would_be_too_big_is_refused_before_it_is_made(chain: EmbeddedChain) -> None:
    with pytest.raises(RpcError, match="Response is too big") as refused:
        ask(chain, "state_queryStorageAt", [hexed(CODE_KEY)] * 1000)
    assert refused.value.code == -32008
    assert str(LARGEST_REPLY) in str(refused.value.data)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("state_queryStorageAt", [["0x"] * 1_000_000]),
        ("state_getReadProof", [["0x"] * 1_000_000]),
        ("chain_getBlockHash", [[0] * 1_000_000]),
    ],
)
def test_a_request_that_would_hold_up_others_for_long_is_refused(
    chain: EmbeddedChain, method: str, params: list[Any]
) -> None:
    with pytest.raises(RpcError, match="count exceeds maximum value") as refused:
        ask(chain, method, *params)
    assert refused.value.code == 4002


def test_the_archive_knows_every_block_and_calls_its_runtime(chain: EmbeddedChain) -> None:
    genesis = hexed(chain.head.hash)
    block = chain.seal().block
    assert ask(chain, "archive_v1_finalizedHeight") == 1
    assert ask(chain, "archive_v1_genesisHash") == ask(chain, "chainSpec_v1_genesisHash") == genesis
    assert ask(chain, "archive_v1_hashByHeight", 1) == [hexed(block.hash)]
    assert ask(chain, "archive_v1_hashByHeight", 2) == []
    assert ask(chain, "archive_v1_header", hexed(block.hash)) == hexed(block.header)
    assert ask(chain, "archive_v1_body", hexed(block.hash)) == [hexed(one) for one in block.extrinsics]
    called = ask(chain, "archive_v1_call", genesis, "Core_version", "0x")
    assert called == {"success": True, "value": ask(chain, "state_call", "Core_version", "0x", genesis)}
    failed = ask(chain, "archive_v1_call", genesis, "Core_nothing", "0x")
    assert isinstance(failed, dict)
    assert failed["success"] is False
    for method in ("archive_v1_body", "archive_v1_header"):
        assert ask(chain, method, hexed(bytes(32))) is None
