"""Recovery of a daemon's attempts after a restart."""

from collections.abc import Callable
from contextlib import closing

import docker
import pytest

from node_runtime.domain.task import AssignmentState, SubmissionState, TaskId
from node_runtime.worker.audit import AuditEvent
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import TRAIN, WAITS, World, wait_for

StartDaemon = Callable[..., DaemonProcess]
WHEN_TOLD = f"{WAITS}; {TRAIN}"

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.mark.parametrize("storage_away", [False, True], ids=["", "storage is away too"])
def test_what_the_policy_forbids_since_then_is_ended_and_handed_back(
    world: World, start_daemon: StartDaemon, storage_away: bool
) -> None:
    daemon = start_daemon()
    task = world.train(WHEN_TOLD)
    daemon.container_of(task)
    daemon.kill()
    if storage_away:
        (world.storage / "trees").rename(world.storage / "away")
    daemon = start_daemon(creators=(daemon.account,))
    world.wait_for_attempt(daemon.account, task, AssignmentState.HANDED_BACK)
    assert daemon.containers() == []
    assert daemon.workspaces() == []
    (entry,) = wait_for(lambda: daemon.deeds(AuditEvent.HAND_BACK), "the line in the audit file")
    assert "policy.creators doesn't allow" in entry.detail
    assert daemon.deeds(AuditEvent.RUN) == []


def test_a_result_that_waited_in_the_box_is_delivered_although_the_policy_forbids_its_task_since_then(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    task = world.train(WHEN_TOLD)
    daemon.container_of(task)
    world.restart_chain(lambda: daemon.kill_with_its_result_in_the_box(task))
    start_daemon(creators=(daemon.account,))
    assert world.submission(task).state is SubmissionState.ACCEPTED


def test_adopted_containers_keep_their_slots_so_that_no_two_tasks_share_a_network(
    world: World, start_daemon: StartDaemon
) -> None:
    def network_of(task: TaskId) -> str:
        with closing(docker.APIClient(base_url=daemon.engine.url)) as client:
            return str(client.inspect_container(daemon.container_of(task))["HostConfig"]["NetworkMode"])

    daemon = start_daemon(slots=2)
    first, second = world.train(WHEN_TOLD), world.train(WHEN_TOLD)
    assert network_of(first) != network_of(second)
    daemon.let_go(first)
    assert world.submission(first).state is SubmissionState.ACCEPTED
    third = world.train(WHEN_TOLD)
    assert network_of(third) != network_of(second)
    daemon.kill()
    daemon = start_daemon(slots=2)  # the second task is older than the third and is resumed first
    daemon.let_go(second)
    assert world.submission(second).state is SubmissionState.ACCEPTED
    fourth = world.train(WHEN_TOLD)
    assert network_of(fourth) != network_of(third)
    daemon.let_go(third, fourth)
    assert world.submission(third).state is world.submission(fourth).state is SubmissionState.ACCEPTED
