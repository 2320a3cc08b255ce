"""The chain: re-execution of blocks to the same root, refused transactions, restarts, past states."""

import random

import pytest
from eth_keys.datatypes import PrivateKey

from node_runtime.devnet import blocks, runtime_api
from node_runtime.devnet.chain import EmbeddedChain, TransactionRefused
from node_runtime.devnet.pool import Status, StatusName, TemporarilyBanned
from node_runtime.devnet.scale import prefixed
from node_runtime.devnet.state.trie import blake2_256
from node_runtime.devnet.wasm.compiled import unpacked
from node_runtime.devnet.wasm.host import RuntimePanic
from node_runtime.errors import InputError
from tests.devnet import Clock, OpenChain
from tests.transfers import UNIT, Signer


def test_every_block_of_a_long_random_run_executes_again_to_the_same_root(
    chain: EmbeddedChain, signers: dict[str, Signer], clock: Clock
) -> None:
    random_ = random.Random(3)
    names = sorted(signers)
    for _ in range(40):
        clock.now += random_.randrange(3000)
        for _ in range(random_.randrange(5)):
            sender = signers[random_.choice(names)]
            to = random_.choice([signers[random_.choice(names)].account, random_.randbytes(32)])
            amount = random_.choice([0, 1, UNIT, 10**7 * UNIT])
            chain.submit(sender.transfer(to, amount, nonce=chain.next_nonce(sender.account), tip=random_.randrange(9)))
        chain.seal()
    for number in range(1, chain.head.number + 1):
        chain.execute_again(number)


def test_a_block_with_a_changed_extrinsic_does_not_execute(chain: EmbeddedChain, signers: dict[str, Signer]) -> None:
    alice, bob = signers["Alice"], signers["Bob"]
    chain.submit(alice.transfer(bob.account, UNIT, nonce=0))
    sealed = chain.seal()
    other = alice.transfer(bob.account, 2 * UNIT, nonce=0)
    rules = chain.runtime_at(0)
    with pytest.raises(RuntimePanic):
        blocks.execute(rules.runtime, chain.overlay_at(0), sealed.header, (*sealed.block.extrinsics[:-1], other))


def test_time_on_chain_advances_even_when_the_clock_stands_or_goes_back(chain: EmbeddedChain, clock: Clock) -> None:
    times = []
    for moved in (0, 0, -5000, 100, 7000):
        clock.now += moved
        chain.seal()
        times.append(blocks.timestamp(chain.overlay_at(chain.head.number)))
    assert times == sorted(set(times))


def test_transactions_of_one_account_stand_in_nonce_order_however_they_arrive(
    chain: EmbeddedChain, signers: dict[str, Signer]
) -> None:
    alice, bob = signers["Alice"], signers["Bob"]
    transfers = [alice.transfer(bob.account, UNIT, nonce=nonce, tip=nonce) for nonce in range(4)]
    for nonce in (2, 0, 3, 1):
        chain.submit(transfers[nonce])
    assert chain.next_nonce(alice.account) == 4
    assert list(chain.seal().block.extrinsics[1:]) == transfers


def test_a_transaction_after_a_gap_waits_until_the_gap_is_closed_by_a_block(
    chain: EmbeddedChain, signers: dict[str, Signer]
) -> None:
    alice, bob = signers["Alice"], signers["Bob"]
    later = alice.transfer(bob.account, UNIT, nonce=1)
    chain.submit(later)
    assert len(chain.seal().block.extrinsics) == 1
    chain.submit(alice.transfer(bob.account, UNIT, nonce=0))
    assert chain.seal().block.extrinsics[-1] == later


def test_a_higher_tip_takes_the_place_of_the_same_nonce(
    chain: EmbeddedChain, signers: dict[str, Signer], statuses: list[tuple[bytes, Status]]
) -> None:
    alice, bob = signers["Alice"], signers["Bob"]
    first = chain.submit(alice.transfer(bob.account, UNIT, nonce=0))
    second = chain.submit(alice.transfer(bob.account, UNIT, nonce=0, tip=UNIT))
    assert (first, StatusName.USURPED, second) in [(hash_, status.name, status.hash) for hash_, status in statuses]
    assert blake2_256(chain.seal().block.extrinsics[-1]) == second


@pytest.mark.parametrize(
    ("nonce", "tip", "signer", "reason"),
    [
        (0, 10**9 * UNIT, "Alice", "Inability to pay some fees"),
        (0, 0, "stranger", "bad signature"),
    ],
)
def test_transactions_that_the_runtime_refuses_do_not_enter_the_pool(
    chain: EmbeddedChain, signers: dict[str, Signer], nonce: int, tip: int, signer: str, reason: str
) -> None:
    alice = signers["Alice"]
    genesis = alice.genesis if signer == "Alice" else bytes(32)
    author = Signer(keys=alice.keys, genesis=genesis)
    with pytest.raises(TransactionRefused, match=reason):
        chain.submit(author.transfer(alice.account, UNIT, nonce=nonce, tip=tip))
    assert not chain.pool.has_ready()


def test_a_transaction_that_stands_in_a_block_is_refused_for_a_while_and_its_nonce_for_ever(
    chain: EmbeddedChain, signers: dict[str, Signer]
) -> None:
    alice, bob = signers["Alice"], signers["Bob"]
    transfer = alice.transfer(bob.account, UNIT, nonce=0)
    chain.submit(transfer)
    chain.seal()
    with pytest.raises(TemporarilyBanned):
        chain.submit(transfer)
    with pytest.raises(TransactionRefused, match="outdated"):
        chain.submit(alice.transfer(bob.account, 2 * UNIT, nonce=0))


