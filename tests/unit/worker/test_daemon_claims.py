"""Which tasks the daemon refuses, waits for and claims; over a real chain and in-memory adapters."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from node_runtime.domain.clock import Clock
from node_runtime.domain.task import Assignment, AssignmentState, TaskId
from node_runtime.substrate.client import SubstrateChain
from node_runtime.worker.audit import AuditEvent
from tests.background import wait_until
from tests.unit.worker.daemon_room import at_work, daemon_at_work, deeds, is_, refusals
from tests.unit.worker.faults_room import Fault, Room


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ({"creators": []}, "creator_not_allowed"),
        ({"algos": []}, "algo_not_allowed"),
        ({"datasets": []}, "dataset_not_allowed"),
        ({"kinds": ["scoring"]}, "kind_not_allowed"),
    ],
)
def test_a_task_the_policy_forbids_is_refused_and_logged_once(
    room: Room, policy: dict[str, object], reason: str
) -> None:
    task = room.task()
    room.policy = {**room.policy, **policy}
    with capture_logs() as events, at_work(room):
        wait_until(lambda: bool(refusals(events)), "the refusal")
    assert refusals(events) == {reason}
    assert deeds(room).count(AuditEvent.REFUSAL) == 1
    assert room.creator.assignment(room.account, task) is None


def test_the_chain_is_asked_for_a_tasks_inputs_once_before_the_claim(room: Room) -> None:
    task = room.task()
    room.gate.set()
    with room.node() as (node, process), daemon_at_work(room, node):
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
    assert process.calls["chain.named_by"] == 1


def test_the_claim_that_fills_the_last_slot_ends_the_search_until_one_is_free(room: Room) -> None:
    tasks = [room.task() for _ in range(2)]
    with room.node() as (node, process), daemon_at_work(room, node):
        wait_until(lambda: bool(room.runs), "the first task to run")
        polls = process.calls["chain.now"]
        wait_until(lambda: process.calls["chain.now"] >= polls + 3, "the poll that claimed it to end")
        assert process.calls["chain.claimable"] == 1
        room.gate.set()
        for task in tasks:
            wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")


def test_a_task_waits_for_its_operators_approval(room: Room) -> None:
    task = room.task()
    room.policy = {**room.policy, "approve": "manual"}
    room.gate.set()
    with capture_logs() as events, at_work(room) as node:
        wait_until(lambda: bool(refusals(events)), "the question")
        spec = room.creator.spec(task)
        assert spec is not None
        node.files.approved.mkdir(exist_ok=True)
        (node.files.approved / str(task)).write_text(spec.digest)
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")


def test_a_task_with_an_unavailable_image_is_claimed_once_the_image_exists(room: Room) -> None:
    task = room.task()
    sources = dict(room.host.sources)
    room.host.sources.clear()
    room.gate.set()
    with capture_logs() as events, at_work(room):
        wait_until(lambda: bool(refusals(events)), "the refusal")
        room.host.sources.update(sources)
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")


def test_inputs_that_are_not_in_storage_are_waited_for(room: Room) -> None:
    task = room.task()
    kept = dict(room.store._trees)  # type: ignore[attr-defined]
    room.store._trees.clear()  # type: ignore[attr-defined]
    room.gate.set()
    with capture_logs() as events, at_work(room):
        wait_until(lambda: bool(refusals(events)), "the refusal")
        room.store._trees.update(kept)  # type: ignore[attr-defined]
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")


def test_nothing_is_taken_while_the_engine_can_run_nothing(room: Room) -> None:
    task = room.task()
    room.gate.set()
    with room.node() as (node, _process), capture_logs() as events, daemon_at_work(room, node):
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the first result")
        room.host.trouble = "the engine hangs"
        second = room.task()
        wait_until(lambda: any(one["event"] == "nothing_taken" for one in events), "a word about it")
        assert room.creator.assignment(room.account, second) is None
        room.host.trouble = None
        wait_until(is_(room, second, AssignmentState.SUBMITTED), "the second result")
    assert any(one["event"] == "engine_available" for one in events)


def test_a_refused_claim_is_tried_again_later(room: Room) -> None:
    task = room.task()
    room.gate.set()
    with capture_logs() as events, at_work(room, Fault(call="chain.assign_task", kind="refused")):
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
    assert refusals(events) == {"claim_refused"}


def test_a_race_for_a_slot_that_another_node_wins_is_told_as_that(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    terms, claim = Room._terms, SubstrateChain.assign_task
    monkeypatch.setattr(Room, "_terms", lambda self, window: replace(terms(self, window), assignee=None))
    faster = room.network.connect("//Charlie")

    def after_the_faster(chain: SubstrateChain, task: TaskId) -> Assignment:
        if chain.account == room.account and faster.assignment(faster.account, task) is None:
            claim(faster, task)
        return claim(chain, task)

    monkeypatch.setattr(SubstrateChain, "assign_task", after_the_faster)
    task = room.task()
    room.gate.set()
    with capture_logs() as events, at_work(room):
        wait_until(lambda: refusals(events) == {"taken_by_others"}, "the lost race")
        held = faster.assignment(faster.account, task)
        assert held is not None
        faster.hand_back(task, held.epoch)
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result of the slot that is free again")
    (told,) = (one["message"] for one in events if one["event"] == "task_refused")
    assert told == "another node was faster: every slot of it is taken"


def test_a_node_with_a_large_clock_skew_claims_nothing(room: Room) -> None:
    room.task()
    clock = Clock(wall=lambda: 1_000_000_000_000)
    with capture_logs() as events, room.node(clock=clock) as (node, _process), daemon_at_work(room, node):
        wait_until(lambda: any(one["event"] == "nothing_taken" for one in events), "a word about it")
    assert room.runs == []


def test_a_defect_in_a_poll_is_logged_and_the_daemon_polls_again(room: Room) -> None:
    task = room.task()
    room.gate.set()
    with capture_logs() as events, at_work(room, Fault(call="chain.claimable", kind="defect")):
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
    (told,) = [one for one in events if one["event"] == "poll_failed"]
    assert told["remedy"] == "report this bug of the daemon; it tries again by itself"


def test_a_claimed_task_of_another_machine_with_the_same_key_is_left_alone(room: Room) -> None:
    task = room.task()
    room.network.connect(room.key).assign_task(task)
    with capture_logs() as events, at_work(room):
        wait_until(lambda: any(one["event"] == "assignment_of_another_daemon" for one in events), "a word about it")
    assert room.runs == []
