"""A node keeps its unfinished work while it is connected to another chain, and resumes it on its own chain."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node_runtime.worker.audit import AuditEvent
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import REWARD, TRAIN, WAITS, World, open_world, wait_for

StartDaemon = Callable[..., DaemonProcess]

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture
def other(tmp_path: Path) -> Iterator[World]:
    """Start another chain with a separate store and another genesis."""
    with open_world(tmp_path / "other", "--preset", "local_testnet") as world:
        yield world


def test_nothing_of_one_chain_reaches_another_and_both_get_their_results(
    world: World, other: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon(slots=2)
    before = daemon.wealth()
    packed = world.train(f"{WAITS}; {TRAIN}")
    running = world.train(f"test -e /sandbox/model/begun && exit 3; touch /sandbox/model/begun; {WAITS}; {TRAIN}")
    wait_for(lambda: len(daemon.containers(running=True)) == 2, "both containers")

    away = world.storage.with_name("away")
    world.storage.rename(away)
    world.storage.touch()  # a file, so that no folder can be created there

    def serve_the_other_chain() -> None:
        daemon.let_go(packed)
        wait_for(lambda: "delivery_retried" in daemon.log_text(), "the first result to wait for its storage")
        daemon.kill()
        elsewhere = start_daemon(chain=other.devnet.url, storage=other.storage)
        same_number = other.train("echo trained elsewhere > /sandbox/model/model")
        assert same_number == packed
        assert other.model_of(same_number) == "trained elsewhere\n"
        assert len(other.chain.submissions(same_number)) == 1
        assert other.chain.task(running) is None
        wait_for(lambda: elsewhere.containers() == [], "no container of the first chain to be left")
        elsewhere.kill()
        world.storage.unlink()
        away.rename(world.storage)

    world.restart_chain(serve_the_other_chain)
    daemon = start_daemon(slots=2)
    daemon.let_go(running)
    assert world.model_of(packed) == "trained\n"
    assert world.model_of(running) == "trained\n"
    wait_for(lambda: daemon.wealth() - before > 1.9 * REWARD, "both rewards")
    assert daemon.wealth() - before <= 2 * REWARD
    assert daemon.deeds(AuditEvent.FAILURE) == []


def test_a_container_of_one_chain_is_not_adopted_for_the_same_number_on_another(
    world: World, other: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon(chain=other.devnet.url, storage=other.storage)
    theirs = other.train(f"{WAITS}; echo trained elsewhere > /sandbox/model/model")
    daemon.container_of(theirs)
    daemon.kill()

    daemon = start_daemon()
    ours = world.train(f"{TRAIN}; exec sleep 3600")
    wait_for(lambda: daemon.containers(running=True), "the container for this chain")
    daemon.kill()
    assert ours == theirs

    daemon = start_daemon(chain=other.devnet.url, storage=other.storage)
    daemon.let_go(theirs)
    assert other.model_of(theirs) == "trained elsewhere\n"
    assert len(other.chain.submissions(theirs)) == 1


def test_an_approval_holds_for_the_chain_it_was_given_on(world: World, other: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon(approve="manual", chain=other.devnet.url, storage=other.storage)
    script = f"{TRAIN}; true the same task on both chains"
    approved = other.train(script)
    wait_for(lambda: daemon.deeds(AuditEvent.REFUSAL), "the task to wait for approval")
    assert daemon.command("approve", str(approved)).returncode == 0
    assert other.model_of(approved) == "trained\n"
    daemon.kill()

    daemon = start_daemon(approve="manual")
    same = world.train(script)
    known, twin = world.chain.spec(same), other.chain.spec(approved)
    assert known is not None
    assert twin is not None
    assert (same, known.digest) == (approved, twin.digest)
    wait_for(lambda: len(daemon.deeds(AuditEvent.REFUSAL)) == 2, "the task to wait for approval")
    assert world.chain.assignment(daemon.account, same) is None
