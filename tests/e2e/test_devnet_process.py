"""Start, stop and error messages of the devnet process."""

import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedOK

from node_runtime.devnet.scale import prefixed
from node_runtime.substrate.client import connect_reader
from tests.background import LIMIT, in_time, wait_until
from tests.devnet import RpcConnection, hexed, running_devnet, start_devnet, unhexed
from tests.e2e.persons_terminal import at_terminal
from tests.later_devnet import later_devnet
from tests.stored import unpack_stored
from tests.transfers import UNIT, Signer, development_keys


def refused(base_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a devnet that must exit by itself."""
    command = [sys.executable, "-m", "node_runtime.devnet", "--base-path", str(base_path), "--port", "0", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)


def alice(rpc: RpcConnection) -> Signer:
    return Signer(keys=development_keys()["Alice"], genesis=unhexed(rpc.result("chain_getBlockHash", 0)))


def test_asked_to_end_it_ends_well_and_goes_on_later(tmp_path: Path) -> None:
    with start_devnet(tmp_path) as url, RpcConnection(url) as rpc:
        rpc.result("author_submitAndWatchExtrinsic", hexed(alice(rpc).transfer(bytes(32), UNIT, nonce=0)))
        final = [rpc.notification()["result"] for _ in range(3)][-1]["finalized"]
    with start_devnet(tmp_path) as url, RpcConnection(url) as rpc:
        assert rpc.result("chain_getFinalizedHead") == final


def test_programs_reach_it_by_names_of_which_web_pages_are_refused(tmp_path: Path) -> None:
    with start_devnet(tmp_path, "--host", "127.0.0.2") as url, closing(connect_reader(url)) as chain:
        assert url.startswith("ws://127.0.0.2:")
        assert chain.genesis


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_it_ends_well_by_each_signal_of_people(tmp_path: Path, number: signal.Signals) -> None:
    with running_devnet(tmp_path) as devnet, RpcConnection(devnet.url) as rpc:
        devnet.process.send_signal(number)
        with pytest.raises(ConnectionClosedOK, match=r"1001 .*the chain's node is shutting down"):
            rpc.socket.recv(timeout=LIMIT)
        assert devnet.process.wait(LIMIT) == 0
        assert devnet.said() == ""


def test_a_second_devnet_on_the_folder_is_refused(tmp_path: Path) -> None:
    with running_devnet(tmp_path) as first:
        second = refused(tmp_path)
        assert second.returncode == 4
        assert f"another devnet (process {first.process.pid}) is running" in second.stderr
    with start_devnet(tmp_path):
        pass


def test_clients_that_vanish_amid_their_requests_do_not_keep_it_from_ending(tmp_path: Path) -> None:
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "state_getMetadata"})
    with start_devnet(tmp_path) as url:
        for _ in range(20):
            with RpcConnection(url) as rpc:
                for _ in range(50):
                    rpc.socket.send(request)
                cut = struct.pack("ii", 1, 0)  # closes the connection without a closing handshake
                rpc.socket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, cut)
                rpc.socket.socket.close()


def test_another_preset_is_refused_until_the_chain_may_be_forgotten(tmp_path: Path) -> None:
    with start_devnet(tmp_path):
        pass
    other = refused(tmp_path, "--preset", "local_testnet")
    assert other.returncode == 2
    assert "--fresh" in other.stderr
    with start_devnet(tmp_path, "--preset", "local_testnet", "--fresh") as url, RpcConnection(url) as rpc:
        assert rpc.result("chain_getHeader")["number"] == "0x0"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_an_address_that_others_reach_needs_an_explicit_word(tmp_path: Path, host: str) -> None:
    ended = refused(tmp_path, "--host", host)
    assert ended.returncode == 2
    assert "--allow-remote" in ended.stderr


ASKED = "Delete all of it? [y/N]"


@pytest.mark.parametrize("answer", ["n", "y"])
def test_a_person_is_asked_before_a_stored_chain_is_deleted(tmp_path: Path, answer: str) -> None:
    with start_devnet(tmp_path) as url, RpcConnection(url) as rpc:
        rpc.result("author_submitAndWatchExtrinsic", hexed(alice(rpc).transfer(bytes(32), UNIT, nonce=0)))
        assert [rpc.notification()["result"] for _ in range(3)]
    with at_terminal(*fresh(tmp_path), folder=tmp_path, environment=os.environ) as devnet:
        devnet.waits_for(ASKED)
        assert f"left in {tmp_path}:\n  chain.sqlite  every block, account and task\n" in devnet.seen
        devnet.types(f"{answer}\n")
        if answer == "y":
            devnet.waits_for("ready ws://")
            devnet.process.send_signal(signal.SIGINT)
        assert devnet.ends() == (0 if answer == "y" else 1)
    with start_devnet(tmp_path) as url, RpcConnection(url) as rpc:
        assert rpc.result("chain_getHeader")["number"] == ("0x0" if answer == "y" else "0x1")


@pytest.mark.parametrize("options", [(), ("--yes",)])
def test_nobody_is_asked_where_nothing_is_stored_or_the_answer_is_given(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    if options:
        with start_devnet(tmp_path):
            pass
    with at_terminal(*fresh(tmp_path), *options, folder=tmp_path, environment=os.environ) as devnet:
        devnet.waits_for("ready ws://")
        devnet.process.send_signal(signal.SIGINT)
        assert devnet.ends() == 0
    assert ASKED not in devnet.seen
    assert ("chain.sqlite" in devnet.seen) is bool(options)


def fresh(folder: Path) -> tuple[str, ...]:
    return ("devnet", "--base-path", str(folder), "--port", "0", "--fresh")


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with start_devnet(tmp_path / "one") as url:
        port = url.rpartition(":")[2]
        ended = refused(tmp_path / "two", "--port", port)
    assert ended.returncode == 4
    assert f"cannot listen on 127.0.0.1:{port}: address already in use; name another" in ended.stderr


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = refused(tmp_path / "file" / "chain")
    assert ended.returncode == 4
    assert "choose a folder" in ended.stderr


def test_two_second_blocks_come_without_transactions(tmp_path: Path) -> None:
    with start_devnet(tmp_path, "--block-time", "2s") as url, RpcConnection(url) as rpc:
        rpc.result("chain_subscribeNewHeads")
        numbers = [int(rpc.notification()["result"]["number"], 16) for _ in range(3)]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]


def limit_file_size() -> None:
    """Limit files of this process to 3 MiB, which SQLite handles as a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))


