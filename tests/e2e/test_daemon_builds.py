"""Does a build of a task's image end with the attempt that needs it, and is its slot free again?"""

from collections.abc import Callable
from contextlib import closing

import docker
import pytest

from node_runtime.task import AssignmentState, SubmissionState, TaskId
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import DOCKERFILE, World, wait_for

StartDaemon = Callable[..., DaemonProcess]

pytestmark = [pytest.mark.docker, pytest.mark.slow]


class SlowBuild:
    """A Dockerfile whose build outlasts everything, and what the engine has of it."""

    def __init__(self, world: World, daemon: DaemonProcess) -> None:
        self._daemon = daemon
        self._mark = f"a build of {world.storage}"
        dockerfile = f"{DOCKERFILE}RUN echo {self._mark} && sleep 600\n"
        self.task: TaskId = world.train(dockerfile=dockerfile)

    def wait_until_it_runs(self) -> None:
        wait_for(self.containers, f"the build to run: {self._daemon.log_text()[-2000:]}")

    def containers(self) -> list[str]:
        with closing(docker.APIClient(base_url=self._daemon.engine.url)) as client:
            return [one["Id"] for one in client.containers(all=True) if self._mark in one["Command"]]

    def wait_until_nothing_is_left(self) -> None:
        wait_for(lambda: not self.containers(), "the build's container to be gone")
        wait_for(lambda: not self._daemon.workspaces(), "the workspace to be gone")


def test_an_aborted_attempts_build_ends_and_its_slot_takes_the_next_task(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    build = SlowBuild(world, daemon)
    build.wait_until_it_runs()
    world.chain.cancel_task(build.task, abort=True)
    build.wait_until_nothing_is_left()
    world.wait_for_attempt(daemon.account, build.task, AssignmentState.ABORTED)
    assert world.submission(world.train()).state is SubmissionState.ACCEPTED


def test_a_build_that_outlasts_its_attempt_is_told_as_a_failure_before_the_bond_is_lost(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    world.attempt, world.timeout = 60, 2
    build = SlowBuild(world, daemon)
    build.wait_until_it_runs()
    failed = world.failure(daemon.account, build.task)
    assert failed.category == "node_error"
    world.chain.cancel_task(build.task, abort=False)  # else the node tries once more after a rest
    build.wait_until_nothing_is_left()
    world.attempt, world.timeout = 1800, 600
    assert world.submission(world.train()).state is SubmissionState.ACCEPTED


def test_asked_to_stop_a_daemon_ends_its_build_and_hands_the_task_back(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon(grace=1)
    build = SlowBuild(world, daemon)
    build.wait_until_it_runs()
    assert daemon.stop() == 0
    build.wait_until_nothing_is_left()
    world.wait_for_attempt(daemon.account, build.task, AssignmentState.HANDED_BACK)


def test_a_build_whose_daemon_was_killed_ends_and_nothing_of_a_dead_attempt_is_left(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    build = SlowBuild(world, daemon)
    build.wait_until_it_runs()
    daemon.kill()
    world.chain.cancel_task(build.task, abort=True)
    daemon = start_daemon()
    build.wait_until_nothing_is_left()
    assert world.submission(world.train()).state is SubmissionState.ACCEPTED


def test_a_build_that_failed_is_tried_again_though_nothing_else_happens_on_the_chain(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    task = world.train(dockerfile=f"{DOCKERFILE}RUN exit 7\n")
    first = world.failure(daemon.account, task)

    def again() -> bool:
        attempt = world.chain.assignment(daemon.account, task)
        return attempt is not None and attempt.epoch > first.epoch

    wait_for(again, f"another attempt: {daemon.log_text()[-2000:]}")
