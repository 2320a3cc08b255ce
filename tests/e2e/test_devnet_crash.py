"""The devnet loses no finalised block when it is killed. ``DEVNET_KILLS=100`` makes it a long run."""

import os
import random
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.background import LIMIT, in_background
from tests.devnet import RpcConnection, execute_again, hexed, running_devnet, start_devnet, unhexed
from tests.transfers import UNIT, Signer, development_keys

KILLS = int(os.environ.get("DEVNET_KILLS", "8"))
SENDERS = ("Alice", "Bob", "Charlie", "Dave")


class Load:
    """Sequential transfers from one account at full speed until the devnet is killed.

    ``progress`` is released for each finalised transfer.
    """

    def __init__(self, url: str, name: str, progress: threading.Semaphore) -> None:
        self.final: dict[str, str] = {}
        """Transactions seen in a finalised block: encoded bytes -> block hash."""
        self._url = url
        self._name = name
        self._progress = progress
        self._running = in_background(self._run)

    def join(self) -> None:
        """Wait for the end of the devnet; raise any other error of the thread."""
        self._running.result(LIMIT)

    def _run(self) -> None:
        with suppress(ConnectionClosed, OSError, EOFError, InvalidHandshake), RpcConnection(self._url) as rpc:
            genesis = unhexed(rpc.result("chain_getBlockHash", 0))
            signer = Signer(keys=development_keys()[self._name], genesis=genesis)
            nonce = rpc.result("system_accountNextIndex", signer.keys.ss58_address)
            while True:
                transfer = hexed(signer.transfer(bytes(31) + b"\1", UNIT // 100, nonce=nonce))
                rpc.result("author_submitAndWatchExtrinsic", transfer)
                self.final[transfer] = self._final_block(rpc)
                self._progress.release()
                nonce += 1

    def _final_block(self, rpc: RpcConnection) -> str:
        while True:
            status = rpc.notification()["result"]
            if isinstance(status, dict) and "finalized" in status:
                return str(status["finalized"])


def check_chain(rpc: RpcConnection, seen: dict[str, str], checked: int) -> int:
    """Assert that blocks since ``checked`` link up, the head re-executes, and no finalised block is lost."""
    head_hash = rpc.result("chain_getFinalizedHead")
    head = int(rpc.result("chain_getHeader", head_hash)["number"], 16)
    parent = rpc.result("chain_getBlockHash", checked)
    standing: dict[str, str] = {}
    for number in range(checked + 1, head + 1):
        block_hash = rpc.result("chain_getBlockHash", number)
        block = rpc.result("chain_getBlock", block_hash)["block"]
        assert block["header"]["parentHash"] == parent
        standing.update(dict.fromkeys(block["extrinsics"], block_hash))
        parent = block_hash
    assert parent == head_hash
    if head:
        execute_again(rpc, head_hash)
    assert {transfer: standing.get(transfer) for transfer in seen} == seen
    return head


@pytest.mark.slow
@pytest.mark.timeout(240 + 30 * KILLS)
def test_killed_at_any_moment_under_load_it_comes_back_with_all_that_was_final(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    random_ = random.Random(seed)
    seen: dict[str, str] = {}
    total = head = 0
    for _ in range(KILLS):
        with running_devnet(tmp_path) as devnet:
            with RpcConnection(devnet.url) as rpc:
                head = check_chain(rpc, seen, head)
            progress = threading.Semaphore(0)
            loads = [Load(devnet.url, name, progress) for name in SENDERS]
            for _ in range(random_.randrange(1, 40)):
                assert progress.acquire(timeout=LIMIT)
            time.sleep(random_.uniform(0, 0.05))  # random time of the kill, the input of this test
        for load in loads:
            load.join()
        seen = {transfer: block for load in loads for transfer, block in load.final.items()}
        total += len(seen)
    with start_devnet(tmp_path) as url, RpcConnection(url) as rpc:
        head = check_chain(rpc, seen, head)
    assert total >= KILLS
    print(f"{KILLS} kills, {head} blocks, {total} transfers seen final, none lost")
