"""Is a submit that was killed halfway gone on with, so that nothing is paid twice; and what do two at once do?"""

import threading
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from substrateinterface import Keypair

from node_runtime.chain.client import connect
from node_runtime.creator.begun import Notes
from node_runtime.creator.submit import Submitted, submit
from node_runtime.errors import ChainRefused, ChainUnavailable
from node_runtime.ports import Chain
from node_runtime.task import UNIT, Account, TaskId, TaskState
from tests.background import LIMIT, in_background, wait_until
from tests.devnet import RpcConnection, start_devnet
from tests.scenarios.conftest import Desk
from tests.scenarios.test_submit import TRAINING, fresh_name, objective, whole_round

CALLS = ("register_assets", "create_objective", "create_plan", "create_task")


class Interrupted:
    """The desk's chain, where this call is the last: it happens, and its answer is never heard."""

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
def notes(tmp_path: Path) -> Notes:
    return Notes(folder=tmp_path / "submits")


def submitted(desk: Desk, notes: Notes, text: str, chain: Any = None) -> Submitted:
    return submit(desk.write(text), chain or desk.chain, desk.store, say=desk.said.append, notes=notes)


def interrupted(desk: Desk, notes: Notes, text: str, call: str, *, count: int = 1) -> None:
    with pytest.raises(KeyboardInterrupt):
        submitted(desk, notes, text, Interrupted(desk.chain, call, KeyboardInterrupt(), count=count))


def created(desk: Desk, before: set[TaskId]) -> list[TaskId]:
    return sorted(set(desk.chain.tasks_of(desk.chain.account)) - before)


def own(desk: Desk) -> set[TaskId]:
    return set(desk.chain.tasks_of(desk.chain.account))


@pytest.mark.parametrize(("call", "count"), [*((call, 1) for call in CALLS), ("create_task", 2)])
def test_a_submit_that_is_killed_is_gone_on_with_and_held_once(desk: Desk, notes: Notes, call: str, count: int) -> None:
    text, before = whole_round(fresh_name()), own(desk)
    interrupted(desk, notes, text, call, count=count)
    done = submitted(desk, notes, text)
    tasks = created(desk, before)
    assert [task.id for task in done.tasks] == tasks
    assert len(tasks) == 2
    found = [desk.chain.task(number) for number in tasks]
    assert {task.terms.plan for task in found if task is not None} == {done.plan}
    assert notes.empty


def test_what_was_submitted_whole_is_submitted_anew(desk: Desk, notes: Notes) -> None:
    before = own(desk)
    interrupted(desk, notes, TRAINING, "create_task")
    first = submitted(desk, notes, TRAINING)
    assert any("of a submit that ended halfway" in told for told in desk.said)
    second = submitted(desk, notes, TRAINING)
    assert created(desk, before) == [first.tasks[0].id, second.tasks[0].id]


def test_another_reward_is_another_submit(desk: Desk, notes: Notes) -> None:
    before = own(desk)
    interrupted(desk, notes, TRAINING, "create_task")
    (raised,) = submitted(desk, notes, TRAINING.replace("reward: 10", "reward: 11")).tasks
    (first, second) = created(desk, before)
    assert second == raised.id
    (again,) = submitted(desk, notes, TRAINING).tasks
    assert again.id == first


def test_what_was_cancelled_meanwhile_is_created_anew(desk: Desk, notes: Notes) -> None:
    text, before = whole_round(fresh_name()), own(desk)
    interrupted(desk, notes, text, "create_task")
    (lost,) = created(desk, before)
    desk.chain.cancel_task(lost, abort=True)
    done = submitted(desk, notes, text)
    assert lost not in [task.id for task in done.tasks]
    assert len(created(desk, before)) == 3


def test_what_another_submit_left_halfway_does_not_let_a_poor_one_begin(desk: Desk, notes: Notes) -> None:
    interrupted(desk, notes, whole_round(fresh_name()), "create_plan")
    before, poor = own(desk), TRAINING.replace("reward: 10", "reward: 9000000")
    with pytest.raises(ChainRefused, match="hold 18,000,000 UNIT") as refused:
        submitted(desk, notes, f"{poor}---\n{poor.replace('round-1', 'round-2')}")
    assert (refused.value.rule, own(desk)) == ("TooLittleBalance", before)


def test_a_chain_that_goes_away_says_to_submit_again_and_a_refusal_forgets_what_was_begun(
    desk: Desk, notes: Notes
) -> None:
    text, lost = whole_round(fresh_name()), ChainUnavailable("gone")
    with pytest.raises(ChainUnavailable, match="creates nothing twice"):
        submitted(desk, notes, text, Interrupted(desk.chain, "create_task", lost))
    assert not notes.empty
    refused = ChainRefused("Some", "no")
    with pytest.raises(ChainRefused):
        submitted(desk, notes, text, Interrupted(desk.chain, "create_task", refused))
    assert notes.empty
    last = desk.chain.task(max(own(desk)))
    assert last is not None
    assert (last.state, last.held) == (TaskState.CANCELLED, 0)


def test_two_submits_at_once_create_an_objective_once(desk: Desk, network: str, notes: Notes) -> None:
    """The first is held up where it has seen that there is no such objective; the other waits for it."""
    text, waits = objective(fresh_name()), threading.Event()
    file = desk.write(text)

    def told(line: str) -> None:
        if line == "waiting for another submit of this account":
            waits.set()

    def begun(chain: Any) -> "Future[Submitted]":
        return in_background(lambda: submit(file, chain, desk.store, say=told, notes=notes))

    with closing(connect(network, "//Alice")) as second:
        other = HeldUp(desk.chain, until=waits)
        one = begun(other)
        assert other.reached.wait(LIMIT)
        two = begun(second)
        assert one.result(LIMIT).objectives == two.result(LIMIT).objectives


def test_what_an_ended_submit_has_sent_is_waited_for_before_anything_is_looked_at(tmp_path: Path) -> None:
    receiver = Account(Keypair.create_from_seed("0x" + "11" * 32, ss58_format=42).ss58_address)
    with (
        start_devnet(tmp_path / "chain", "--block-time", "2s") as slow,
        closing(connect(slow, "//Alice")) as first,
        closing(connect(slow, "//Alice")) as second,
        RpcConnection(slow) as rpc,
    ):

        def known() -> int:
            """How many of the account's transactions the node has."""
            return int(rpc.result("system_accountNextIndex", first.account))

        before = known()
        sent = in_background(lambda: first.pay(receiver, UNIT))
        wait_until(lambda: sent.done() or known() > before, "the node to have it")
        second.catch_up()
        assert second.balance(receiver).free == UNIT
        sent.result(LIMIT)


class HeldUp:
    """The desk's chain, which creates an objective only when another submit has come."""

    def __init__(self, chain: Chain, *, until: threading.Event) -> None:
        self._chain, self._until, self.reached = chain, until, threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    def create_objective(self, **named: Any) -> object:
        self.reached.set()
        assert self._until.wait(LIMIT), "the other submit didn't wait"
        return self._chain.create_objective(**named)
