"""The devnet responds to valid and invalid requests as a Substrate node does, and keeps running."""

import json
import random
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.background import LIMIT, wait_until
from tests.devnet import RpcConnection, execute_again, hexed
from tests.transfers import UNIT, Signer, development_keys

UNKNOWN_BLOCK = "0x" + "ab" * 32


@pytest.fixture
def signers(rpc: RpcConnection) -> dict[str, Signer]:
    genesis = bytes.fromhex(rpc.result("chain_getBlockHash", 0)[2:])
    return {name: Signer(keys=keys, genesis=genesis) for name, keys in development_keys().items()}


def nonce_of(rpc: RpcConnection, signer: Signer) -> int:
    return int(rpc.result("system_accountNextIndex", signer.keys.ss58_address))


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("no_such_method", [], -32601),
        ("state_getStorage", [], -32602),
        ("state_getStorage", ["0xzz"], -32602),
        ("state_getStorage", [17], -32602),
        ("state_getStorage", ["0x00", UNKNOWN_BLOCK], 4003),
        ("state_call", ["Core_no_such_function", "0x"], 4003),
        ("state_call", ["TaggedTransactionQueue_validate_transaction", "0x00"], 4003),
        ("state_call", ["SessionKeys_generate_session_keys", "0x0000"], 4003),
        ("state_getKeysPaged", ["0x", 100_000], 4002),
        ("state_getKeysPaged", ["0x", -1], -32602),
        ("chain_getBlockHash", [2**40], -32602),
        ("chain_getBlockHash", [True], -32602),
        ("author_submitExtrinsic", ["0x"], 1001),
        ("author_submitExtrinsic", ["0x0400ff"], 1001),
        ("author_submitExtrinsic", ["0x1084ffffff"], 1002),
        ("author_submitAndWatchExtrinsic", ["0x1084ffffff"], 1002),
        ("payment_queryInfo", ["0x1084ffffff"], 1),
        ("system_accountNextIndex", ["not an address"], -32602),
        ("author_unwatchExtrinsic", [{}], -32602),
    ],
)
def test_a_wrong_request_gets_the_code_a_node_gives(
    rpc: RpcConnection, method: str, params: list[Any], code: int
) -> None:
    assert rpc.error(method, *params)["code"] == code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", -32700),
        ("{", -32700),
        ("[" * 100_000, -32700),
        ('"text"', -32600),
        ("[]", -32600),
        ('{"id": 1}', -32600),
        ('{"id": {}, "method": "system_name"}', -32600),
        ('{"id": 1, "method": "system_name", "params": {"a": 1}}', -32602),
        (b"\xff\xfe", -32700),
    ],
)
def test_a_message_that_is_no_request_gets_an_error_reply(rpc: RpcConnection, message: str | bytes, code: int) -> None:
    rpc.socket.send(message)
    assert rpc.receive()["error"]["code"] == code
    assert rpc.result("system_name")


def test_a_batch_is_answered_as_a_batch(rpc: RpcConnection) -> None:
    asked: list[Any] = [
        {"jsonrpc": "2.0", "id": "a", "method": "chain_getHead"},
        {"jsonrpc": "2.0", "method": "chain_getHead"},
        {"jsonrpc": "2.0", "id": 2, "method": "nothing"},
        7,
    ]
    rpc.socket.send(json.dumps(asked))
    replies = rpc.receive()
    assert [reply["id"] for reply in replies] == ["a", 2, None]
    assert [reply.get("error", {}).get("code") for reply in replies] == [None, -32601, -32600]


def test_a_huge_message_ends_only_its_own_connection(network: str, rpc: RpcConnection) -> None:
    with RpcConnection(network) as other, pytest.raises(ConnectionClosed):  # noqa: PT012  the send may fail
        other.socket.send("x" * (16 * 1024 * 1024))
        other.receive()
    assert rpc.result("system_name")


def test_random_bytes_as_transactions_are_refused_and_change_nothing(rpc: RpcConnection) -> None:
    random_ = random.Random(5)
    head = rpc.result("chain_getHead")
    for _ in range(60):
        body = random_.choice([b"\x84", b"\x04", b""]) + random_.randbytes(random_.randrange(1, 60))
        assert "error" in rpc.reply("author_submitExtrinsic", hexed(bytes((len(body) << 2,)) + body))
    assert rpc.result("chain_getHead") == head


def test_a_hundred_idle_connections_keep_nobody_out(network: str) -> None:
    with ExitStack() as connected:
        idle = [connected.enter_context(connect(network, open_timeout=LIMIT, compression=None)) for _ in range(100)]
        wait_until(lambda: answered(network), "a place")
        with pytest.raises(ConnectionClosed, match="1013"):
            idle[0].recv(timeout=LIMIT)


