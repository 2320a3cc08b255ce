"""Clients continue across an upgrade of the chain's runtime."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from node_runtime.domain.assets import Account
from node_runtime.domain.permissions import PUBLIC
from node_runtime.domain.task import PlanId, TaskId
from node_runtime.spec.bounds import packaged_bounds
from node_runtime.substrate import current_codec
from node_runtime.substrate.blocks import FinalisedBlocks
from node_runtime.substrate.client import SubstrateChain, connect
from node_runtime.substrate.connection import Connection, Requests
from node_runtime.substrate.current_codec import CurrentCodec, code_hash
from tests.background import LIMIT, in_background, wait_until
from tests.later_devnet import LaterDevnet, later_devnet
from tests.stored import BEGIN, Stored, unpack_stored
from tests.transfers import development_keys
from tests.upgrading import OLD, upgrade


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return unpack_stored(tmp_path / "stored")


@pytest.fixture
def old_devnet(stored: Stored) -> Iterator[LaterDevnet]:
    """Serve the stored chain under its own runtime, that of commit 7bf0b92."""
    code = stored.folder / "old.wasm"
    code.write_bytes(stored.runtime())
    with later_devnet(stored.chain, begins=BEGIN + 60_000, code=code) as devnet:
        yield devnet


def test_a_client_reads_and_signs_by_the_new_runtime_at_once(old_devnet: LaterDevnet, stored: Stored) -> None:
    with closing(connect(old_devnet.url, "//Bob")) as bob:
        before = bob.task(TaskId(stored.story["open"]))
        assert before is not None
        bob.create_plan()
        upgrade(old_devnet.url)
        after = bob.task(TaskId(stored.story["open"]))
        assert after is not None
        assert (after.creator, after.terms.deadline, after.terms.reward) == (
            before.creator, before.terms.deadline, before.terms.reward
        )  # fmt: skip
        assert bob.create_plan() > 0
        fresh = connect(old_devnet.url, "//Bob")
        assert fresh.task(TaskId(stored.story["open"])) == after
        fresh.close()


def test_bounds_that_an_earlier_runtime_does_not_name_are_the_packaged_ones(old_devnet: LaterDevnet) -> None:
    with closing(connect(old_devnet.url, "//Bob")) as bob:
        assert bob.bounds().max_hand_backs == packaged_bounds().max_hand_backs
        upgrade(old_devnet.url)
        assert bob.bounds() == packaged_bounds()


def test_everyone_has_all_rights_under_a_runtime_that_knows_no_permissions(
    old_devnet: LaterDevnet, stored: Stored
) -> None:
    with closing(connect(old_devnet.url, "//Alice")) as alice:
        record = alice.record(TaskId(stored.story["open"]))
        assert record is not None
        assert {record.rights, *map(alice.permissions, record.spec.assets)} == {PUBLIC}


def test_calls_that_are_under_way_while_the_runtime_changes_all_happen_once(old_devnet: LaterDevnet) -> None:
    with closing(connect(old_devnet.url, "//Bob")) as bob, closing(connect(old_devnet.url, "//Charlie")) as charlie:
        done = threading.Event()

        def plans(chain: SubstrateChain) -> list[PlanId]:
            made: list[PlanId] = []
            while not done.is_set() or len(made) < 3:
                made.append(chain.create_plan())
            return made

        under_way = [in_background(partial(plans, chain)) for chain in (bob, charlie)]
        upgrade(old_devnet.url)
        done.set()
        made = sorted(plan for each in under_way for plan in each.result(LIMIT))
        assert made == list(range(made[0], made[0] + len(made)))


def test_the_state_after_a_block_is_read_as_the_runtime_that_made_it_wrote_it(old_devnet: LaterDevnet) -> None:
    connection = Connection(old_devnet.url)
    codecs = CurrentCodec(connection)
    first = connection.request("chain_getFinalizedHead")
    upgrade(old_devnet.url)
    number, old = 0, code_hash(connection, first)
    while code_hash(connection, block := connection.request("chain_getBlockHash", number)) == old:
        number += 1
    wait_until(lambda: connection.request("chain_getBlockHash", number + 1) is not None, "the next block")
    assert codecs.at(block).version.spec == OLD  # the block that sets the code
    newest = connection.request("chain_getFinalizedHead")
    assert codecs.at(newest).version.spec > OLD
    assert codecs.at(first).version.spec == OLD
    assert codecs.get().version.spec > OLD
    connection.close()


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Read every block across an upgrade in order; record the runtime of each and the blocks queried for it."""

    specs: list[int]
    right: list[int]
    asked: list[str]
    changed: str


def walk_through_an_upgrade(url: str, monkeypatch: pytest.MonkeyPatch) -> Walk:
    asked: list[str] = []
    with closing(Connection(url)) as connection:
        codecs = CurrentCodec(connection)
        blocks = FinalisedBlocks(connection, codecs)
        first = blocks.head()
        codecs.at(first.hash)
        upgrade(url)
        with closing(connect(url, "//Bob")) as bob:
            bob.create_plan()
        newest = blocks.head()

        def counted(connection: Requests, block: str) -> str:
            asked.append(block)
            return code_hash(connection, block)

        monkeypatch.setattr(current_codec, "code_hash", counted)
        between = [blocks.at(number).hash for number in range(first.number + 1, newest.number + 1)]
        specs = [codecs.at(block).version.spec for block in between]
        codes = [code_hash(connection, block) for block in (first.hash, *between)]
        right = [OLD if code == codes[0] else codecs.get().version.spec for code in codes[:-1]]
        changed = next(block for block, code in zip(between, codes[1:], strict=True) if code != codes[0])
    return Walk(specs=specs, right=right, asked=asked, changed=changed)


def test_headers_tell_where_the_runtime_changed(old_devnet: LaterDevnet, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = walk_through_an_upgrade(old_devnet.url, monkeypatch)
    assert walk.specs == walk.right
    assert walk.specs[-1] > OLD
    assert walk.asked == [walk.changed]


def test_code_that_no_header_tells_is_noticed_after_a_while(
    old_devnet: LaterDevnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current_codec, "_NEW_CODE", "a digest item that no block has")
    monkeypatch.setattr(current_codec, "_LOOK_AGAIN", 0.0)
    walk = walk_through_an_upgrade(old_devnet.url, monkeypatch)
    assert walk.specs == walk.right
    assert walk.specs[-1] > OLD


def test_an_account_keeps_its_money_through_the_upgrade(old_devnet: LaterDevnet) -> None:
    with closing(connect(old_devnet.url, "//Charlie")) as charlie:
        bob = Account(development_keys()["Bob"].ss58_address)
        before = charlie.balance(bob)
        upgrade(old_devnet.url)
        after = charlie.balance(bob)
        assert after.free + after.held == before.free + before.held
