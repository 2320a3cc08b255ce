"""Pausing, ending and expiry of tasks and attempts through a chain client, against a real chain."""

import time
from contextlib import closing
from dataclasses import replace

from node_runtime.devnet.sealing import wall_clock
from node_runtime.domain.price import attempt_price, pay_when_aborted
from node_runtime.domain.task import UNIT, AssignmentState, PlanId, TaskState
from node_runtime.errors import FailureCategory
from node_runtime.substrate.memory import MemoryNetwork
from tests.contract.chain_world import BOND, HOUR, REWARD, World, model_result, refusal, some_digest, world_of


def test_a_paused_task_is_resumed(world: World) -> None:
    id_ = world.training()
    epoch = world.worker.assign_task(id_).epoch
    world.worker.report_failure(id_, epoch, FailureCategory.TASK_ERROR, some_digest())
    paused = world.creator.task(id_)
    assert paused is not None
    assert paused.state is TaskState.PAUSED
    assert paused.paused_until is not None
    assert paused.paused_until < paused.terms.deadline
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


def test_handing_back_costs_what_the_client_computes_from_the_time_held(world: World) -> None:
    id_ = world.training()
    hold = world.worker.assign_task(id_)
    before = world.now()
    cost = world.worker.hand_back(id_, hold.epoch)
    found = world.worker.assignment(world.worker.account, id_)
    assert found is not None
    assert (found.price, found.hand_backs, found.bond) == (cost, 1, 0)
    assert 0 < attempt_price(hold, now=before) <= cost <= attempt_price(hold, now=world.now())


def test_a_reports_fee_stays_held_until_the_task_ends_without_a_result(world: World) -> None:
    id_ = world.training()
    epoch = world.worker.assign_task(id_).epoch
    before = world.creator.balance(world.worker.account).held
    world.worker.report_failure(id_, epoch, FailureCategory.POLICY, some_digest())
    found = world.worker.assignment(world.worker.account, id_)
    assert found is not None
    assert (found.fees, found.bond) == (UNIT // 100, 0)
    held = world.creator.balance(world.worker.account).held
    assert before - held == BOND - found.fees
    world.creator.cancel_task(id_, abort=False)
    world.now()
    world.creator.settle(id_)
    assert world.creator.balance(world.worker.account).held == held - found.fees


def test_a_cancelled_task_returns_its_money(world: World) -> None:
    id_ = world.training()
    world.creator.cancel_task(id_, abort=False)
    task = world.creator.task(id_)
    assert task is not None
    assert (task.state, task.held) == (TaskState.CANCELLED, 0)
    refusal("NotOpen", lambda: world.worker.assign_task(id_))


def test_aborting_ends_the_live_attempt_and_pays_for_its_time(world: World) -> None:
    id_ = world.training()
    hold = world.worker.assign_task(id_)
    before = world.now()
    world.creator.cancel_task(id_, abort=True)
    world.creator.settle(id_)
    found = world.worker.assignment(world.worker.account, id_)
    assert found is not None
    assert found.state is AssignmentState.ABORTED
    least, most = (pay_when_aborted(hold, REWARD, now=moment) for moment in (before, world.now()))
    assert 0 < least <= found.paid <= most < REWARD


def test_a_cancelled_plan_cancels_its_tasks(world: World) -> None:
    plan = world.creator.create_plan()
    id_ = world.creator.create_task(replace(world.terms(), plan=plan), world.training_spec())
    world.creator.cancel_plan(plan, abort=False)
    world.creator.settle(id_)
    task = world.creator.task(id_)
    assert task is not None
    found = world.creator.plan(plan)
    assert found is not None
    assert (task.state, found.creator) == (TaskState.CANCELLED, world.creator.account)
    assert found.cancelled == task.ended
    assert world.creator.plan(PlanId(999)) is None
    refusal("NoSuchPlan", lambda: world.creator.cancel_plan(PlanId(999), abort=True))


def test_purging_a_final_task_returns_the_price_of_its_spec() -> None:
    now = wall_clock()
    with MemoryNetwork(clock=lambda: now) as network, closing(world_of(network)) as world:
        held = world.creator.balance(world.creator.account).held
        id_ = world.training()
        world.creator.cancel_task(id_, abort=False)
        assert world.creator.balance(world.creator.account).held > held
        refusal("StillNeeded", lambda: world.creator.purge_task(id_))
        now += 8 * 24 * HOUR  # the retention period is 7 days
        world.now()
        world.creator.purge_task(id_)
        assert world.creator.task(id_) is None
        assert world.creator.balance(world.creator.account).held == held


def test_settling_a_task_that_is_not_due_changes_nothing(world: World) -> None:
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
