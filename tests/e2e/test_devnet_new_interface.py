"""The new JSON-RPC interface (chainHead_v1, transaction_v1, archive_v1) by its specification."""

from typing import Any

from node_runtime.devnet.blocks import decode_header
from tests.devnet import RpcConnection, hexed, unhexed
from tests.transfers import UNIT, Signer, development_keys

CODE = hexed(b":code")


class Following:
    """A subscription by ``chainHead_v1_follow``."""

    def __init__(self, rpc: RpcConnection, *, with_runtime: bool) -> None:
        self._rpc = rpc
        self.id = rpc.result("chainHead_v1_follow", with_runtime)
        self.begin = self.event("initialized")
        self.head = self.begin["finalizedBlockHashes"][-1]
        assert self.event("bestBlockChanged")["bestBlockHash"] == self.head

    def event(self, name: str) -> Any:
        """Return the next event, which must have this name."""
        output = self._rpc.notification()
        assert output["subscription"] == self.id
        assert output["result"]["event"] == name
        return output["result"]

    def ask(self, method: str, *params: object) -> str:
        """Start an operation; returns its id."""
        started = self._rpc.result(f"chainHead_v1_{method}", self.id, *params)
        assert started["result"] == "started"
        return str(started["operationId"])


def transfer(rpc: RpcConnection, name: str) -> str:
    signer = Signer(keys=development_keys()[name], genesis=unhexed(rpc.result("chain_getBlockHash", 0)))
    nonce = int(rpc.result("system_accountNextIndex", signer.keys.ss58_address))
    return hexed(signer.transfer(bytes(31) + b"\1", UNIT, nonce=nonce))


def test_a_broadcast_transaction_is_found_in_the_next_block_that_a_follower_hears_of(rpc: RpcConnection) -> None:
    following = Following(rpc, with_runtime=True)
    transaction = transfer(rpc, "Alice")
    operation = rpc.result("transaction_v1_broadcast", transaction)
    block = following.event("newBlock")
    assert block["parentBlockHash"] == following.head
    assert block["newRuntime"] is None
    assert following.event("bestBlockChanged")["bestBlockHash"] == block["blockHash"]
    assert following.event("finalized") == {
        "event": "finalized",
        "finalizedBlockHashes": [block["blockHash"]],
        "prunedBlockHashes": [],
    }
    body = following.ask("body", block["blockHash"])
    done = following.event("operationBodyDone")
    assert done["operationId"] == body
    assert transaction in done["value"]
    assert rpc.result("transaction_v1_stop", operation) is None
    assert rpc.error("transaction_v1_stop", operation)["code"] == -32602


def test_an_invalid_transaction_is_broadcast_without_a_word(rpc: RpcConnection) -> None:
    assert isinstance(rpc.result("transaction_v1_broadcast", "0x1084ffffff"), str)
    assert rpc.error("transaction_v1_broadcast", "no hexadecimal")["code"] == -32602


def test_a_follower_is_told_the_runtime_only_when_it_wants_it(rpc: RpcConnection) -> None:
    with_runtime = Following(rpc, with_runtime=True)
    spec = with_runtime.begin["finalizedBlockRuntime"]["spec"]
    version = rpc.result("state_getRuntimeVersion")
    assert spec["specVersion"] == version["specVersion"]
    assert spec["apis"] == dict(version["apis"])
    without = Following(rpc, with_runtime=False)
    assert "finalizedBlockRuntime" not in without.begin
    assert rpc.error("chainHead_v1_call", without.id, without.head, "Core_version", "0x")["code"] == -32802


