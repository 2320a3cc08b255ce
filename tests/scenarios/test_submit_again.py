"""Recovery of interrupted submissions without paying twice, and concurrent submissions."""

import secrets
import threading
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from substrateinterface import Keypair

from node_runtime.creator import task_creation
from node_runtime.creator.submit import SubmitJournal, Submitted, submit
from node_runtime.domain.assets import Account, Asset, AssetKind, AssetRef, Digest, Label, Visibility
from node_runtime.domain.task import UNIT, TaskId, TaskState
from node_runtime.errors import ChainRefused, ChainUnavailable
from node_runtime.ports.chain import Chain
from node_runtime.substrate.client import connect
from tests.background import LIMIT, in_background, wait_until
from tests.devnet import RpcConnection, start_devnet
from tests.scenarios.conftest import Desk
from tests.scenarios.test_submit import TRAINING, fresh_name, objective, whole_round

CALLS = ("register_assets", "create_objective", "create_plan", "create_task")


class Interrupted:
    """The desk's chain, which executes this call and then loses its response."""

    def __init__(self, chain: Chain, call: str, error: BaseException, *, count: int = 1) -> None:
        self._chain, self._call, self._error, self._left = chain, call, error, count

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._chain, name)
        return found if name != self._call else lambda *given, **named: self._last(found(*given, **named))

    def _last(self, answer: object) -> object:
        self._left -= 1
        if self._left == 0:
            raise self._error
        return answer


@pytest.fixture
def journal(tmp_path: Path) -> SubmitJournal:
    return SubmitJournal(folder=tmp_path / "submits")


def submitted(desk: Desk, journal: SubmitJournal, text: str, chain: Any = None) -> Submitted:
    return submit(desk.write(text), chain or desk.chain, desk.store, say=desk.said.append, journal=journal)


def interrupted(desk: Desk, journal: SubmitJournal, text: str, call: str, *, count: int = 1) -> None:
    with pytest.raises(KeyboardInterrupt):
        submitted(desk, journal, text, Interrupted(desk.chain, call, KeyboardInterrupt(), count=count))


def created(desk: Desk, before: set[TaskId]) -> list[TaskId]:
    return sorted(set(desk.chain.tasks_of(desk.chain.account)) - before)


def own(desk: Desk) -> set[TaskId]:
    return set(desk.chain.tasks_of(desk.chain.account))


@pytest.mark.parametrize(("call", "count"), [*((call, 1) for call in CALLS), ("create_task", 2)])
def test_a_killed_submit_is_resumed_and_its_rewards_are_held_once(
    desk: Desk, journal: SubmitJournal, call: str, count: int
) -> None:
    text, before = whole_round(fresh_name()), own(desk)
    interrupted(desk, journal, text, call, count=count)
    done = submitted(desk, journal, text)
    tasks = created(desk, before)
    assert [task.id for task in done.tasks] == tasks
    assert len(tasks) == 2
    found = [desk.chain.task(number) for number in tasks]
    assert {task.terms.plan for task in found if task is not None} == {done.plan}
    assert journal.empty


def test_a_complete_submission_is_repeated_as_a_new_one(desk: Desk, journal: SubmitJournal) -> None:
    before = own(desk)
    interrupted(desk, journal, TRAINING, "create_task")
    first = submitted(desk, journal, TRAINING)
    assert any("from an interrupted submit" in told for told in desk.said)
    second = submitted(desk, journal, TRAINING)
    assert created(desk, before) == [first.tasks[0].id, second.tasks[0].id]


def test_another_reward_is_another_submission(desk: Desk, journal: SubmitJournal) -> None:
    before = own(desk)
    interrupted(desk, journal, TRAINING, "create_task")
    (raised,) = submitted(desk, journal, TRAINING.replace("reward: 10", "reward: 11")).tasks
    (first, second) = created(desk, before)
    assert second == raised.id
    (again,) = submitted(desk, journal, TRAINING).tasks
    assert again.id == first


def test_a_task_cancelled_meanwhile_is_created_again(desk: Desk, journal: SubmitJournal) -> None:
    text, before = whole_round(fresh_name()), own(desk)
    interrupted(desk, journal, text, "create_task")
    (lost,) = created(desk, before)
    desk.chain.cancel_task(lost, abort=True)
    done = submitted(desk, journal, text)
    assert lost not in [task.id for task in done.tasks]
    assert len(created(desk, before)) == 3


def test_an_interrupted_submission_does_not_skip_the_balance_check_of_another(
    desk: Desk, journal: SubmitJournal
) -> None:
    interrupted(desk, journal, whole_round(fresh_name()), "create_plan")
    before, poor = own(desk), TRAINING.replace("reward: 10", "reward: 9000000")
    with pytest.raises(ChainRefused, match=r"costs at most 18,000,000\.\d+ UNIT") as refused:
        submitted(desk, journal, f"{poor}---\n{poor.replace('round-1', 'round-2')}")
    assert (refused.value.rule, own(desk)) == ("TooLittleBalance", before)


