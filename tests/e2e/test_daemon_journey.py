"""Does an attempt end well, whatever goes wrong between its container's end and the chain?"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from node_runtime.chain.client import SubstrateChain
from node_runtime.chain.connection import Connection
from node_runtime.chain.keys import load_key
from node_runtime.cli.node import connect_node, open_node, seeker_of
from node_runtime.config import NodeConfig, load_config
from node_runtime.daemon.attempt import Attempt, StopReason
from node_runtime.daemon.audit import Audit, Deed, Entry, verified
from node_runtime.daemon.deliver import Courier
from node_runtime.daemon.loop import Daemon, Pace
from node_runtime.daemon.node import Node
from node_runtime.daemon.outbox import Parcel
from node_runtime.daemon.recover import take_up
from node_runtime.daemon.run_task import deliver_again, run_task
from node_runtime.errors import ChainError, ChainRefused, ChainUnavailable, FailureCategory, HostError, StorageError
from node_runtime.ports import AssetStore
from node_runtime.storage.cache import Cache
from node_runtime.storage.local import LocalStore
from node_runtime.task import Account, Assignment, AssignmentState, Digest, Kind, SubmissionState, TaskId
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
    """As a daemon has it, in this process."""
    with open_node(config, connect_node(config)) as node:
        yield node
        for attempt in node.workspaces.left():
            node.workspaces.remove(attempt)


def claimed(task: TaskId, node: Node, config: NodeConfig) -> Attempt:
    hold = node.chain.assign_task(task)
    node.outbox.claimed(hold)
    attempt = take_up(hold, node, seeker_of(node, config))
    assert attempt is not None
    return attempt


def deeds(config: NodeConfig, deed: Deed) -> list[Entry]:
    return [entry for entry in verified(config.work / "audit.jsonl") if entry.deed is deed]


def test_a_hold_that_cannot_be_handed_back_keeps_the_node_from_nothing_else(world: World, config: NodeConfig) -> None:
    class Refusing(SubstrateChain):
        def hand_back(self, task: TaskId, epoch: int) -> None:
            asked.append(epoch)
            raise ChainRefused("NotNow", f"can't hand back task {task}")

    asked: list[int] = []
    only_scoring = config.policy.model_copy(update={"kinds": (Kind.SCORING,)})
    with open_node(config, Refusing(Connection(world.devnet.url), bob())) as node:
        node.outbox.claimed(node.chain.assign_task(world.train()))
        seeker = seeker_of(node, config.model_copy(update={"policy": only_scoring}))
        daemon = Daemon(node, seeker, Pace(poll=0.1, grace=0))
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
        attempt.ending.request(StopReason.ENDED_ON_CHAIN)
        asked.clear()
        run_task(attempt, node)
        assert len(asked) == 2
    assert [entry.detail for entry in deeds(config, Deed.PAYMENT)] == ["aborted, paid in full"]


def test_a_parcel_that_the_chains_node_chokes_on_is_kept_and_told(world: World, config: NodeConfig) -> None:
    class Choking(SubstrateChain):
        def report_failure(self, task: TaskId, epoch: int, category: FailureCategory, log: Digest) -> None:
            choked = f"can't report {category} of task {task}, epoch {epoch}, log {log}"
            raise ChainError(choked, remedy="see the log of the chain's node")

    with open_node(config, Choking(Connection(world.devnet.url), bob())) as node, capture_logs() as told:
        hold = node.chain.assign_task(world.train())
        failed = Parcel(
            task=hold.task,
            epoch=hold.epoch,
            worker=hold.worker,
            due=hold.due,
            reward=1,
            log=Digest("0" * 64),
            category=FailureCategory.NODE_ERROR,
        )
        node.outbox.pack(failed)
        deliver_again(failed, node)
        assert [parcel.attempt for parcel in node.outbox.undelivered()] == [failed.attempt]
    assert [line["remedy"] for line in told if line["event"] == "parcel_kept"] == ["see the log of the chain's node"]


def courier(node: Node, *, store: AssetStore, audit: Audit) -> Courier:
    return Courier(chain=node.chain, store=store, outbox=node.outbox, audit=audit, quitting=node.quitting)


class FailsOnce(Cache):
    """Whose disk is full just when the first pin is let go."""

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
    assert len(deeds(config, Deed.RUN)) == 1
    assert deeds(config, Deed.FAILURE) == []


def ends_late(world: World, node: Node, config: NodeConfig, build: Callable[[Attempt], Node], said: str) -> None:
    """The attempt, on a node that is built for it, is told as a failure of the node, and nothing is left to deliver."""
    attempt = claimed(world.train(), node, config)
    run_task(attempt, build(attempt))
    known = world.failure(node.chain.account, attempt.task.id)
    assert known.category is FailureCategory.NODE_ERROR
    assert known.log is not None
    assert said in deeds(config, Deed.FAILURE)[0].detail
    assert node.outbox.undelivered() == ()
    assert node.workspaces.left() == ()


def test_outputs_that_are_not_read_when_the_time_is_over_cost_the_fee_not_the_bond(
    world: World, node: Node, config: NodeConfig
) -> None:
    class Watch(Audit):
        def record(self, deed: Deed, *, task: int, epoch: int | None = None, detail: str = "") -> None:
            super().record(deed, task=task, epoch=epoch, detail=detail)
            if deed is Deed.RUN:  # the container has just ended
                attempts[0].ending.request(StopReason.OUT_OF_TIME)

    def build(attempt: Attempt) -> Node:
        attempts.append(attempt)
        watch = Watch(config.work / "audit.jsonl")
        return replace(node, audit=watch, courier=courier(node, store=node.store, audit=watch))

    attempts: list[Attempt] = []
    ends_late(world, node, config, build, said="the attempt's time was over before its outputs were read")


@pytest.mark.parametrize("away", [False, True], ids=["slow storage", "no storage"])
def test_a_result_that_is_not_stored_when_the_time_is_over_costs_the_fee_not_the_bond(
    world: World, node: Node, config: NodeConfig, away: bool
) -> None:
    class Late(LocalStore):
        def put(self, source: Path, *, stop: threading.Event | None = None) -> Digest:
            if stop is not None:  # it is a result that is stored, and that takes too long
                attempts[0].ending.request(StopReason.OUT_OF_TIME)
            if away:
                raise StorageError("storage doesn't answer")
            return super().put(source, stop=stop)

    def build(attempt: Attempt) -> Node:
        attempts.append(attempt)
        return replace(node, courier=courier(node, store=Late(world.storage), audit=node.audit))

    attempts: list[Attempt] = []
    ends_late(world, node, config, build, said="storage doesn't answer" if away else "the attempt ends")


def test_asked_to_stop_a_node_still_stores_and_sends_what_is_done(world: World, node: Node, config: NodeConfig) -> None:
    class Stopping(LocalStore):
        def put(self, source: Path, *, stop: threading.Event | None = None) -> Digest:
            attempt.ending.request(StopReason.HAND_BACK)
            return super().put(source, stop=stop)

    task = world.train(TRAIN)
    attempt = claimed(task, node, config)
    run_task(attempt, replace(node, courier=courier(node, store=Stopping(world.storage), audit=node.audit)))
    assert attempt.ending.reason is StopReason.HAND_BACK
    assert world.submission(task).state is SubmissionState.ACCEPTED
    known = world.chain.assignment(node.chain.account, task)
    assert known is not None
    assert known.state is AssignmentState.SUBMITTED
