"""Hostile build contexts fail with a category, while the node runs other tasks."""

from collections.abc import Callable

import pytest

from node_runtime.domain.assets import AssetKind
from node_runtime.domain.task import SubmissionState, TaskId
from node_runtime.errors import FailureCategory
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import DOCKERFILE, World
from tests.e2e.test_hostile_documents import TRAINS, asset, submit, training

StartDaemon = Callable[..., DaemonProcess]

pytestmark = [pytest.mark.docker, pytest.mark.slow]


def offer(world: World, **files: str) -> TaskId:
    """Submit a training by an algo with these files, which the first failure pauses."""
    algo = asset(world, AssetKind.ALGO, {"Dockerfile": DOCKERFILE, "entry.sh": TRAINS, **files})
    return submit(world, training(algo), algo)


def test_an_image_that_is_in_its_own_way_is_told_as_the_tasks_fault_and_nothing_of_the_node(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    task = offer(world, Dockerfile=DOCKERFILE + "RUN echo > /sandbox\n")
    attempt = world.failure(daemon.account, task)
    assert attempt.category is FailureCategory.IMAGE_UNFIT
    assert attempt.log is not None
    world.store.fetch(attempt.log, world.folder / "log")
    output = (world.folder / "log" / "failure.txt").read_text()
    assert "has a conflicting entry at /sandbox/" in output
    assert str(daemon.work) not in output


def test_a_dockerignore_made_to_take_for_ever_holds_up_neither_its_task_nor_the_next(
    world: World, start_daemon: StartDaemon
) -> None:
    start_daemon()
    hostile = offer(world, **{".dockerignore": "*a" * 100 + "b\n", "a" * 200: "1"})
    assert world.submission(hostile).state is SubmissionState.ACCEPTED
    assert world.submission(offer(world)).state is SubmissionState.ACCEPTED
