"""A node with a wrong clock reports no task failure, loses no bond, and resumes once the clock is right."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from node_runtime.config import NodeConfig, load_config
from node_runtime.domain.clock import ChainTime, Clock, wall_clock
from node_runtime.domain.task import AssignmentState, SubmissionState
from node_runtime.errors import FailureCategory
from node_runtime.worker.assembly import connect_node, open_node, selector_of
from node_runtime.worker.audit import AuditEvent
from node_runtime.worker.audit_check import verified
from node_runtime.worker.daemon import Daemon
from node_runtime.worker.delivery import DeliveryService
from node_runtime.worker.journey import run_task
from node_runtime.worker.node import Node
from node_runtime.worker.recovery import resume_attempt
from node_runtime.worker.times import Pace
from tests.background import LIMIT, in_background
from tests.docker_engine import DockerHost
from tests.e2e.daemon_process import DaemonSettings
from tests.e2e.daemon_world import TRAIN, World, wait_for

HOUR = 3_600_000

pytestmark = [pytest.mark.docker]


@dataclass
class Wall:
    """A wall clock that is `off` ms from the right time."""

    off: int = 0

    def __call__(self) -> int:
        return wall_clock() + self.off


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def config(world: World, tmp_path: Path, docker_engine: DockerHost, monkeypatch: pytest.MonkeyPatch) -> NodeConfig:
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path / "home"))
    file = tmp_path / "node.yaml"
    settings = DaemonSettings(chain=world.devnet.url, storage=world.storage, engine=docker_engine)
    file.write_text(settings.text("clock", tmp_path / "work"))
    return load_config(file)


@contextmanager
def node_with(wall: Wall, config: NodeConfig) -> Iterator[Node]:
    """Open a node in this process with this wall clock."""
    with open_node(config, connect_node(config)) as node:
        time = ChainTime(Clock(wall=wall), slot=node.chain.slot_duration())
        parts: dict[str, Any] = {"chain": node.chain, "store": node.store, "outbox": node.outbox, "audit": node.audit}
        yield replace(node, time=time, delivery_service=DeliveryService(time=time, quitting=node.quitting, **parts))
        for attempt in node.workspaces.attempts():
            node.workspaces.remove(attempt)


@contextmanager
def running(wall: Wall, config: NodeConfig) -> Iterator[list[EventDict]]:
    """Run a daemon on that node; yield its log."""
    with node_with(wall, config) as node, capture_logs() as events:
        daemon = Daemon(node, selector_of(node, config), Pace(poll=0.1, grace=0))
        thread = in_background(lambda: daemon.run(lambda: None))
        try:
            yield events
        finally:
            daemon.stop()
            thread.result(LIMIT)


def events(told: list[EventDict], name: str) -> list[EventDict]:
    return [line for line in told if line["event"] == name]


def test_a_clock_an_hour_ahead_makes_a_node_hand_back_its_claim_and_take_nothing_until_it_is_right(
    world: World, config: NodeConfig, wall: Wall
) -> None:
    wall.off = HOUR
    task = world.train()
    with running(wall, config) as output:
        (line,) = wait_for(lambda: events(output, "nothing_taken"), "the node to see that its clock is wrong")
        assert "ahead of the chain's" in line["reason"]
        assert "set-ntp" in line["remedy"]
        account = wait_for(lambda: world.chain.attempts(task), "the attempt")[0].worker
        world.wait_for_attempt(account, task, AssignmentState.HANDED_BACK)
        wall.off = 0
        assert world.submission(task).state is SubmissionState.ACCEPTED
        assert len(events(output, "nothing_taken")) == len(events(output, "clock_right")) == 1
    assert not events(output, "task_failed")
    assert [
        entry for entry in verified(config.work / "audit.jsonl", {account}) if entry.deed is AuditEvent.FAILURE
    ] == []


def test_a_clock_an_hour_behind_keeps_a_node_from_claiming_until_it_is_right(
    world: World, config: NodeConfig, wall: Wall
) -> None:
    wall.off = -HOUR
    task = world.train()
    with running(wall, config) as output:
        (line,) = wait_for(lambda: events(output, "nothing_taken"), "the node to see that its clock is wrong")
        assert "behind the chain's" in line["reason"]
        assert world.chain.attempts(task) == ()
        wall.off = 0
        assert world.submission(task).state is SubmissionState.ACCEPTED


def test_a_clock_that_is_set_an_hour_ahead_meanwhile_ends_no_attempt(
    world: World, config: NodeConfig, wall: Wall
) -> None:
    task = world.train(f"sleep 3; {TRAIN}")
    with running(wall, config) as output:
        wait_for(lambda: events(output, "container_starts"), "the container")
        wall.off = HOUR
        assert world.submission(task).state is SubmissionState.ACCEPTED
    assert not events(output, "task_failed")


@pytest.mark.parametrize("noted", [True, False], ids=["", "whose claim was sent before the machine's start"])
def test_an_attempt_that_is_taken_up_with_a_clock_an_hour_ahead_has_its_time(
    world: World, config: NodeConfig, wall: Wall, noted: bool
) -> None:
    task, wall.off = world.train(), HOUR
    with node_with(wall, config) as node:
        sent = node.time.clock.steady()
        if noted:
            node.outbox.claim(task, sent=sent)
        assignment = node.chain.assign_task(task)
        node.outbox.claimed(assignment)
        attempt = resume_attempt(assignment, node, selector_of(node, config))
        assert attempt is not None
        assert attempt.began == sent if noted else attempt.began >= sent
        assert attempt.due <= node.time.clock.steady() + assignment.due - assignment.since
        assert attempt.report_deadline > node.time.clock.steady()
        run_task(attempt, node)
    assert world.submission(task).state is SubmissionState.ACCEPTED


def test_what_a_node_ends_before_the_tasks_own_timeout_is_no_timeout_of_the_task(
    world: World, config: NodeConfig, wall: Wall
) -> None:
    world.timeout, world.attempt = 600, 8
    task = world.train("exec sleep 600")
    with running(wall, config):
        account = wait_for(lambda: world.chain.attempts(task), "the attempt")[0].worker
        assert world.failure(account, task).category is FailureCategory.NODE_ERROR
