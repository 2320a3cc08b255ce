"""Plans on nodes: branches that don't need each other run at the same time; an abort stops all of them."""

from collections.abc import Callable, Sequence
from contextlib import closing

import pytest

from node_runtime.domain.assets import Account
from node_runtime.domain.task import AssignmentState, SubmissionState, TaskId
from node_runtime.substrate.client import connect
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import WAITS, World, wait_for
from tests.e2e.test_daemon_builds import SlowBuild

StartDaemon = Callable[..., DaemonProcess]
BRANCH = f"{WAITS}; echo trained > /sandbox/model/model"

pytestmark = [pytest.mark.docker, pytest.mark.slow]


def workers_at_once(world: World, tasks: Sequence[TaskId]) -> list[Account]:
    """Wait until all of the tasks, none of which ends by itself, are live on chain; return who is at each."""

    def live() -> list[Account] | None:
        found = [one for task in tasks for one in world.chain.attempts(task) if one.state is AssignmentState.LIVE]
        return [one.worker for one in found] if len(found) == len(tasks) else None

    return wait_for(live, "all branches to be live at once")


def test_branches_of_a_plan_run_at_once_on_one_node(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon(slots=2)
    world.plan, world.local = world.chain.create_plan(), None  # tasks that write the local folder take turns
    branches = [world.train(BRANCH) for _ in range(2)]
    assert set(workers_at_once(world, branches)) == {daemon.account}
    wait_for(lambda: len(daemon.containers()) == 2, "both containers")
    daemon.let_go(*branches)
    assert all(world.submission(task).state is SubmissionState.ACCEPTED for task in branches)


def test_branches_of_a_plan_run_at_once_on_several_nodes(world: World, start_daemon: StartDaemon) -> None:
    daemons = [start_daemon(folder=name, machine=name, key=f"//{name.capitalize()}") for name in ("bob", "charlie")]
    world.plan = world.chain.create_plan()
    branches = [world.train(BRANCH) for _ in range(2)]
    assert sorted(workers_at_once(world, branches)) == sorted(one.account for one in daemons)


def test_an_aborted_plan_stops_its_containers_and_its_builds(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon(slots=2)
    world.plan, world.local = world.chain.create_plan(), None
    running = world.train(BRANCH)
    wait_for(lambda: daemon.containers(), "the container")
    build = SlowBuild(world, daemon)
    build.wait_until_it_runs()
    with closing(connect(world.devnet.url, "//Alice")) as creator:
        creator.cancel_plan(world.plan, abort=True)
    for task in (running, build.task):
        world.wait_for_attempt(daemon.account, task, AssignmentState.ABORTED)
    build.wait_until_nothing_is_left()
    assert not daemon.containers()
