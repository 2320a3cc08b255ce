"""How do tasks and attempts pause, end and lapse through a chain client, against a real chain?"""

import time
from dataclasses import replace

from node_runtime.errors import FailureCategory
from node_runtime.task import AssignmentState, PlanId, TaskState
from tests.contract.chain_world import World, model_result, refusal, some_digest


def test_a_paused_task_is_resumed(world: World) -> None:
    id_ = world.training()
    epoch = world.worker.assign_task(id_).epoch
    world.worker.report_failure(id_, epoch, FailureCategory.TASK_ERROR, some_digest())
    paused = world.creator.task(id_)
    assert paused is not None
    assert paused.state is TaskState.PAUSED
    world.creator.resume_task(id_)
    resumed = world.creator.task(id_)
    assert resumed is not None
    assert resumed.state is TaskState.OPEN


def test_a_slot_handed_back_can_be_taken_again(world: World) -> None:
    id_ = world.training()
    first = world.worker.assign_task(id_)
    world.worker.hand_back(id_, first.epoch)
    found = world.worker.assignment(world.worker.account, id_)
    assert found is not None
    assert found.state is AssignmentState.HANDED_BACK
    assert world.other.assign_task(id_).epoch > first.epoch
    refusal("NotLive", lambda: world.worker.hand_back(id_, first.epoch))


def test_a_cancelled_task_returns_its_money(world: World) -> None:
    id_ = world.training()
    world.creator.cancel_task(id_, abort=False)
    task = world.creator.task(id_)
    assert task is not None
    assert (task.state, task.held) == (TaskState.CANCELLED, 0)
    refusal("NotOpen", lambda: world.worker.assign_task(id_))


def test_aborting_ends_the_live_attempt(world: World) -> None:
    id_ = world.training()
    world.worker.assign_task(id_)
    world.creator.cancel_task(id_, abort=True)
    world.creator.settle(id_)
    found = world.worker.assignment(world.worker.account, id_)
    assert found is not None
    assert found.state is AssignmentState.ABORTED


def test_a_cancelled_plan_cancels_its_tasks(world: World) -> None:
    plan = world.creator.create_plan()
    id_ = world.creator.create_task(replace(world.terms(), plan=plan), world.training_spec())
    world.creator.cancel_plan(plan, abort=False)
    world.creator.settle(id_)
    task = world.creator.task(id_)
    assert task is not None
    assert task.state is TaskState.CANCELLED
    refusal("NoSuchPlan", lambda: world.creator.cancel_plan(PlanId(999), abort=True))


def test_settling_what_is_not_due_changes_nothing(world: World) -> None:
    id_ = world.training()
    assignment = world.worker.assign_task(id_)
    before = world.creator.task(id_)
    world.other.settle(id_)
    assert world.creator.task(id_) == before
    assert world.creator.assignment(world.worker.account, id_) == assignment


def test_settling_lapses_an_attempt_past_its_due(world: World) -> None:
    id_ = world.creator.create_task(replace(world.terms(), timeout=2_000), world.training_spec())
    assignment = world.worker.assign_task(id_)
    while world.now() <= assignment.due:
        time.sleep(0.2)
    world.other.settle(id_)
    found = world.worker.assignment(world.worker.account, id_)
    assert found is not None
    assert found.state is AssignmentState.LAPSED
    refusal("PastDue", lambda: world.worker.send_task_result(id_, assignment.epoch, model_result()))
