"""A daemon's status file tells what it works on, why it refuses a task, and why it claims nothing."""

from collections.abc import Callable

import pytest

from node_runtime.domain.clock import Clock
from node_runtime.domain.task import UNIT, AssignmentState, TaskId
from node_runtime.worker.status_file import NodeState, Obstacle, StatusFile
from tests.background import wait_until
from tests.unit.worker.daemon_room import at_work, daemon_at_work, is_
from tests.unit.worker.faults_room import Fault, Room


def told(room: Room) -> NodeState | None:
    return StatusFile(room.folder / "work").read()


def refusal(room: Room, task: TaskId) -> str | None:
    state = told(room)
    found = [one for one in state.refused if one.task == task] if state is not None else []
    return f"{found[0].reason}: {found[0].message}" if found else None


def obstacle(room: Room, reason: str) -> Obstacle | None:
    state = told(room)
    return next((one for one in state.obstacles if one.reason == reason), None) if state is not None else None


def says(room: Room, task: TaskId, text: str) -> Callable[[], bool]:
    return lambda: refusal(room, task) == text


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ({"kinds": ["scoring"]}, "kind_not_allowed: policy.kinds doesn't name training"),
        ({"minimum_reward": 900}, "reward_too_low: it pays 1 UNIT, policy.minimum_reward is 900 UNIT"),
        (
            {"approve": "manual"},
            "awaiting_approval: policy.approve is manual: it waits for its operator's approval",
        ),
    ],
)
def test_each_refused_task_stands_in_the_file_with_its_reason(room: Room, policy: dict[str, object], text: str) -> None:
    task = room.task()
    room.policy = {**room.policy, **policy}
    with at_work(room):
        wait_until(says(room, task, text), f"'{text}', not {refusal(room, task)}")


def test_a_task_that_is_gone_leaves_the_file(room: Room) -> None:
    task = room.task()
    room.policy = {**room.policy, "kinds": ["scoring"]}
    with at_work(room):
        wait_until(lambda: refusal(room, task) is not None, "the refusal")
        room.creator.cancel_task(task, abort=False)
        wait_until(lambda: refusal(room, task) is None, "the refusal to be dropped")


def test_an_account_without_the_bond_claims_once_it_is_funded(room: Room) -> None:
    task = room.task()
    chain = room.network.connect(room.key)
    chain.pay(room.creator.account, chain.balance(room.account).free - UNIT // 10)
    room.gate.set()
    with at_work(room):
        wait_until(lambda: (refusal(room, task) or "").startswith("bond_not_affordable: its bond is 1 UNIT"), "it")
        room.creator.pay(room.account, 10 * UNIT)
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")


def test_an_attempt_is_told_with_its_step_and_resources(room: Room) -> None:
    task = room.task()
    with at_work(room):
        wait_until(lambda: bool(room.runs), "the program to run")

        def runs() -> bool:
            state = told(room)
            return state is not None and [one.step for one in state.working] == ["run_train"]

        wait_until(runs, "the step")
        state = told(room)
        assert state is not None
        assert [(one.task, one.epoch, one.cpus) for one in state.working] == [(task, 1, 0.1)]
        room.gate.set()
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
        wait_until(lambda: (told(room) or state).working == (), "the attempt to leave the file")


def test_an_engine_that_can_run_nothing_is_an_obstacle_while_it_lasts(room: Room) -> None:
    room.gate.set()
    with at_work(room):
        wait_until(lambda: told(room) is not None, "the first poll")
        room.host.trouble = "the engine hangs"
        room.task()
        wait_until(lambda: obstacle(room, "engine_unable") is not None, "the obstacle")
        found = obstacle(room, "engine_unable")
        assert found is not None
        assert (found.message, bool(found.remedy)) == ("the engine hangs", True)
        room.host.trouble = None
        wait_until(lambda: obstacle(room, "engine_unable") is None, "the end of it")


def test_a_wrong_clock_is_an_obstacle(room: Room) -> None:
    room.task()
    clock = Clock(wall=lambda: 1_000_000_000_000)
    with room.node(clock=clock) as (node, _process), daemon_at_work(room, node):
        wait_until(lambda: obstacle(room, "clock_wrong") is not None, "the obstacle")


def test_a_chain_that_does_not_answer_is_an_obstacle_until_it_does(room: Room) -> None:
    task = room.task()
    room.gate.set()
    seen: list[str] = []
    write = StatusFile.write

    def noted(file: StatusFile, state: NodeState) -> None:
        seen.extend(one.reason for one in state.obstacles)
        write(file, state)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(StatusFile, "write", noted)
        with at_work(room, Fault(call="chain.claimable", kind="unavailable")):
            wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
    assert seen == ["chain_unavailable"]
    state = told(room)
    assert state is not None
    assert state.obstacles == ()
