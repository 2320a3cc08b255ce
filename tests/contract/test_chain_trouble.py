"""What must a chain client survive, and what does it tell? Broken connections, upgrades, wrong addresses and values."""

from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.chain.blocks import FinalisedBlocks
from node_runtime.chain.client import connect
from node_runtime.chain.codec import codec_of
from node_runtime.chain.connection import Connection
from node_runtime.chain.keys import create_key
from node_runtime.chain.metadata import raw_metadata, runtime_version
from node_runtime.devnet.compiled import unpacked
from node_runtime.devnet.scale import prefixed
from node_runtime.devnet.server import RUNTIME
from node_runtime.errors import ChainError, ChainRefused, ChainUnavailable, InputError
from node_runtime.task import Account, AssetKind, TaskId
from tests.contract.chain_world import open_world
from tests.contract.lossy_chain import lossy_chain, patience, served
from tests.devnet import RpcConnection, hexed, running_devnet, unhexed
from tests.transfers import Signer, development_keys

__all__ = ["patience"]

SUDO, SYSTEM, SET_CODE_WITHOUT_CHECKS = 6, 0, 3


@pytest.mark.usefixtures("patience")
def test_a_chain_that_hangs_up_before_its_first_answer_is_asked_again(url: str) -> None:
    first = lossy_chain(url, method="chain_getBlockHash", loses=lambda number: number == 1, before=True)
    with first as (address, lossy):
        chain = connect(address, "//Alice")
        assert chain.create_plan() == 1
        assert lossy.lost == 1
        chain.close()


@pytest.mark.usefixtures("patience")
def test_a_chain_that_starts_afresh_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    with running_devnet(tmp_path / "chain") as first:
        chain = connect(first.url, "//Alice")
        first.kill()
        with running_devnet(tmp_path / "chain", port=first.port) as again:
            assert chain.create_plan() == 1
            again.kill()
            other = running_devnet(tmp_path / "other", "--preset", "local_testnet", port=first.port)
            with other, pytest.raises(ChainError, match="another one than before"):
                chain.create_plan()


def test_a_chain_that_is_not_there_is_told_soon() -> None:
    with pytest.raises(ChainUnavailable) as caught:
        connect("ws://127.0.0.1:9", "//Alice")
    assert "no answer from the chain at ws://127.0.0.1:9" in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("address", ["127.0.0.1:9944", "http://127.0.0.1:9944", "ws://", "ws://host:port"])
def test_an_address_that_is_none_is_told(address: str) -> None:
    with pytest.raises(InputError, match="ws://"):
        connect(address, "//Alice")


def test_an_account_without_money_is_told_so(shared_url: str) -> None:
    chain = connect(shared_url, "//Pauper")
    with pytest.raises(ChainRefused) as caught:
        chain.create_plan()
    assert caught.value.rule == "TooLittleBalance"
    chain.close()


def test_what_the_chain_has_no_room_for_is_told(shared_url: str) -> None:
    world = open_world(shared_url)
    asset = world.asset(AssetKind.ALGO)
    with pytest.raises(ChainRefused, match="longer than the chain keeps") as caught:
        world.creator.register_assets([replace(asset, uri="u" * 257)])
    assert caught.value.remedy
    world.creator.register_assets([replace(asset, uri="u" * 256)])
    world.close()


def test_arguments_that_can_not_be_written_are_told(shared_url: str) -> None:
    world = open_world(shared_url)
    with pytest.raises(InputError, match="out of range"):
        world.worker.hand_back(TaskId(1), 2**32)
    with pytest.raises(InputError, match=r"System\.Account"):
        world.worker.balance(Account("5Foo"))
    with pytest.raises(InputError, match="create_task"):
        world.creator.create_task(replace(world.terms(), reward=-1), world.training_spec())
    world.close()


