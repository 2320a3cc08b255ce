"""Requests about old, unknown and past blocks get a Substrate node's replies."""

import pytest

from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.rpc.errors import RpcError
from node_runtime.devnet.rpc.methods import METHODS
from node_runtime.devnet.rpc.request import Json, Params, hexed
from tests.devnet import OpenChain
from tests.transfers import UNIT, Signer

CODE_KEY = hexed(b":code")


def ask(chain: EmbeddedChain, method: str, *params: object) -> Json:
    return METHODS[method](chain, Params(params))


def test_a_state_older_than_the_history_is_said_to_be_discarded_while_its_block_is_served(
    open_chain: OpenChain,
) -> None:
    chain = open_chain(history=6)
    genesis = hexed(chain.head.hash)
    for _ in range(6):
        chain.seal()
    assert ask(chain, "state_getStorageSize", CODE_KEY, genesis)
    chain.seal()
    for method, params in (
        ("state_getStorage", (CODE_KEY, genesis)),
        ("state_call", ("Core_version", "0x", genesis)),
        ("state_getMetadata", (genesis,)),
        ("state_getKeysPaged", ("0x", 10, None, genesis)),
    ):
        with pytest.raises(RpcError, match=f"UnknownBlock: State already discarded for {genesis}") as refused:
            ask(chain, method, *params)
        assert refused.value.code == 4003
    assert ask(chain, "chain_getBlock", genesis) is not None


def test_keys_are_listed_at_a_past_block_as_they_were_then(chain: EmbeddedChain, signers: dict[str, Signer]) -> None:
    genesis = hexed(chain.head.hash)
    before = ask(chain, "state_getKeysPaged", "0x", 1000, None, genesis)
    chain.submit(signers["Alice"].transfer(bytes(31) + b"\7", UNIT, nonce=0))
    chain.seal()
    now = ask(chain, "state_getKeysPaged", "0x", 1000)
    assert isinstance(now, list)
    assert isinstance(before, list)
    assert len(now) > len(before)
    assert ask(chain, "state_getKeysPaged", "0x", 1000, None, genesis) == before
    assert ask(chain, "state_getKeysPaged", "0x", 3, now[2]) == now[3:6]


def test_a_block_is_named_by_number_hexadecimal_number_or_several(chain: EmbeddedChain) -> None:
    genesis, first = hexed(chain.head.hash), hexed(chain.seal().block.hash)
    assert ask(chain, "chain_getBlockHash", 0) == ask(chain, "chain_getBlockHash", "0x0") == genesis
    assert ask(chain, "chain_getBlockHash", [0, "0x1", 2]) == [genesis, first, None]
    assert ask(chain, "chain_getBlockHash") == ask(chain, "chain_getFinalizedHead") == first


def test_an_unknown_block_is_null_and_its_state_an_error(chain: EmbeddedChain) -> None:
    unknown = "0x" + "cd" * 32
    assert ask(chain, "chain_getHeader", unknown) is None
    assert ask(chain, "chain_getBlock", unknown) is None
    with pytest.raises(RpcError, match="Header was not found in the database"):
        ask(chain, "state_getStorage", CODE_KEY, unknown)