def test_a_lost_connection_advises_to_submit_again_and_a_refusal_clears_the_journal(
    desk: Desk, journal: SubmitJournal
) -> None:
    text, lost = whole_round(fresh_name()), ChainUnavailable("gone")
    with pytest.raises(ChainUnavailable, match="creates nothing twice"):
        submitted(desk, journal, text, Interrupted(desk.chain, "create_task", lost))
    forgotten = journal.empty
    assert not forgotten
    refused = ChainRefused("Some", "no")
    with pytest.raises(ChainRefused):
        submitted(desk, journal, text, Interrupted(desk.chain, "create_task", refused))
    assert journal.empty
    last = desk.chain.task(max(own(desk)))
    assert last is not None
    assert (last.state, last.held) == (TaskState.CANCELLED, 0)


def test_two_submits_at_once_create_an_objective_once(desk: Desk, network: str, journal: SubmitJournal) -> None:
    """The first pauses after it found no such objective; the other waits for the lock."""
    text, waits = objective(fresh_name()), threading.Event()
    file = desk.write(text)

    def told(line: str) -> None:
        if line == "waiting for another submit of this account":
            waits.set()

    def begun(chain: Any) -> "Future[Submitted]":
        return in_background(lambda: submit(file, chain, desk.store, say=told, journal=journal))

    with closing(connect(network, "//Alice")) as second:
        other = HeldUp(desk.chain, until=waits)
        one = begun(other)
        assert other.reached.wait(LIMIT)
        two = begun(second)
        assert one.result(LIMIT).objectives == two.result(LIMIT).objectives


def test_a_submit_waits_for_pending_transactions_before_it_reads_state(tmp_path: Path) -> None:
    receiver = Account(Keypair.create_from_seed("0x" + "11" * 32, ss58_format=42).ss58_address)
    with (
        start_devnet(tmp_path / "chain", "--block-time", "2s") as slow,
        closing(connect(slow, "//Alice")) as first,
        closing(connect(slow, "//Alice")) as second,
        RpcConnection(slow) as rpc,
    ):

        def known() -> int:
            """Return the number of the account's transactions that the node has."""
            return int(rpc.result("system_accountNextIndex", first.account))

        before = known()
        sent = in_background(lambda: first.pay(receiver, UNIT))
        wait_until(lambda: sent.done() or known() > before, "the node to have it")
        second.catch_up()
        assert second.balance(receiver).free == UNIT
        sent.result(LIMIT)


class HeldUp:
    """The desk's chain, which delays the creation of an objective until another submit starts."""

    def __init__(self, chain: Chain, *, until: threading.Event) -> None:
        self._chain, self._until, self.reached = chain, until, threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    def create_objective(self, **named: Any) -> object:
        self.reached.set()
        assert self._until.wait(LIMIT), "the other submit didn't wait"
        return self._chain.create_objective(**named)


def test_a_resumed_plan_that_the_chain_refuses_is_cancelled_and_refunded(
    desk: Desk, network: str, journal: SubmitJournal
) -> None:
    text, treasurer = whole_round(fresh_name()), desk.chain
    with closing(connect(network, f"//Alice//{secrets.token_hex(4)}")) as poor:
        treasurer.pay(poor.account, 13 * UNIT)
        with pytest.raises(KeyboardInterrupt):
            submitted(desk, journal, text, Interrupted(poor, "create_task", KeyboardInterrupt()))
        (begun,) = poor.tasks_of(poor.account)
        poor.pay(treasurer.account, poor.balance(poor.account).free - UNIT)
        with pytest.raises(ChainRefused) as refused:
            submitted(desk, journal, text, poor)
        found = poor.task(begun)
        assert found is not None
        assert (refused.value.rule, found.state, found.held) == ("TooLittleBalance", TaskState.CANCELLED, 0)
        assert poor.balance(poor.account).held == found.held_for_spec
        assert journal.empty


def test_a_task_of_a_cancelled_plan_is_created_again_in_a_new_one(desk: Desk, journal: SubmitJournal) -> None:
    text = whole_round(fresh_name())
    interrupted(desk, journal, text, "create_task")
    begun = desk.chain.task(max(own(desk)))
    assert begun is not None
    assert begun.terms.plan is not None
    desk.worker.assign_task(begun.id)  # so that it goes on for a while
    desk.chain.cancel_plan(begun.terms.plan, abort=False)
    done = submitted(desk, journal, text)
    assert done.plan not in (None, begun.terms.plan)


def test_a_task_on_private_data_is_not_created_twice(desk: Desk, journal: SubmitJournal) -> None:
    """The chain itself offers such a task to the data's owner."""
    sample = AssetRef(owner=desk.worker.account, digest=Digest(secrets.token_hex(32)))
    asset = Asset(
        ref=sample, kind=AssetKind.DATA_SAMPLE, label=Label.TRAIN, visibility=Visibility.PRIVATE, uri="private:"
    )
    desk.worker.register_assets([asset])
    text, before = TRAINING.replace("train-0, train-1", str(sample)), own(desk)
    interrupted(desk, journal, text, "create_task")
    submitted(desk, journal, text)
    assert len(created(desk, before)) == 1


def test_tasks_that_are_too_much_for_one_block_are_created_in_several(
    desk: Desk, journal: SubmitJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_creation, "BATCH", 100)
    before, steps = own(desk), ", ".join(map(str, range(80)))
    done = submitted(desk, journal, TRAINING.replace("reward: 10", "reward: 0.1") + f"sweep: {{step: [{steps}]}}\n")
    assert [task.id for task in done.tasks] == created(desk, before)
    assert len(done.tasks) == 80
