"""substrate-interface works with the devnet as with a Substrate node."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from substrateinterface import Keypair, KeypairType, SubstrateInterface
from substrateinterface.exceptions import SubstrateRequestException

from tests.devnet import start_devnet
from tests.transfers import packaged_version

UNIT = 10**12


@pytest.fixture(scope="module")
def substrate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SubstrateInterface]:
    folder: Path = tmp_path_factory.mktemp("devnet")
    with start_devnet(folder) as url, SubstrateInterface(url=url) as connected:
        yield connected


@pytest.fixture(scope="module")
def alice() -> Keypair:
    return Keypair.create_from_uri("//Alice")


@pytest.fixture(scope="module")
def bob() -> Keypair:
    return Keypair.create_from_uri("//Bob")


def transfer(substrate: SubstrateInterface, to: Keypair, amount: int) -> Any:
    return substrate.compose_call("Balances", "transfer_keep_alive", {"dest": to.ss58_address, "value": amount})


def free(substrate: SubstrateInterface, of: Keypair, block_hash: str | None = None) -> int:
    account = substrate.query("System", "Account", [of.ss58_address], block_hash=block_hash)
    return int(account.value["data"]["free"])


def test_a_transfer_is_included_finalised_and_has_its_events(
    substrate: SubstrateInterface, alice: Keypair, bob: Keypair
) -> None:
    before = free(substrate, bob)
    signed = substrate.create_signed_extrinsic(transfer(substrate, bob, 3 * UNIT), alice, era={"period": 64})
    receipt = substrate.submit_extrinsic(signed, wait_for_finalization=True)
    assert receipt.is_success
    assert receipt.finalized
    assert free(substrate, bob) == before + 3 * UNIT
    names = {(event.value["module_id"], event.value["event_id"]) for event in receipt.triggered_events}
    assert ("Balances", "Transfer") in names
    assert ("System", "ExtrinsicSuccess") in names
    assert receipt.total_fee_amount > 0


def test_a_call_that_fails_on_chain_says_why(substrate: SubstrateInterface, alice: Keypair, bob: Keypair) -> None:
    call = substrate.compose_call("Sudo", "sudo", {"call": transfer(substrate, alice, UNIT)})
    receipt = substrate.submit_extrinsic(substrate.create_signed_extrinsic(call, bob), wait_for_inclusion=True)
    assert not receipt.is_success
    assert receipt.error_message["name"] == "RequireSudo"


def test_a_stale_nonce_is_refused_as_a_node_refuses_it(
    substrate: SubstrateInterface, alice: Keypair, bob: Keypair
) -> None:
    substrate.submit_extrinsic(
        substrate.create_signed_extrinsic(transfer(substrate, bob, UNIT), alice), wait_for_inclusion=True
    )
    stale = substrate.create_signed_extrinsic(transfer(substrate, bob, 2 * UNIT), alice, nonce=0)
    with pytest.raises(SubstrateRequestException) as refused:
        substrate.submit_extrinsic(stale)
    assert refused.value.args[0] == {
        "code": 1010,
        "message": "Invalid Transaction",
        "data": "Transaction is outdated",
    }


def test_an_unwatched_submission_is_found_in_a_block(
    substrate: SubstrateInterface, alice: Keypair, bob: Keypair
) -> None:
    before = substrate.get_block_number(substrate.get_chain_finalised_head())
    signed = substrate.create_signed_extrinsic(transfer(substrate, bob, UNIT), alice)
    sent = substrate.submit_extrinsic(signed)
    while substrate.get_block_number(substrate.get_chain_finalised_head()) == before:
        pass
    block = substrate.get_block(block_number=before + 1)
    found = [one.extrinsic_hash for one in block["extrinsics"] if one.signed]
    assert found == [bytes.fromhex(sent.extrinsic_hash[2:])]


def test_past_blocks_answer_queries_as_they_did(substrate: SubstrateInterface, alice: Keypair, bob: Keypair) -> None:
    before, before_hash = free(substrate, bob), substrate.get_chain_head()
    substrate.submit_extrinsic(
        substrate.create_signed_extrinsic(transfer(substrate, bob, 5 * UNIT), alice), wait_for_inclusion=True
    )
    assert free(substrate, bob, before_hash) == before
    assert free(substrate, bob) == before + 5 * UNIT


def test_a_map_is_listed_page_by_page(substrate: SubstrateInterface, alice: Keypair) -> None:
    listed = list(substrate.query_map("System", "Account", page_size=3))
    assert len(listed) == len({key.value for key, _ in listed}) >= 6
    assert alice.ss58_address in {key.value for key, _ in listed}
    head = substrate.get_chain_head()
    assert len(list(substrate.query_map("System", "Account", page_size=100, block_hash=head))) == len(listed)


def test_several_keys_are_read_at_once(substrate: SubstrateInterface, alice: Keypair, bob: Keypair) -> None:
    keys = [substrate.create_storage_key("System", "Account", [one.ss58_address]) for one in (alice, bob)]
    assert [value.value["data"]["free"] for _, value in substrate.query_multi(keys)] == [
        free(substrate, alice),
        free(substrate, bob),
    ]


def test_a_fee_is_told_before_and_is_what_is_paid(substrate: SubstrateInterface, alice: Keypair, bob: Keypair) -> None:
    call = transfer(substrate, bob, UNIT)
    told = substrate.get_payment_info(call, alice)
    receipt = substrate.submit_extrinsic(substrate.create_signed_extrinsic(call, alice), wait_for_inclusion=True)
    assert told["partialFee"] == pytest.approx(receipt.total_fee_amount, rel=0.01)


def test_runtime_functions_constants_and_properties_are_served(substrate: SubstrateInterface, alice: Keypair) -> None:
    nonce = substrate.runtime_call("AccountNonceApi", "account_nonce", [alice.ss58_address]).value
    assert nonce == substrate.get_account_nonce(alice.ss58_address)
    assert substrate.get_constant("Balances", "ExistentialDeposit").value > 0
    assert (substrate.ss58_format, substrate.token_decimals, substrate.token_symbol) == (42, 12, "UNIT")
    assert substrate.get_metadata().value[1].keys() == {"V14"}
    assert substrate.runtime_version == packaged_version().spec_version


def test_new_heads_are_told_to_subscribers(substrate: SubstrateInterface, alice: Keypair, bob: Keypair) -> None:
    seen: list[int] = []

    def on_head(head: Any, update: int, _subscription: str) -> bool | None:
        seen.append(head["header"]["number"])
        if update == 0:
            with SubstrateInterface(url=substrate.url) as other:
                other.submit_extrinsic(other.create_signed_extrinsic(transfer(other, bob, UNIT), alice))
        return True if update == 1 else None

    substrate.subscribe_block_headers(on_head, finalized_only=True)
    assert seen[1] == seen[0] + 1


def test_a_changed_value_is_told_to_subscribers(substrate: SubstrateInterface, alice: Keypair, bob: Keypair) -> None:
    balances: list[int] = []

    def on_account(account: Any, update: int, _subscription: str) -> bool | None:
        balances.append(account.value["data"]["free"])
        if update == 0:
            with SubstrateInterface(url=substrate.url) as other:
                other.submit_extrinsic(other.create_signed_extrinsic(transfer(other, bob, 7 * UNIT), alice))
        return True if update == 1 else None

    substrate.query("System", "Account", [bob.ss58_address], subscription_handler=on_account)
    assert balances[1] == balances[0] + 7 * UNIT


def test_a_batch_of_calls_is_one_transaction(substrate: SubstrateInterface, alice: Keypair, bob: Keypair) -> None:
    before = free(substrate, bob)
    calls = [transfer(substrate, bob, UNIT) for _ in range(3)]
    batch = substrate.compose_call("Utility", "batch_all", {"calls": calls})
    receipt = substrate.submit_extrinsic(substrate.create_signed_extrinsic(batch, alice), wait_for_inclusion=True)
    assert receipt.is_success
    assert free(substrate, bob) == before + 3 * UNIT


def test_an_edwards_key_may_sign(substrate: SubstrateInterface, alice: Keypair) -> None:
    edwards = Keypair.create_from_seed(bytes(range(32)), crypto_type=KeypairType.ED25519)
    substrate.submit_extrinsic(
        substrate.create_signed_extrinsic(transfer(substrate, edwards, 10 * UNIT), alice), wait_for_inclusion=True
    )
    receipt = substrate.submit_extrinsic(
        substrate.create_signed_extrinsic(transfer(substrate, alice, UNIT), edwards), wait_for_inclusion=True
    )
    assert receipt.is_success


def test_a_moment_that_something_is_due_at_makes_a_block_by_itself(
    substrate: SubstrateInterface, alice: Keypair, bob: Keypair
) -> None:
    terms = {
        "kind": "Annotation",
        "reward": UNIT,
        "bond": UNIT,
        "slots": 1,
        "max_rejects": 0,
        "max_failures": 1,
        "review": {"judge": alice.ss58_address, "window": 0},
        "deadline": int(time.time() * 1000) + 3_600_000,
        "timeout": 2_000,
        "plan": None,
        "assignee": None,
    }
    spec = {"digest": "0x" + "11" * 32, "uri": "cas:", "inputs": [[]], "parents": [[]], "objectives": [[]]}
    created = succeeding(substrate, alice, "create_task", {"terms": terms, "spec": spec})
    (task,) = (event["attributes"]["task"] for event in told(substrate, created, "TaskCreated"))
    taken = substrate.get_block_number(succeeding(substrate, bob, "assign_task", {"task": task}))

    def on_head(head: Any, _update: int, _subscription: str) -> Any:
        return head["header"] if head["header"]["number"] > taken else None

    substrate.subscribe_block_headers(on_head)
    block_hash = substrate.get_block_hash(taken + 1)
    assert len(substrate.get_block(block_hash)["extrinsics"]) == 1
    (lapsed,) = told(substrate, block_hash, "Lapsed")
    assert lapsed["attributes"]["task"] == task


def succeeding(substrate: SubstrateInterface, account: Keypair, function: str, arguments: dict[str, Any]) -> str:
    """Send a call of the pallet Tasks that succeeds; return the hash of its block."""
    signed = substrate.create_signed_extrinsic(substrate.compose_call("Tasks", function, arguments), account)
    receipt = substrate.submit_extrinsic(signed, wait_for_inclusion=True)
    assert receipt.is_success, receipt.error_message
    return str(receipt.block_hash)


def told(substrate: SubstrateInterface, block_hash: str, name: str) -> list[dict[str, Any]]:
    """Return the events of this name in a block."""
    return [event.value for event in substrate.get_events(block_hash) if event.value["event_id"] == name]