def test_a_transaction_whose_fee_was_spent_before_it_is_dropped_and_the_block_made_without_it(
    chain: EmbeddedChain, signers: dict[str, Signer], statuses: list[tuple[bytes, Status]]
) -> None:
    alice, bob = signers["Alice"], signers["Bob"]
    nearly_all = 999_999 * UNIT + UNIT * 9 // 10
    chain.submit(alice.transfer(bob.account, nearly_all, nonce=0))
    unpayable = chain.submit(alice.transfer(bob.account, 1, nonce=1, tip=UNIT))
    sealed = chain.seal()
    assert len(sealed.block.extrinsics) == 2
    assert (unpayable, StatusName.INVALID) in [(hash_, status.name) for hash_, status in statuses]
    chain.execute_again(sealed.block.number)


def test_an_ethereum_style_key_may_sign(chain: EmbeddedChain, signers: dict[str, Signer]) -> None:
    private = PrivateKey(bytes(range(1, 33)))
    account = blake2_256(private.public_key.to_compressed_bytes())
    chain.submit(signers["Alice"].transfer(account, 10 * UNIT, nonce=0))
    chain.seal()

    def transfer(nonce: int, signed_by: PrivateKey) -> bytes:
        def sign(payload: bytes) -> bytes:
            return b"\2" + bytes(signed_by.sign_msg_hash(blake2_256(payload)).to_bytes())

        return signers["Alice"].transfer_of(account, signers["Bob"].account, UNIT, nonce=nonce, sign=sign)

    with pytest.raises(TransactionRefused, match="bad signature"):
        chain.submit(transfer(0, PrivateKey(bytes(range(2, 34)))))
    chain.submit(transfer(0, private))
    assert len(chain.seal().block.extrinsics) == 2


def test_a_restarted_chain_goes_on_from_its_last_block(
    chain: EmbeddedChain, signers: dict[str, Signer], open_chain: OpenChain
) -> None:
    alice, bob = signers["Alice"], signers["Bob"]
    chain.submit(alice.transfer(bob.account, UNIT, nonce=0))
    last = chain.seal().block
    again = open_chain()
    assert again.head == last
    assert again.next_nonce(alice.account) == 1
    again.submit(alice.transfer(bob.account, UNIT, nonce=1))
    assert again.seal().header.parent == last.hash
    again.execute_again(again.head.number)


def test_another_preset_than_the_stored_chains_is_refused(chain: EmbeddedChain, open_chain: OpenChain) -> None:
    assert chain.head.number == 0
    with pytest.raises(InputError, match="--fresh"):
        open_chain(preset="local_testnet")


def test_an_unknown_preset_is_refused_with_the_known_ones(open_chain: OpenChain) -> None:
    with pytest.raises(InputError, match="development, local_testnet"):
        open_chain(preset="mainnet")


def test_the_second_preset_makes_another_chain(open_chain: OpenChain) -> None:
    chain = open_chain(preset="local_testnet")
    chain.seal()
    chain.execute_again(1)


def test_an_earlier_state_answers_as_it_did_then(chain: EmbeddedChain, signers: dict[str, Signer]) -> None:
    alice, bob = signers["Alice"], signers["Bob"]
    for nonce in range(3):
        chain.submit(alice.transfer(bob.account, UNIT, nonce=nonce))
        chain.seal()
    nonces = [
        runtime_api.account_nonce(chain.runtime_at(number).runtime, chain.overlay_at(number), alice.account)
        for number in range(4)
    ]
    assert nonces == [0, 1, 2, 3]


def test_a_new_runtime_rules_from_the_next_block_on(
    chain: EmbeddedChain, signers: dict[str, Signer], code: bytes, open_chain: OpenChain
) -> None:
    alice = signers["Alice"]
    other = unpacked(code)  # the same runtime, uncompressed
    sudo, system, set_code_without_checks = 6, 0, 3
    chain.submit(alice.signed(bytes((sudo, 0, system, set_code_without_checks)) + prefixed(other), nonce=0))
    upgraded = chain.seal().block
    assert chain.state_at(upgraded.number).get(b":code") == other
    chain.submit(alice.transfer(signers["Bob"].account, UNIT, nonce=1))
    chain.seal()
    again = open_chain()
    for number in range(1, again.head.number + 1):
        again.execute_again(number)
    assert again.runtime_at(0).runtime is not again.runtime_at(again.head.number).runtime


def test_the_next_nonce_of_an_account_is_found_without_a_look_at_all_that_waits(
    chain: EmbeddedChain, signers: dict[str, Signer], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = signers["Alice"], signers["Bob"]
    looks: list[bytes] = []
    provides = chain.pool.provides

    def counted(tag: bytes) -> bool:
        looks.append(tag)
        return provides(tag)

    monkeypatch.setattr(chain.pool, "provides", counted)
    for nonce in range(30):
        assert chain.next_nonce(alice.account) == nonce
        chain.submit(alice.transfer(bob.account, UNIT, nonce=nonce))
        looks.clear()
    assert chain.next_nonce(alice.account) == 30
    assert len(looks) <= 3
    chain.seal()
    assert chain.next_nonce(alice.account) == 30
