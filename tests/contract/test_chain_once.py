"""Calls execute exactly once: with many threads, lost answers, lost pools, killed chains, and a shared key."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from node_runtime.domain.task import UNIT, PlanId
from node_runtime.errors import ChainRefused
from node_runtime.substrate import sender
from node_runtime.substrate.client import SubstrateChain, connect
from node_runtime.substrate.sender import LIFETIME
from tests.background import LIMIT, all_at_once, in_background
from tests.contract.lossy_chain import forgetful_chain, lossy_chain, patience
from tests.devnet import running_devnet

__all__ = ["patience"]

pytestmark = pytest.mark.usefixtures("patience")

EXISTENTIAL_DEPOSIT = UNIT // 1000


def plans_of(jobs: list[Callable[[], PlanId]]) -> list[PlanId]:
    return [job() for job in jobs]


def plans_made(jobs: list[Callable[[], PlanId]], threads: int) -> list[int]:
    shares = [jobs[number::threads] for number in range(threads)]
    made = all_at_once(partial(plans_of, share) for share in shares)
    return sorted(plan for plans in made for plan in plans)


def test_threads_that_share_a_client_get_one_call_each(url: str) -> None:
    chain = connect(url, "//Alice")
    assert plans_made([chain.create_plan] * 60, threads=6) == list(range(1, 61))
    chain.close()


def test_clients_with_the_same_key_get_one_call_each(url: str) -> None:
    first, second = connect(url, "//Alice"), connect(url, "//Alice")
    assert plans_made([first.create_plan, second.create_plan] * 20, threads=4) == list(range(1, 41))
    first.close()
    second.close()


@pytest.mark.parametrize("before", [True, False])
def test_a_call_whose_answer_was_lost_happens_exactly_once(url: str, before: bool) -> None:
    with lossy_chain(url, loses=lambda number: number % 3 == 0, before=before) as (address, lossy):
        chain = connect(address, "//Alice")
        assert plans_made([chain.create_plan] * 30, threads=3) == list(range(1, 31))
        assert lossy.lost >= 10
        chain.close()


def test_reading_goes_on_while_calls_wait_for_their_block(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "RESEND", 0.05)
    with forgetful_chain(url) as (address, memory):
        chain = connect(address, "//Alice")
        waiting = in_background(chain.create_plan)
        assert memory.heard.wait(LIMIT)
        for _ in range(3):
            chain.balance(chain.account)
        assert not waiting.done()  # the chain doesn't know of it yet
        memory.forgetting.clear()
        assert waiting.result(LIMIT) == 1
        chain.close()


def test_a_call_that_was_forgotten_until_it_could_not_count_any_more_is_made_anew(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "RESEND", 0.05)
    other = connect(url, "//Bob")
    with forgetful_chain(url) as (address, memory):
        chain = connect(address, "//Alice")
        waiting = in_background(chain.create_plan)
        assert memory.heard.wait(LIMIT)
        for _ in range(LIFETIME):
            other.create_plan()
        memory.forgetting.clear()
        assert waiting.result(LIMIT) == LIFETIME + 1
        assert chain.create_plan() == LIFETIME + 2
        chain.close()
    other.close()


def test_a_call_whose_fee_another_one_spent_in_the_same_block_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "RESEND", 1.0)
    alice = connect(url, "//Alice")
    with forgetful_chain(url) as (address, memory):
        poor = connect(address, "//Pauper")
        alice.pay(poor.account, UNIT)
        before = alice.balance(alice.account).free
        alice.pay(poor.account, UNIT)
        fee = before - UNIT - alice.balance(alice.account).free
        paying = in_background(lambda: poor.pay(alice.account, 2 * UNIT - EXISTENTIAL_DEPOSIT - fee * 5 // 4))
        assert memory.heard.wait(LIMIT)
        memory.forgetting.clear()
        planning = in_background(poor.create_plan)  # waits for the payment, which is resent after a second
        paying.result(LIMIT)
        with pytest.raises(ChainRefused) as caught:
            planning.result(LIMIT)
        assert caught.value.rule == "TooLittleBalance"
        poor.close()
    alice.close()


def test_calls_under_way_when_the_chain_is_killed_happen_exactly_once(
    tmp_path: Path,
) -> None:
    made: list[int] = []

    def work() -> None:
        made.extend(int(chain.create_plan()) for _ in range(25))

    with ExitStack() as stack:
        devnet = stack.enter_context(running_devnet(tmp_path / "chain"))
        chain = connect(devnet.url, "//Alice")
        working = [in_background(work) for _ in range(3)]
        for _ in range(3):
            enough = len(made) + 5
            while len(made) < enough and not any(each.done() for each in working):
                time.sleep(0.001)
            devnet.kill()
            devnet = stack.enter_context(running_devnet(tmp_path / "chain", port=devnet.port))
        for each in working:
            each.result(LIMIT)
        assert sorted(made) == list(range(1, 76))
        assert chain.create_plan() == 76
        chain.close()


def test_a_client_serves_while_another_one_is_idle(url: str) -> None:
    chains: list[SubstrateChain] = [connect(url, f"//{name}") for name in ("Alice", "Bob", "Charlie")]
    assert plans_made([chain.create_plan for chain in chains] * 5, threads=3) == list(range(1, 16))
    for chain in chains:
        chain.close()
