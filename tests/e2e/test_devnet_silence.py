"""A devnet stops on request, also with clients that do not read."""

import json
import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from websockets.sync.client import connect

from tests.background import LIMIT
from tests.devnet import RpcConnection, running_devnet


def test_a_client_that_says_nothing_does_not_hold_up_its_end(tmp_path: Path) -> None:
    with running_devnet(tmp_path / "chain") as devnet:
        address = urlsplit(devnet.url)
        assert address.hostname
        assert address.port
        with socket.create_connection((address.hostname, address.port), timeout=LIMIT):
            assert devnet.stop() == 0
            assert devnet.said() == ""


def test_a_client_that_reads_no_answer_does_not_hold_up_its_end(tmp_path: Path) -> None:
    with (
        running_devnet(tmp_path / "chain") as devnet,
        connect(
            devnet.url, open_timeout=LIMIT, close_timeout=1, ping_interval=None, max_queue=1, compression=None
        ) as client,
    ):
        for number in range(300):
            request = {"jsonrpc": "2.0", "id": number, "method": "state_getMetadata", "params": []}
            client.send(json.dumps(request))
        assert devnet.stop() == 0
        assert devnet.said() == ""


def test_clients_that_read_no_answers_cost_little_memory_and_nobody_else_a_turn(tmp_path: Path) -> None:
    with running_devnet(tmp_path / "chain") as devnet, ExitStack() as connected, RpcConnection(devnet.url) as other:
        other.result("state_getMetadata")
        before = most_memory_of(devnet.process.pid)
        for count in (100, 1000, 1000, 1000, 1000):  # metadata of 12 MiB, and replies far beyond the limit
            deaf = connected.enter_context(
                connect(
                    devnet.url, open_timeout=LIMIT, close_timeout=1, ping_interval=None, max_queue=1, compression=None
                )
            )
            request = {"jsonrpc": "2.0", "id": 1, "method": "state_getMetadata", "params": []}
            for _ in range(3):
                deaf.send(json.dumps([request] * count))
        for _ in range(200):
            other.result("chain_getHeader")
        assert most_memory_of(devnet.process.pid) - before < 200 << 20


def most_memory_of(process: int) -> int:
    """Return the peak memory of the process in bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])