def answered(network: str) -> bool:
    """Return whether a new connection is served; a connection idle for a second is closed for it."""
    with suppress(ConnectionClosed), RpcConnection(network) as newcomer:
        return bool(newcomer.result("system_name"))
    return False


def test_a_web_page_of_elsewhere_may_not_connect(network: str) -> None:
    with pytest.raises(InvalidStatus), connect(network, open_timeout=LIMIT, origin=Origin("https://example.org")):
        pass


def test_a_watched_transaction_is_told_ready_then_in_a_block_then_final(
    rpc: RpcConnection, signers: dict[str, Signer]
) -> None:
    alice, bob = signers["Alice"], signers["Bob"]
    transfer = alice.transfer(bob.account, UNIT, nonce=nonce_of(rpc, alice))
    subscription = rpc.result("author_submitAndWatchExtrinsic", hexed(transfer))
    output = [rpc.notification() for _ in range(2)]
    head = rpc.result("chain_getFinalizedHead")  # finalised at once, although the subscription reports it later
    output.append(rpc.notification())
    assert {one["subscription"] for one in output} == {subscription}
    results = [one["result"] for one in output]
    assert results == ["ready", {"inBlock": head}, {"finalized": head}]
    assert hexed(transfer) in rpc.result("chain_getBlock", head)["block"]["extrinsics"]


def test_a_transaction_from_the_future_waits_and_is_not_lost(rpc: RpcConnection, signers: dict[str, Signer]) -> None:
    charlie, bob = signers["Charlie"], signers["Bob"]
    nonce = nonce_of(rpc, charlie)
    later = charlie.transfer(bob.account, UNIT, nonce=nonce + 1)
    rpc.result("author_submitAndWatchExtrinsic", hexed(later))
    assert rpc.notification()["result"] == "future"
    assert rpc.error("author_submitExtrinsic", hexed(later))["code"] == 1013
    cheaper = charlie.transfer(bob.account, 2 * UNIT, nonce=nonce + 1)
    assert rpc.error("author_submitExtrinsic", hexed(cheaper))["code"] == 1014
    rpc.result("author_submitExtrinsic", hexed(charlie.transfer(bob.account, UNIT, nonce=nonce)))
    assert rpc.notification()["result"] == "ready"
    assert rpc.notification()["result"].keys() == {"inBlock"}


def test_a_transaction_already_in_a_block_is_banned(rpc: RpcConnection, signers: dict[str, Signer]) -> None:
    dave = signers["Dave"]
    transfer = hexed(dave.transfer(signers["Bob"].account, UNIT, nonce=nonce_of(rpc, dave)))
    rpc.result("author_submitAndWatchExtrinsic", transfer)
    while rpc.notification()["result"] == "ready":
        pass
    assert rpc.error("author_submitExtrinsic", transfer) == {
        "code": 1012,
        "message": "Transaction is temporarily banned",
    }


def test_a_subscription_of_another_connection_cannot_be_ended(network: str, rpc: RpcConnection) -> None:
    subscription = rpc.result("chain_subscribeNewHeads")
    with RpcConnection(network) as other:
        assert other.result("chain_unsubscribeNewHeads", subscription) is False
    assert rpc.result("chain_unsubscribeNewHeads", subscription) is True
    assert rpc.result("chain_unsubscribeNewHeads", subscription) is False


def test_a_state_call_changes_nothing(rpc: RpcConnection, signers: dict[str, Signer]) -> None:
    eve = signers["Eve"]
    transfer = eve.transfer(signers["Bob"].account, UNIT, nonce=nonce_of(rpc, eve))
    before = rpc.result("state_getStorageHash", "0x3a636f6465")
    rpc.reply("state_call", "BlockBuilder_apply_extrinsic", hexed(transfer))
    assert nonce_of(rpc, eve) == 0
    assert rpc.result("state_getStorageHash", "0x3a636f6465") == before


def test_a_finalised_block_executes_again_over_its_parents_state(
    rpc: RpcConnection, signers: dict[str, Signer]
) -> None:
    alice = signers["Alice"]
    transfer = alice.transfer(signers["Bob"].account, UNIT, nonce=nonce_of(rpc, alice))
    rpc.result("author_submitAndWatchExtrinsic", hexed(transfer))
    statuses = [rpc.notification()["result"] for _ in range(3)]
    execute_again(rpc, statuses[-1]["finalized"])
