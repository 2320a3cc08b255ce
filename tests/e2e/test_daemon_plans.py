"""Plans on nodes: branches that don't need each other run at the same time; an abort stops all of them."""

import json
from collections.abc import Callable, Sequence
from contextlib import closing

import pytest

from node_runtime.domain.assets import Account
from node_runtime.domain.task import AssignmentState, SubmissionState, TaskId
from node_runtime.substrate.client import connect
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import WAITS, World, wait_for
from tests.e2e.function_desk import DOCKERFILE, START, TRAIN, Desk, task
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


def overlap(world: World, tasks: Sequence[TaskId]) -> bool:
    """Return whether the chain recorded that each of the tasks, which are done, was taken before any of them ended."""
    begun = [one.since for task in tasks for one in world.chain.attempts(task)]
    ended = [one.ended for one in map(world.chain.task, tasks) if one is not None and one.ended is not None]
    return len(ended) == len(tasks) and max(begun) < min(ended)


def sandbox_branches(world: World) -> list[TaskId]:
    """Submit a plan of two trainings that don't need each other; without a local folder, or they would take turns."""
    world.plan, world.local = world.chain.create_plan(), None
    return [world.train(BRANCH) for _ in range(2)]


def substra_branches(world: World) -> list[TaskId]:
    """Submit a plan of two functions that don't need each other."""
    waits = 'import os, time\nwhile not os.path.exists("/tmp/go"):\n    time.sleep(0.1)\nsave("shared", 1)\n'
    folder = world.folder / "desk"
    files = {
        "train/Dockerfile": DOCKERFILE,
        "train/function.py": START + waits,
        "train/function.yaml": json.dumps(TRAIN),
        "a/rows.txt": "1\n",
        "b/rows.txt": "2\n",
        "opener.py": "",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return list(Desk(world, folder).submit(*(task(name, "train", data=[name]) for name in ("a", "b"))).values())


BRANCHES = pytest.mark.parametrize("branches_of", [sandbox_branches, substra_branches], ids=["sandbox", "substra"])


@BRANCHES
def test_branches_of_a_plan_run_at_once_on_one_node(
    branches_of: Callable[[World], list[TaskId]], world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon(slots=2)
    branches = branches_of(world)
    assert set(workers_at_once(world, branches)) == {daemon.account}
    wait_for(lambda: len(daemon.containers()) == 2, "both containers")
    daemon.let_go(*branches)
    assert all(world.submission(one).state is SubmissionState.ACCEPTED for one in branches)
    assert overlap(world, branches)


@BRANCHES
def test_branches_of_a_plan_run_at_once_on_several_nodes(
    branches_of: Callable[[World], list[TaskId]], world: World, start_daemon: StartDaemon
) -> None:
    names = ("bob", "charlie")
    daemons = [start_daemon(folder=name, machine=name, key=f"//{name.capitalize()}", slots=1) for name in names]
    branches = branches_of(world)
    workers = workers_at_once(world, branches)
    assert sorted(workers) == sorted(one.account for one in daemons)
    for branch, worker in zip(branches, workers, strict=True):
        (daemon,) = (one for one in daemons if one.account == worker)
        daemon.let_go(branch)
    assert all(world.submission(one).state is SubmissionState.ACCEPTED for one in branches)
    assert overlap(world, branches)


def test_an_aborted_plan_stops_its_containers_and_its_builds(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon(slots=2)
    world.plan, world.local = world.chain.create_plan(), None
    running = world.train(BRANCH)
    wait_for(lambda: daemon.containers(), "the container")
    build = SlowBuild(world, daemon)
    build.wait_until_it_runs()
    with closing(connect(world.devnet.url, "//Alice")) as creator:
        creator.cancel_plan(world.plan, abort=True)
    for each in (running, build.task):
        world.wait_for_attempt(daemon.account, each, AssignmentState.ABORTED)
    build.wait_until_nothing_is_left()
    assert not daemon.containers()
