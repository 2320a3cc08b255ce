"""Every block of a long random run re-executes to the same state root."""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scalecodec.types import GenericCall
from substrateinterface import SubstrateInterface

from tests.devnet import RpcConnection, execute_again, hexed, start_devnet, unhexed
from tests.transfers import UNIT, Signer, development_keys

ACTIONS = 150
Compose = Callable[[str, str, dict[str, Any]], GenericCall]


class RandomLife:
    """Sends random valid and invalid calls of the five development accounts."""

    def __init__(self, seed: int, compose: Compose) -> None:
        self._random = random.Random(seed)
        self._compose = compose
        self._addresses = [keys.ss58_address for keys in development_keys().values()]

    def call(self) -> GenericCall:
        makers = (self._transfer, self.create, self._assign, self._assign, self._send, self._report, self._decide)
        return self._random.choice((*makers, self._end, self._register, self._batch))()

    def _transfer(self) -> GenericCall:
        amount = self._random.choice([0, 1, UNIT, 10**9 * UNIT])
        return self._compose("Balances", "transfer_keep_alive", {"dest": self._someone(), "value": amount})

    def create(self) -> GenericCall:
        now = int(time.time() * 1000)
        terms = {
            "kind": "Annotation",
            "reward": UNIT,
            "bond": UNIT,
            "slots": self._random.randint(1, 3),
            "max_rejects": 1,
            "max_failures": 1,
            "review": {"judge": self._someone(), "window": self._random.choice([0, 500, 60_000])},
            "deadline": now + self._random.choice([3_000, 60_000]),
            "timeout": self._random.choice([2_000, 30_000]),
            "plan": None,
            "assignee": None,
        }
        spec = {"digest": self._digest(), "uri": "cas:", "inputs": [[]], "parents": [[]], "objectives": [[]]}
        return self._compose("Tasks", "create_task", {"terms": terms, "spec": spec})

    def _assign(self) -> GenericCall:
        return self._compose("Tasks", "assign_task", {"task": self._task()})

    def _send(self) -> GenericCall:
        result = {"result": self._digest(), "outputs": [[]], "uri": "cas:", "perfs": [[]]}
        return self._compose("Tasks", "send_task_result", {"task": self._task(), "epoch": self._epoch(), **result})

    def _report(self) -> GenericCall:
        report = {"task": self._task(), "epoch": self._epoch(), "category": "TaskError", "log": self._digest()}
        return self._compose("Tasks", "report_failure", report)

    def _decide(self) -> GenericCall:
        decided = {"task": self._task(), "submission": self._random.randint(1, 6)}
        if self._random.random() < 0.5:
            return self._compose("Tasks", "accept_task_results", decided)
        return self._compose("Tasks", "reject_task_results", {**decided, "reason": "0x6e6f"})

    def _end(self) -> GenericCall:
        if self._random.random() < 0.5:
            return self._compose("Tasks", "hand_back", {"task": self._task(), "epoch": self._epoch()})
        return self._compose("Tasks", "cancel_task", {"task": self._task(), "abort": self._random.random() < 0.5})

    def _register(self) -> GenericCall:
        asset = {"digest": self._digest(), "kind": "Opener", "visibility": "Shared", "uri": "cas:"}
        return self._compose("Registry", "register_asset", asset)

    def _batch(self) -> GenericCall:
        calls = [self._transfer(), self._assign(), self.create()]
        return self._compose("Utility", self._random.choice(["batch", "batch_all", "force_batch"]), {"calls": calls})

    def _someone(self) -> str:
        return str(self._random.choice(self._addresses))

    def _task(self) -> int:
        return self._random.randint(1, 6)

    def _epoch(self) -> int:
        return self._random.randint(1, 2)

    def _digest(self) -> str:
        return "0x" + bytes((self._random.randrange(3),) * 32).hex()


@pytest.mark.slow
def test_every_block_of_a_random_life_executes_again(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    with start_devnet(tmp_path) as url, SubstrateInterface(url=url) as substrate, RpcConnection(url) as rpc:

        def compose(module: str, function: str, parameters: dict[str, Any]) -> GenericCall:
            return substrate.compose_call(module, function, parameters)

        submit_all(RandomLife(seed, compose), rpc, random.Random(seed))
        while rpc.result("author_pendingExtrinsics"):
            pass
        head = int(rpc.result("chain_getHeader")["number"], 16)
        for number in range(1, head + 1):
            execute_again(rpc, rpc.result("chain_getBlockHash", number))
        assert substrate.query("Tasks", "NextTask").value > 1
    assert head > ACTIONS // 4


def submit_all(life: RandomLife, rpc: RpcConnection, random_: random.Random) -> None:
    genesis = unhexed(rpc.result("chain_getBlockHash", 0))
    signers = [Signer(keys=keys, genesis=genesis) for keys in development_keys().values()]
    for number in range(ACTIONS):
        signer = random_.choice(signers)
        call = life.create() if number % 10 == 0 else life.call()  # tasks exist for any seed and duration
        nonce = rpc.result("system_accountNextIndex", signer.keys.ss58_address)
        rpc.result("author_submitExtrinsic", hexed(signer.signed(bytes(call.data.data), nonce=nonce)))