def test_a_pinned_block_is_read_until_it_is_unpinned(rpc: RpcConnection) -> None:
    following = Following(rpc, with_runtime=True)
    header = decode_header(unhexed(rpc.result("chainHead_v1_header", following.id, following.head)))
    assert hexed(header.hash) == following.head
    call = following.ask("call", following.head, "Core_version", "0x")
    done = following.event("operationCallDone")
    assert done["operationId"] == call
    assert done["output"] == rpc.result("state_call", "Core_version", "0x")
    following.ask("call", following.head, "Core_nothing", "0x")
    assert "no function" in following.event("operationError")["error"]
    assert rpc.error("chainHead_v1_unpin", following.id, [following.head] * 2)["code"] == -32804
    assert rpc.error("chainHead_v1_unpin", following.id, "0x" + "ab" * 32)["code"] == -32801
    assert rpc.result("chainHead_v1_unpin", following.id, following.head) is None
    assert rpc.error("chainHead_v1_header", following.id, following.head)["code"] == -32801
    assert rpc.result("chainHead_v1_unfollow", following.id) is None
    assert rpc.result("chainHead_v1_header", following.id, following.head) is None
    assert rpc.result("chainHead_v1_body", following.id, following.head) == {"result": "limitReached"}


def test_a_subscription_of_another_connection_is_none(network: str, rpc: RpcConnection) -> None:
    following = Following(rpc, with_runtime=False)
    with RpcConnection(network) as other:
        assert other.result("chainHead_v1_header", following.id, following.head) is None
        other.result("chainHead_v1_unfollow", following.id)
    assert rpc.result("chainHead_v1_header", following.id, following.head)


def test_storage_is_told_by_value_hash_and_merkle_value(rpc: RpcConnection) -> None:
    following = Following(rpc, with_runtime=False)
    kinds = ("hash", "closestDescendantMerkleValue", "value")
    items = [{"key": CODE, "type": kind} for kind in kinds] + [{"key": "0xff", "type": "value"}]
    operation = following.ask("storage", following.head, items, None)
    output = following.event("operationStorageItems")
    assert output["operationId"] == operation
    assert [set(item) for item in output["items"]] == [{"key", kind} for kind in kinds]
    assert output["items"][0]["hash"] == rpc.result("state_getStorageHash", CODE)
    assert output["items"][2]["value"] == rpc.result("state_getStorage", CODE)
    assert following.event("operationStorageDone")["operationId"] == operation
    wrong = [{"key": CODE, "type": "everything"}]
    assert rpc.error("chainHead_v1_storage", following.id, following.head, wrong, None)["code"] == -32602


def test_a_list_of_storage_waits_for_the_client_between_its_pieces(rpc: RpcConnection) -> None:
    following = Following(rpc, with_runtime=False)
    operation = following.ask("storage", following.head, [{"key": "0x", "type": "descendantsValues"}], None)
    values = following.event("operationStorageItems")["items"]
    assert following.event("operationWaitingForContinue")["operationId"] == operation
    assert rpc.result("chainHead_v1_continue", following.id, operation) is None
    values += following.event("operationStorageItems")["items"]
    following.event("operationStorageDone")
    keys = [item["key"] for item in values]
    assert keys == rpc.result("state_getKeys", "0x", following.head)
    assert rpc.result("chainHead_v1_continue", following.id, operation) is None


def test_the_archive_tells_the_storage_of_any_block(rpc: RpcConnection) -> None:
    genesis = rpc.result("archive_v1_genesisHash")
    items = [{"key": CODE, "type": "hash"}, {"key": "0x", "type": "descendantsHashes", "paginationStartKey": CODE}]
    operation = rpc.result("archive_v1_storage", genesis, items, None)
    messages = []
    while (event := rpc.notification())["result"]["event"] == "storage":
        assert event["subscription"] == operation
        messages.append(event["result"])
    assert event["result"] == {"event": "storageDone"}
    keys = rpc.result("state_getKeys", "0x", genesis)
    assert [one["key"] for one in messages] == [CODE, *(key for key in keys if key > CODE)]
    assert rpc.result("archive_v1_stopStorage", operation) is None


def test_more_follows_than_a_connection_may_have_are_refused(rpc: RpcConnection) -> None:
    for _ in range(4):
        Following(rpc, with_runtime=False)
    assert rpc.error("chainHead_v1_follow", False)["code"] == -32800
