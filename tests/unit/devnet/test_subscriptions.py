"""Timing of the status notifications of a watched transaction."""

import asyncio
import time
from typing import Any

import pytest

from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.pool import Status, StatusName
from node_runtime.devnet.rpc import subscriptions as module
from node_runtime.devnet.rpc.request import Params, hexed
from node_runtime.devnet.rpc.subscriptions import Subscriptions
from node_runtime.devnet.state.trie import blake2_256
from tests.background import LIMIT
from tests.transfers import UNIT, Signer

BLOCK = bytes(32)
IN_BLOCK, FINALIZED = {"inBlock": hexed(BLOCK)}, {"finalized": hexed(BLOCK)}


class Watcher:
    """A client that records its notifications with their times. A ``busy`` one sends requests continuously."""

    takes_notices = True
    gone = False

    def __init__(self, *, busy: bool) -> None:
        self.told: list[tuple[object, float]] = []
        self.final = asyncio.Event()
        self._busy = busy

    @property
    def last_heard(self) -> float:
        return time.monotonic() if self._busy else 0.0

    def push(self, message: Any) -> None:
        self.told.append((message["params"]["result"], time.monotonic()))
        if self.told[-1][0] == FINALIZED:
            self.final.set()


async def seconds_to_finality(chain: EmbeddedChain, signer: Signer, watcher: Watcher) -> float:
    """Return the time between the watcher's ``inBlock`` and ``finalized`` notifications."""
    subscriptions = Subscriptions()
    transfer = signer.transfer(bytes(32), UNIT, nonce=0)
    watch = subscriptions.methods()["author_submitAndWatchExtrinsic"]
    watch(chain, Params((hexed(transfer),)), watcher)
    for name in (StatusName.IN_BLOCK, StatusName.FINALIZED):
        subscriptions.transaction_changed(blake2_256(transfer), Status(name=name, hash=BLOCK))
    subscriptions.deliver()
    assert [result for result, _ in watcher.told] == [IN_BLOCK]
    await asyncio.wait_for(watcher.final.wait(), LIMIT)
    assert not subscriptions.has(watcher)
    (_, first), (_, second) = watcher.told
    return second - first


def test_a_watcher_is_notified_of_finality_well_after_the_block(
    chain: EmbeddedChain, signers: dict[str, Signer]
) -> None:
    async def run() -> float:
        return await seconds_to_finality(chain, signers["Alice"], Watcher(busy=False))

    assert asyncio.run(run()) >= 0.05


def test_a_busy_watcher_is_notified_within_the_limit(
    chain: EmbeddedChain, signers: dict[str, Signer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LATEST_NOTICE_S", 0.6)

    async def run() -> float:
        return await seconds_to_finality(chain, signers["Alice"], Watcher(busy=True))

    assert asyncio.run(run()) >= 0.59
