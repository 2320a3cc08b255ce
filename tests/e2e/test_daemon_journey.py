"""An attempt ends correctly despite faults between the end of its container and the chain."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from node_runtime.config import NodeConfig, load_config
from node_runtime.domain.assets import Account, Digest
from node_runtime.domain.task import Assignment, AssignmentState, Kind, SubmissionState, TaskId
from node_runtime.domain.units import amount
from node_runtime.errors import ChainError, ChainRefused, ChainUnavailable, FailureCategory, HostError, StorageError
from node_runtime.ports.store import AssetStore
from node_runtime.stores.cache import Cache
from node_runtime.stores.local import LocalStore
from node_runtime.substrate.client import SubstrateChain
from node_runtime.substrate.connection import Connection
from node_runtime.substrate.keys import account_of, load_key
from node_runtime.worker.assembly import connect_node, open_node, selector_of
from node_runtime.worker.attempt import Attempt, StopReason
from node_runtime.worker.audit import Audit, AuditEntry, AuditEvent
from node_runtime.worker.audit_check import verified
from node_runtime.worker.daemon import Daemon
from node_runtime.worker.delivery import DeliveryService
from node_runtime.worker.ending import deliver_again
from node_runtime.worker.journey import run_task
from node_runtime.worker.node import Node
from node_runtime.worker.outbox import Delivery
from node_runtime.worker.recovery import resume_attempt
from node_runtime.worker.times import Pace
from tests.background import LIMIT, in_background
from tests.docker_engine import DockerHost
from tests.e2e.daemon_process import DaemonSettings
from tests.e2e.daemon_world import TRAIN, World

bob = partial(load_key, "//Bob", password_file=None, development=True)

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture
def config(world: World, tmp_path: Path, docker_engine: DockerHost, monkeypatch: pytest.MonkeyPatch) -> NodeConfig:
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path / "home"))
    file = tmp_path / "node.yaml"
    settings = DaemonSettings(chain=world.devnet.url, storage=world.storage, engine=docker_engine)
    file.write_text(settings.text("journey", tmp_path / "work"))
    return load_config(file)


@pytest.fixture
def node(config: NodeConfig) -> Iterator[Node]:
    """Open a node in this process."""
    with open_node(config, connect_node(config)) as node:
        yield node
        for attempt in node.workspaces.attempts():
            node.workspaces.remove(attempt)


def claimed(task: TaskId, node: Node, config: NodeConfig) -> Attempt:
    assignment = node.chain.assign_task(task)
    node.outbox.claimed(assignment)
    attempt = resume_attempt(assignment, node, selector_of(node, config))
    assert attempt is not None
    return attempt


def deeds(config: NodeConfig, deed: AuditEvent) -> list[AuditEntry]:
    return [entry for entry in verified(config.work / "audit.jsonl", {account_of(config.key)}) if entry.deed is deed]


def test_a_hold_that_cannot_be_handed_back_keeps_the_node_from_nothing_else(world: World, config: NodeConfig) -> None:
    class Refusing(SubstrateChain):
        def hand_back(self, task: TaskId, epoch: int) -> int:
            asked.append(epoch)
            raise ChainRefused("NotNow", f"can't hand back task {task}")

    asked: list[int] = []
    only_scoring = config.policy.model_copy(update={"kinds": (Kind.SCORING,)})
    with open_node(config, Refusing(Connection(world.devnet.url), bob())) as node:
        node.outbox.claimed(node.chain.assign_task(world.train()))
        selector = selector_of(node, config.model_copy(update={"policy": only_scoring}))
        daemon = Daemon(node, selector, Pace(poll=0.1, grace=0))
        running = in_background(lambda: daemon.run(lambda: None))
        try:
            assert world.submission(world.score()).state is SubmissionState.ACCEPTED
        finally:
            daemon.stop()
            running.result(LIMIT)
    assert asked


def test_the_payment_of_an_aborted_attempt_is_noted_although_the_chain_is_away_for_a_moment(
    world: World, config: NodeConfig
) -> None:
    class Away(SubstrateChain):
        def assignment(self, worker: Account, task: TaskId) -> Assignment | None:
            asked.append(task)
            if len(asked) == 1:
                raise ChainUnavailable("no answer")
            return super().assignment(worker, task)

    asked: list[TaskId] = []
    with open_node(config, Away(Connection(world.devnet.url), bob())) as node:
        attempt = claimed(world.train(), node, config)
        world.chain.cancel_task(attempt.task.id, abort=True)
        attempt.cancellation.request(StopReason.ENDED_ON_CHAIN)
        asked.clear()
        run_task(attempt, node)
        assert len(asked) == 2
    ended = world.chain.assignment(attempt.assignment.worker, attempt.task.id)
    assert ended is not None
    assert 0 < ended.paid < attempt.task.terms.reward
    output = f"aborted, {amount(ended.paid)} for the time it was held"
    assert [entry.detail for entry in deeds(config, AuditEvent.PAYMENT)] == [output]


def test_a_delivery_that_fails_with_a_chain_error_is_kept_and_logged(world: World, config: NodeConfig) -> None:
    class Choking(SubstrateChain):
        def report_failure(self, task: TaskId, epoch: int, category: FailureCategory, log: Digest) -> None:
            choked = f"can't report {category} of task {task}, epoch {epoch}, log {log}"
            raise ChainError(choked, remedy="see the log of the chain's node")

    with open_node(config, Choking(Connection(world.devnet.url), bob())) as node, capture_logs() as events:
        assignment = node.chain.assign_task(world.train())
        failed = Delivery(
            task=assignment.task,
            epoch=assignment.epoch,
            worker=assignment.worker,
            due=assignment.due,
            reward=1,
            log=Digest("0" * 64),
            category=FailureCategory.NODE_ERROR,
        )
        node.outbox.pack(failed)
        deliver_again(failed, node)
        assert [delivery.attempt for delivery in node.outbox.undelivered()] == [failed.attempt]
    assert [line["remedy"] for line in events if line["event"] == "delivery_kept"] == [
        "see the log of the chain's node"
    ]


def delivery_service(node: Node, *, store: AssetStore, audit: Audit) -> DeliveryService:
    return DeliveryService(
        chain=node.chain, time=node.time, store=store, outbox=node.outbox, audit=audit, quitting=node.quitting
    )


class FailsOnce(Cache):
    """A cache that fails with a full disk when the first pin is released."""

    failed = False

    @contextmanager
    def pin(
        self, digest: Digest, *, fetch: AssetStore, holder: str | None = None, stop: threading.Event | None = None
    ) -> Iterator[Path]:
        with super().pin(digest, fetch=fetch, holder=holder, stop=stop) as folder:
            yield folder
        if not self.failed:
            self.failed = True
            raise HostError("no room")


def test_a_result_that_is_packed_is_not_made_anew_when_the_cache_fails_afterwards(
    world: World, node: Node, config: NodeConfig, tmp_path: Path
) -> None:
    cache = FailsOnce(tmp_path / "cache", limit=1 << 30)
    run_task(claimed(world.train(), node, config), replace(node, cache=cache))
    assert cache.failed
    assert len(deeds(config, AuditEvent.RUN)) == 1
    assert deeds(config, AuditEvent.FAILURE) == []


def ends_late(world: World, node: Node, config: NodeConfig, build: Callable[[Attempt], Node], said: str) -> None:
    """Assert that the attempt is reported as a node error and no delivery is pending."""
    attempt = claimed(world.train(), node, config)
    run_task(attempt, build(attempt))
    known = world.failure(node.chain.account, attempt.task.id)
    assert known.category is FailureCategory.NODE_ERROR
    assert known.log is not None
    assert said in deeds(config, AuditEvent.FAILURE)[0].detail
    assert node.outbox.undelivered() == ()
    assert node.workspaces.attempts() == ()


def test_outputs_that_are_not_read_when_the_time_is_over_cost_the_fee_not_the_bond(
    world: World, node: Node, config: NodeConfig
) -> None:
    class Watch(Audit):
        def record(self, deed: AuditEvent, *, task: int, epoch: int | None = None, detail: str = "") -> None:
            super().record(deed, task=task, epoch=epoch, detail=detail)
            if deed is AuditEvent.RUN:  # the container has ended
                attempts[0].cancellation.request(StopReason.OUT_OF_TIME)

    def build(attempt: Attempt) -> Node:
        attempts.append(attempt)
        assert isinstance(node.chain, SubstrateChain)
        watch = Watch(config.work / "audit.jsonl", node.chain)
        return replace(node, audit=watch, delivery_service=delivery_service(node, store=node.store, audit=watch))

    attempts: list[Attempt] = []
    ends_late(world, node, config, build, said="the attempt's time was over before its outputs were read")


@pytest.mark.parametrize("away", [False, True], ids=["slow storage", "no storage"])
def test_a_result_that_is_not_stored_when_the_time_is_over_costs_the_fee_not_the_bond(
    world: World, node: Node, config: NodeConfig, away: bool
) -> None:
    class Late(LocalStore):
        def put(self, source: Path, *, stop: threading.Event | None = None) -> Digest:
            if stop is not None:  # the upload of a result, which takes too long
                attempts[0].cancellation.request(StopReason.OUT_OF_TIME)
            if away:
                raise StorageError("storage doesn't answer")
            return super().put(source, stop=stop)

    def build(attempt: Attempt) -> Node:
        attempts.append(attempt)
        return replace(node, delivery_service=delivery_service(node, store=Late(world.storage), audit=node.audit))

    attempts: list[Attempt] = []
    ends_late(world, node, config, build, said="storage doesn't answer" if away else "the attempt ends")


def test_asked_to_stop_a_node_still_stores_and_sends_what_is_done(world: World, node: Node, config: NodeConfig) -> None:
    class Stopping(LocalStore):
        def put(self, source: Path, *, stop: threading.Event | None = None) -> Digest:
            attempt.cancellation.request(StopReason.HAND_BACK)
            return super().put(source, stop=stop)

    task = world.train(TRAIN)
    attempt = claimed(task, node, config)
    run_task(
        attempt, replace(node, delivery_service=delivery_service(node, store=Stopping(world.storage), audit=node.audit))
    )
    assert attempt.cancellation.reason is StopReason.HAND_BACK
    assert world.submission(task).state is SubmissionState.ACCEPTED
    known = world.chain.assignment(node.chain.account, task)
    assert known is not None
    assert known.state is AssignmentState.SUBMITTED
