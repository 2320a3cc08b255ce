"""Who waits for a task is told when nobody is left to try it, instead of waiting for its deadline."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.creator.tasks import view_task
from node_runtime.creator.waiting import why_it_waits
from node_runtime.creator.watch import STALLED_AFTER, follow, stall_reason
from node_runtime.domain.assets import Account
from node_runtime.domain.clock import current_time, wall_clock
from node_runtime.domain.task import UNIT, TaskId, TaskState
from node_runtime.errors import FailureCategory
from node_runtime.stores.local import LocalStore
from tests.background import LIMIT, in_background
from tests.contract.chain_world import World, open_world, some_digest
from tests.later_devnet import LaterDevnet, later_devnet
from tests.transfers import development_keys


@pytest.fixture
def devnet(tmp_path: Path) -> Iterator[LaterDevnet]:
    with later_devnet(tmp_path / "chain") as devnet:
        yield devnet


@pytest.fixture
def world(devnet: LaterDevnet) -> Iterator[World]:
    world = open_world(devnet.url)
    yield world
    world.close()


def stalled(world: World) -> TaskId:
    """The only node that took it can't build its image."""
    terms = replace(world.terms(), max_failures=3)
    task = world.creator.create_task(terms, world.training_spec())
    epoch = world.worker.assign_task(task).epoch
    world.worker.report_failure(task, epoch, FailureCategory.BUILD_FAILED, some_digest())
    return task


def reason(world: World, number: TaskId) -> str | None:
    task = world.creator.task(number)
    assert task is not None
    return stall_reason(task, world.creator, now=current_time(world.creator))


def test_a_task_that_no_node_can_build_is_told_a_minute_after_it_stalled(world: World, devnet: LaterDevnet) -> None:
    task = stalled(world)
    known = world.creator.task(task)
    assert known is not None
    assert known.stalled_since is not None
    assert reason(world, task) is None
    devnet.pass_time(STALLED_AFTER + 1000)
    world.now()
    output = reason(world, task)
    assert output is not None
    assert "out of attempts" in output
    assert "cancel" in output


def test_a_stalled_task_says_who_tried_it_and_asks_for_no_node(
    world: World, devnet: LaterDevnet, tmp_path: Path
) -> None:
    task = stalled(world)
    devnet.pass_time(STALLED_AFTER + 1000)
    world.now()
    view = view_task(world.creator, LocalStore(tmp_path / "store"), task)
    tried, output = why_it_waits(view, world.creator, now=current_time(world.creator))
    assert "took it, but its attempt failed (build_failed)" in tried
    assert "out of attempts" in output


def test_waiting_ends_when_nobody_is_left_to_try(world: World, devnet: LaterDevnet) -> None:
    task = stalled(world)
    stop = threading.Event()
    waiting = in_background(
        lambda: follow(world.creator, [task], seen=lambda _: None, went_wrong=lambda _: None, stop=stop)
    )
    devnet.pass_time(STALLED_AFTER + 1000)
    world.now()
    (last,) = waiting.result(LIMIT)
    assert last.state is TaskState.OPEN
    assert not stop.is_set()


def test_somebody_new_who_takes_the_task_ends_the_stall(world: World, devnet: LaterDevnet) -> None:
    task = stalled(world)
    devnet.pass_time(STALLED_AFTER + 1000)
    world.other.assign_task(task)
    known = world.creator.task(task)
    assert known is not None
    assert known.stalled_since is None
    assert reason(world, task) is None


def test_a_task_that_waits_for_a_stalled_ones_model_is_told_with_it(world: World, devnet: LaterDevnet) -> None:
    parent = stalled(world)
    spec = replace(world.training_spec(), parents=(parent,))
    child = world.creator.create_task(world.terms(), spec)
    devnet.pass_time(STALLED_AFTER + 1000)
    world.now()
    output = reason(world, child)
    assert output is not None
    assert f"task {parent}" in output


def test_an_offer_that_its_only_taker_cannot_pay_the_bond_of_is_told(world: World, devnet: LaterDevnet) -> None:
    terms = replace(world.terms(), bond=7 * UNIT, assignee=Account(development_keys()["Eve"].ss58_address))
    left = world.creator.balance(terms.assignee or world.other.account).free
    terms = replace(terms, reward=left // 2, bond=left + UNIT)
    task = world.creator.create_task(terms, world.training_spec())
    devnet.pass_time(STALLED_AFTER + 1000)
    world.now()
    output = reason(world, task)
    assert output is not None
    assert "bond" in output


def test_a_paused_task_waits_for_its_creator(world: World) -> None:
    task = world.training()
    epoch = world.worker.assign_task(task).epoch
    world.worker.report_failure(task, epoch, FailureCategory.TASK_ERROR, some_digest())
    output = reason(world, task)
    assert output is not None
    assert "resume" in output


@pytest.mark.parametrize("ahead", [False, True])
def test_a_minutes_patience_is_a_minute_however_this_machines_clock_is_set(tmp_path: Path, ahead: bool) -> None:
    with later_devnet(tmp_path / "chain", begins=wall_clock() - (3_600_000 if ahead else 0)) as devnet:
        world = open_world(devnet.url)
        task, stop, looks = stalled(world), threading.Event(), 0

        def seen(_: object) -> None:
            nonlocal looks
            looks += 1
            if looks == 3:
                stop.set()

        follow(world.creator, [task], seen=seen, went_wrong=lambda _: None, stop=stop)
        world.close()
    assert looks == 3
