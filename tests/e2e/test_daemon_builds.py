"""An image build ends with the attempt that needs it, and its slot becomes free."""

import json
from collections.abc import Callable
from contextlib import closing

import docker
import pytest

from node_runtime.creator.results import read_document
from node_runtime.domain.task import AssignmentState, SubmissionState, TaskId
from node_runtime.errors import FailureCategory
from tests.docker_engine import DockerHost
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import DOCKERFILE, World, wait_for

StartDaemon = Callable[..., DaemonProcess]

pytestmark = [pytest.mark.docker, pytest.mark.slow]


class SlowBuild:
    """A task whose image build outlasts the test, and the containers of that build."""

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
    world.chain.cancel_task(build.task, abort=False)  # otherwise the node retries after a pause
    build.wait_until_nothing_is_left()
    world.attempt, world.timeout = 1800, 600
    assert world.submission(world.train()).state is SubmissionState.ACCEPTED


def events(daemon: DaemonProcess, name: str) -> list[dict[str, str]]:
    """Return the events of this name in the daemon's log."""
    lines = (json.loads(line) for line in daemon.log_text().splitlines() if line.startswith("{"))
    return [line for line in lines if line["event"] == name]


def test_an_alias_stands_for_an_image_that_no_registry_has_and_an_unfit_one_is_the_nodes_fault(
    world: World, start_daemon: StartDaemon, docker_engine: DockerHost
) -> None:
    fit, unfit = "tools.invalid/substra-tools:0.6.1", "tools.invalid/away:1"
    daemon = start_daemon(image_aliases=((fit, docker_engine.base_image), (unfit, "no/such:image")))
    told = f"the alias {unfit}: the image no/such:image is not on the engine"
    (warning,) = events(daemon, "image_alias_unfit")
    assert warning["reason"] == told
    submission = world.submission(world.train(dockerfile=DOCKERFILE.replace("${BASE_IMAGE}", fit)))
    assert submission.state is SubmissionState.ACCEPTED
    (stage,) = read_document(submission, world.store).stages
    assert stage.built_on == (docker_engine.image_id(),)
    (used,) = events(daemon, "image_alias")
    assert (used["stage"], used["alias"], used["image"]) == ("train", fit, docker_engine.image_id())
    failed = world.failure(daemon.account, world.train(dockerfile=DOCKERFILE.replace("${BASE_IMAGE}", unfit)))
    assert failed.category is FailureCategory.NODE_ERROR
    assert failed.log is not None
    world.store.fetch(failed.log, world.folder / "log")
    assert "no/such:image" not in (world.folder / "log" / "failure.txt").read_text(), "it is of the node's operator"
    assert {event["reason"] for event in events(daemon, "node_failed")} == {told}


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


NOWHERE = (("PIP_INDEX_URL", "http://127.0.0.1:9/simple"),)  # an unreachable package index


def test_a_build_that_failed_through_nobodys_fault_is_tried_again_though_nothing_else_happens_on_the_chain(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon(build_arguments=NOWHERE)
    task = world.train(dockerfile=f"{DOCKERFILE}RUN exit 7\n")
    first = world.failure(daemon.account, task)
    assert first.category is FailureCategory.IMAGE_UNAVAILABLE

    def again() -> bool:
        attempt = world.chain.assignment(daemon.account, task)
        return attempt is not None and attempt.epoch > first.epoch

    wait_for(again, f"another attempt: {daemon.log_text()[-2000:]}")


def test_a_step_that_writes_of_a_full_disk_and_fails_is_the_tasks_fault(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    task = world.train(dockerfile=f'{DOCKERFILE}RUN : "no space left on device"; false\n')
    failed = world.failure(daemon.account, task)
    assert failed.category is FailureCategory.BUILD_FAILED
    assert failed.log is not None
    world.store.fetch(failed.log, world.folder / "log")
    output = (world.folder / "log" / "failure.txt").read_text()
    assert "build_failed" in output
    assert str(daemon.work) not in output
    assert world.submission(world.train()).state is SubmissionState.ACCEPTED


def test_trouble_of_the_node_is_one_short_event_and_names_none_of_its_places_to_the_creator(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    daemon.work.joinpath("quotas").write_text("in the way")
    task = world.train()
    failed = world.failure(daemon.account, task)
    assert failed.category is FailureCategory.NODE_ERROR
    assert failed.log is not None
    world.store.fetch(failed.log, world.folder / "log")
    output = (world.folder / "log" / "failure.txt").read_text()
    assert str(daemon.work) not in output
    (event,) = [line for line in daemon.log_text().splitlines() if "node_failed" in line]
    assert len(event) < 2000
    assert "Traceback" not in daemon.log_text()
    daemon.work.joinpath("quotas").unlink()


def test_a_result_names_the_image_that_its_own_was_built_on(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    submission = world.submission(world.train())
    (stage,) = read_document(submission, world.store).stages
    assert stage.built_on == (daemon.engine.image_id(),)
    assert stage.image not in stage.built_on


def test_a_node_whose_own_builds_fail_blames_itself_and_takes_nothing_more(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon(build_memory="1MiB")  # below the minimum of any engine
    task = world.train(dockerfile=f"{DOCKERFILE}RUN true\n")
    assert world.failure(daemon.account, task).category is FailureCategory.NODE_ERROR
    another = world.train()
    wait_for(lambda: "nothing_taken" in daemon.log_text(), "a look that takes nothing")
    assert "neither does the node's own" in daemon.log_text()
    assert world.chain.assignment(daemon.account, another) is None
    daemon.stop()