def test_only_own_assets_can_be_registered(shared_url: str) -> None:
    world = open_world(shared_url)
    with pytest.raises(InputError, match="isn't this account's"):
        world.worker.register_assets([world.asset(AssetKind.ALGO)])
    world.close()


def test_a_keystore_file_signs_like_any_key(shared_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = create_key(tmp_path / "node.json", "a password")
    (tmp_path / "password").touch(mode=0o600)
    (tmp_path / "password").write_text("a password\n")
    monkeypatch.setenv("NODE_RUNTIME_PASSWORD_FILE", str(tmp_path / "password"))
    chain = connect(shared_url, str(tmp_path / "node.json"))
    assert chain.account == account
    with pytest.raises(ChainRefused):
        chain.create_plan()
    chain.close()


def test_a_closed_client_says_so(shared_url: str) -> None:
    chain = connect(shared_url, "//Alice")
    chain.close()
    with pytest.raises(ChainError, match="was closed"):
        chain.now()


@pytest.mark.parametrize("damage", [b"", b"\0" * 100, None])
def test_damaged_metadata_in_the_cache_is_fetched_anew(shared_url: str, tmp_path: Path, damage: bytes | None) -> None:
    connection = Connection(shared_url)
    head = connection.request("chain_getFinalizedHead")
    version = runtime_version(connection, head)
    raw = raw_metadata(connection, version, head, tmp_path / "cache")
    (cached,) = (tmp_path / "cache").iterdir()
    cached.write_bytes(cached.read_bytes()[:-1] if damage is None else damage)
    assert raw_metadata(connection, version, head, tmp_path / "cache") == raw
    assert cached.read_bytes().endswith(raw)
    connection.close()


def test_metadata_is_that_of_the_runtime_it_is_kept_for_also_when_the_chain_is_upgraded_meanwhile(
    url: str, tmp_path: Path
) -> None:
    connection = Connection(url)
    head = connection.request("chain_getFinalizedHead")
    version = runtime_version(connection, head)
    with RpcConnection(url) as rpc:
        upgrade(rpc)
        newest = rpc.result("state_getMetadata")
    raw = raw_metadata(connection, version, head, tmp_path / "cache")
    assert raw.hex() == connection.request("state_getMetadata", head)[2:]
    assert raw.hex() != newest[2:]
    connection.close()


def upgrade(rpc: RpcConnection) -> None:
    """Have the chain follow the same rules with another word in their documentation."""
    other = unpacked(RUNTIME.read_bytes())
    word = b"Only the creator may do this"
    assert word in other
    call = bytes((SUDO, 0, SYSTEM, SET_CODE_WITHOUT_CHECKS)) + prefixed(other.replace(word, word.upper()))
    alice = Signer(keys=development_keys()["Alice"], genesis=unhexed(rpc.result("chain_getBlockHash", 0)))
    rpc.result("author_submitAndWatchExtrinsic", hexed(alice.signed(call, nonce=0)))
    while rpc.notification()["result"] == "ready":
        pass


def test_metadata_is_decoded_once_for_all_clients(shared_url: str) -> None:
    first, second = Connection(shared_url), Connection(shared_url)
    assert codec_of(first) is codec_of(second)
    first.close()
    second.close()


def test_a_finalised_block_that_the_node_has_no_more_is_told(shared_url: str) -> None:
    connection = Connection(shared_url)
    with pytest.raises(ChainUnavailable, match="finalised block 1000"):
        FinalisedBlocks(connection).at(1000)
    connection.close()


def test_an_answer_that_is_no_text_is_told_as_none() -> None:
    with (
        served(lambda client: client.send(b"\xff", text=True)) as url,
        pytest.raises(ChainUnavailable, match="no answer from the chain"),
    ):
        Connection(url)


def test_what_is_no_chain_is_told() -> None:
    with (
        served(lambda client: client.send('{"id": 1}')) as url,
        pytest.raises(ChainError, match="is no chain's node"),
    ):
        connect(url, "//Alice")