def test_on_a_full_disk_no_block_is_announced_and_queries_still_work(tmp_path: Path) -> None:
    remark = bytes((0, 7)) + prefixed(bytes(200_000))
    full = running_devnet(tmp_path, before_start=limit_file_size)
    with full as devnet, RpcConnection(devnet.url) as rpc:
        rpc.result("chain_subscribeNewHeads")
        announced = rpc.notification()["result"]
        nonce = 0
        while "no block was made" not in devnet.said():
            number = int(rpc.result("chain_getHeader")["number"], 16)
            if number > int(announced["number"], 16):
                announced = rpc.notification()["result"]
            elif number == nonce:
                rpc.result("author_submitExtrinsic", hexed(alice(rpc).signed(remark, nonce=nonce)))
                nonce += 1
        assert rpc.result("chain_getHeader") == announced
        assert rpc.result("author_pendingExtrinsics")
    with start_devnet(tmp_path) as url, RpcConnection(url) as rpc:
        assert rpc.result("chain_getHeader") == announced


def noted(base_path: Path, *options: str) -> list[str]:
    """Return the output of the devnet until it accepts clients."""
    command = [sys.executable, "-m", "node_runtime.devnet", "--base-path", str(base_path), "--port", "0", *options]
    notes: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        with in_time(process):
            while (line := process.stdout.readline()).startswith("note "):
                notes.append(line)
        assert line.startswith("ready ")
        process.kill()
    return notes


def test_the_stored_chain_of_an_earlier_release_is_upgraded_at_start_and_that_is_told(tmp_path: Path) -> None:
    stored = unpack_stored(tmp_path / "stored")
    (first,) = noted(stored.chain)
    assert "upgraded the stored chain from runtime version 1 to " in first
    assert noted(stored.chain) == []


def test_a_chain_that_was_made_by_a_clock_a_year_ahead_is_told_and_freed(tmp_path: Path) -> None:
    with later_devnet(tmp_path / "chain") as devnet, RpcConnection(devnet.url) as rpc:
        devnet.pass_time(365 * 86_400_000)
        transfer = alice(rpc).transfer(alice(rpc).account, UNIT, nonce=0)
        rpc.result("author_submitExtrinsic", hexed(transfer))
        wait_until(lambda: int(rpc.result("chain_getHeader")["number"], 16) > 0, "a block in a year's time")
    (event,) = noted(tmp_path / "chain")
    assert "--cut-future drops the blocks" in event
    (cut,) = noted(tmp_path / "chain", "--cut-future")
    assert "dropped 1 block that was later" in cut
    assert noted(tmp_path / "chain") == []
