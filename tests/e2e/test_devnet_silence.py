"""Does a devnet end when it is asked to, whatever its clients do not do?"""

import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

from websockets.sync.client import connect

from tests.devnet import LIMIT, running_devnet


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
