"""Recovery of a chain whose newest blocks were made while the clock was a year ahead."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node_runtime.devnet.blocks import timestamp
from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.folder import drop_future_blocks, future_warning
from node_runtime.devnet.state.store import STATE_HISTORY, Store
from node_runtime.devnet.upgrade import follow_package
from node_runtime.devnet.wasm.compiled import unpacked
from node_runtime.errors import InputError
from tests.devnet import Clock, OpenChain
from tests.transfers import UNIT, Signer

YEAR = 365 * 86_400_000


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "chain.sqlite"


@pytest.fixture
def ahead(chain: EmbeddedChain, signers: dict[str, Signer], clock: Clock) -> EmbeddedChain:
    """A chain with two blocks made on time and three while the clock was a year ahead."""
    alice, bob = signers["Alice"], signers["Bob"]
    for nonce in range(5):
        clock.now += YEAR if nonce == 2 else 1000
        chain.submit(alice.transfer(bob.account, UNIT, nonce=nonce))
        chain.seal()
    clock.now -= YEAR
    return chain


@pytest.fixture
def store(database: Path, ahead: EmbeddedChain) -> Iterator[Store]:
    """The stored chain, reopened."""
    assert ahead.head.number == 5
    opened = Store(database)
    yield opened
    opened.close()


def test_a_chain_later_than_the_clock_is_reported_with_a_remedy(store: Store, clock: Clock) -> None:
    output = future_warning(store, clock.now)
    assert output is not None
    assert "1970" not in output
    assert "365d after this machine's clock" in output
    assert "--cut-future" in output


def test_a_clock_corrected_by_seconds_gives_no_warning(chain: EmbeddedChain, database: Path, clock: Clock) -> None:
    chain.seal()
    store = Store(database)
    assert future_warning(store, clock.now - 30_000) is None
    store.close()


def test_blocks_later_than_the_clock_are_dropped_and_the_chain_goes_on_from_the_last_on_time(
    store: Store, database: Path, clock: Clock, signers: dict[str, Signer], open_chain: OpenChain
) -> None:
    messages = drop_future_blocks(database, store, clock.now)
    assert messages.startswith("dropped 3 blocks")
    again = open_chain()  # compares the state's root with the block's
    alice = signers["Alice"]
    assert again.head.number == 2
    assert again.next_nonce(alice.account) == 2
    clock.now += 5000
    again.submit(alice.transfer(signers["Bob"].account, UNIT, nonce=2))
    again.seal()
    assert timestamp(again.overlay_at(3)) == clock.now
    for number in range(1, 4):
        again.execute_again(number)
    assert future_warning(store, clock.now) is None


def test_the_chain_before_the_cut_is_kept_beside_it(
    store: Store, database: Path, clock: Clock, ahead: EmbeddedChain
) -> None:
    messages = drop_future_blocks(database, store, clock.now)
    (copy,) = database.parent.glob("chain-before-cut-*.sqlite")
    assert str(copy) in messages
    kept = Store(copy)
    assert kept.head() == ahead.head
    kept.close()


def test_nothing_is_dropped_where_no_block_is_later(store: Store, database: Path, clock: Clock) -> None:
    clock.now += YEAR
    assert "nothing was dropped" in drop_future_blocks(database, store, clock.now)
    assert store.head_number == 5
    assert list(database.parent.glob("*before-cut*")) == []


def test_more_blocks_than_have_their_state_kept_are_not_dropped(
    open_chain: OpenChain, database: Path, clock: Clock
) -> None:
    chain = open_chain(history=4)
    chain.seal()
    clock.now += YEAR
    for _ in range(8):
        chain.seal()
    store = Store(database, history=4)
    with pytest.raises(InputError, match="the last 4 blocks are all later") as refused:
        drop_future_blocks(database, store, clock.now - YEAR)
    assert "--fresh" in refused.value.remedy
    assert store.head_number == 9
    store.close()


def test_an_upgrade_that_was_dropped_is_made_again(
    chain: EmbeddedChain, code: bytes, database: Path, clock: Clock, open_chain: OpenChain
) -> None:
    other = unpacked(code)
    chain.seal()
    clock.now += YEAR
    follow_package(chain, other, same_version=True, say=lambda _line: None)
    clock.now -= YEAR
    store = Store(database, history=STATE_HISTORY)
    drop_future_blocks(database, store, clock.now)
    store.close()
    again = open_chain()
    messages: list[str] = []
    follow_package(again, other, same_version=True, say=messages.append)
    assert len(messages) == 1
