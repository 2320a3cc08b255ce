"""Failures that a chain client survives or reports: broken connections, upgrades, wrong addresses and values."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from node_runtime.devnet.scale import prefixed
from node_runtime.devnet.server.server import RUNTIME
from node_runtime.devnet.wasm.compiled import unpacked
from node_runtime.domain.assets import Account, AssetKind
from node_runtime.domain.task import TaskId
from node_runtime.errors import ChainError, ChainRefused, ChainUnavailable, InputError
from node_runtime.substrate.blocks import FinalisedBlocks
from node_runtime.substrate.client import connect
from node_runtime.substrate.connection import Connection
from node_runtime.substrate.current_codec import CurrentCodec, codec_of, raw_metadata, runtime_version
from node_runtime.substrate.keys import create_key
from tests.background import LIMIT, in_background
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
            with other, pytest.raises(ChainError, match="its genesis block differs"):
                chain.create_plan()


def test_an_unreachable_chain_is_reported_soon() -> None:
    with pytest.raises(ChainUnavailable) as caught:
        connect("ws://127.0.0.1:9", "//Alice")
    assert "no answer from the chain at ws://127.0.0.1:9" in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_of_the_environment_does_not_cut_off_a_chain_on_this_machine(
    scheme: str, shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    chain = connect(shared_url, "//Alice")
    assert chain.create_plan() > 0
    chain.close()


@pytest.mark.parametrize(
    ("code", "reason", "told", "remedy"),
    [
        (1013, "too many connections: 100 are in use", "too many connections: 100 are in use (code 1013)", "end other"),
        (1011, "\x1b[2Jbroken", "it closed the connection: [2Jbroken (code 1011)", "check that it is running"),
    ],
)
def test_a_node_that_ends_the_connection_is_quoted(code: int, reason: str, told: str, remedy: str) -> None:
    with refusing_node(code, reason) as address, pytest.raises(ChainUnavailable) as caught:
        connect(address, "//Alice")
    assert told in caught.value.message
    assert remedy in caught.value.remedy


def test_an_http_response_is_reported_by_its_status() -> None:
    with refusing_node(None, "") as address, pytest.raises(ChainUnavailable, match="it answered with HTTP status 403,"):
        connect(address, "//Alice")


@contextmanager
def refusing_node(code: int | None, reason: str) -> Iterator[str]:
    """Run a node that closes every connection with a code and a reason, or accepts none."""

    def refuse(socket: ServerConnection, _request: Request) -> Response | None:
        return socket.respond(HTTPStatus.FORBIDDEN, "no") if code is None else None

    def serve_one(socket: ServerConnection) -> None:
        socket.close(code or 1000, reason)

    with serve(serve_one, "127.0.0.1", 0, process_request=refuse) as server:
        serving = in_background(server.serve_forever)
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        serving.result(LIMIT)


@pytest.mark.parametrize("address", ["127.0.0.1:9944", "http://127.0.0.1:9944", "ws://", "ws://host:port"])
def test_an_invalid_address_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="ws://"):
        connect(address, "//Alice")


def test_an_account_without_money_is_reported(shared_url: str) -> None:
    chain = connect(shared_url, "//Pauper")
    with pytest.raises(ChainRefused, match=r"fee of at most 0\.00\d+ UNIT") as caught:
        chain.create_plan()
    assert caught.value.rule == "TooLittleBalance"
    chain.close()


def test_values_beyond_the_chains_bounds_are_refused(shared_url: str) -> None:
    world = open_world(shared_url)
    asset = world.asset(AssetKind.ALGO)
    with pytest.raises(ChainRefused, match="longer than the chain keeps") as caught:
        world.creator.register_assets([replace(asset, uri="u" * 257)])
    assert caught.value.remedy
    world.creator.register_assets([replace(asset, uri="u" * 256)])
    world.close()


def test_arguments_that_cannot_be_encoded_are_refused(shared_url: str) -> None:
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
    """Upgrade the chain to the same runtime with one changed word in its documentation."""
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
    head = first.request("chain_getFinalizedHead")
    assert codec_of(first, head) is codec_of(second, head)
    first.close()
    second.close()


def test_a_finalised_block_that_the_node_lost_is_reported(shared_url: str) -> None:
    connection = Connection(shared_url)
    with pytest.raises(ChainUnavailable, match="finalised block 1000"):
        FinalisedBlocks(connection, CurrentCodec(connection)).at(1000)
    connection.close()


def test_an_answer_in_invalid_utf8_counts_as_none() -> None:
    with (
        served(lambda client: client.send(b"\xff", text=True)) as url,
        pytest.raises(ChainUnavailable, match="no answer from the chain"),
    ):
        Connection(url)


def test_a_server_other_than_a_chains_node_is_refused() -> None:
    with (
        served(lambda client: client.send('{"id": 1}')) as url,
        pytest.raises(ChainError, match="is not a chain's node"),
    ):
        connect(url, "//Alice")
