"""A daemon runs tasks end to end, and recovers from kills and lost connections."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pytest

from node_runtime.domain.task import UNIT, AssignmentState, SubmissionState, Voucher
from node_runtime.worker.audit import AuditEvent
from node_runtime.worker.audit_check import verified
from node_runtime.worker.timings import EXIT_TO_CHAIN, SEEN_TO_STARTED, WHOLE
from tests.background import LIMIT
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import REWARD, TRAIN, WAITS, World, wait_for
from tests.e2e.persons_terminal import at_terminal

WHEN_TOLD = f"{WAITS}; {TRAIN}"
ENDLESS = "exec sleep 3600"
StartDaemon = Callable[..., DaemonProcess]

pytestmark = [pytest.mark.docker, pytest.mark.slow]


def test_training_and_scoring_are_run_and_paid(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    before = daemon.wealth()
    training, scoring = world.train(), world.score()

    trained, scored = world.submission(training), world.submission(scoring)
    assert trained.state is SubmissionState.ACCEPTED
    assert scored.score is not None
    assert scored.score.value == Decimal("0.9375")
    assert scored.score.voucher is Voucher.INDEPENDENT

    model = trained.result.output("model")
    assert model is not None
    world.store.fetch(model, world.folder / "fetched")
    assert (world.folder / "fetched" / "model").read_text() == "trained\n"
    wait_for(lambda: len(daemon.deeds(AuditEvent.PAYMENT)) == 2, "both payments in the audit file")
    assert 1.9 * REWARD < daemon.wealth() - before <= 2 * REWARD  # minus transaction fees
    wait_for(lambda: len(daemon.timings()) == 2, "the timings of both")
    for timings in daemon.timings():
        assert {"fetch_inputs", "upload", "submit", SEEN_TO_STARTED, EXIT_TO_CHAIN, WHOLE} <= set(timings.steps)
    assert daemon.stop() == 0
    assert len(verified(daemon.audit, {daemon.account})) >= 8
    assert daemon.containers() == []


def test_results_under_review_are_followed_to_their_end_across_a_restart(
    world: World, start_daemon: StartDaemon
) -> None:
    world.window = 3_600_000
    daemon = start_daemon()
    good, bad = world.train(), world.train()
    accepted, rejected = world.submission(good), world.submission(bad)
    assert accepted.state is rejected.state is SubmissionState.UNDER_REVIEW
    daemon.kill()
    world.chain.accept_task_results(good, accepted.id)
    world.chain.reject_task_results(bad, rejected.id, "the model says nothing")
    daemon = start_daemon()
    (payment,) = wait_for(lambda: daemon.deeds(AuditEvent.PAYMENT), "the payment")
    (rejection,) = wait_for(lambda: daemon.deeds(AuditEvent.REJECTION), "the rejection")
    assert payment.task == good
    assert rejection.task == bad
    assert "the model says nothing" in rejection.detail


def test_two_tasks_run_at_once_in_two_slots(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon(slots=2)
    first, second = world.train(WHEN_TOLD), world.train(WHEN_TOLD)
    wait_for(lambda: len(daemon.containers(running=True)) == 2, "two containers at the same time")
    daemon.let_go(first, second)
    assert world.submission(first).state is SubmissionState.ACCEPTED
    assert world.submission(second).state is SubmissionState.ACCEPTED


def test_killed_during_training_the_next_daemon_adopts_the_same_container(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    before = daemon.wealth()
    task = world.train(WHEN_TOLD)
    container = daemon.container_of(task)
    daemon.kill()

    daemon = start_daemon()
    wait_for(lambda: "container_found" in daemon.log_text(), "the new daemon to find the container")
    assert daemon.containers() == [container]
    daemon.let_go(task)
    assert world.submission(task).epoch == 1
    wait_for(lambda: daemon.deeds(AuditEvent.PAYMENT), "the payment")
    assert len(world.chain.submissions(task)) == 1
    assert len(daemon.deeds(AuditEvent.RUN)) == 1
    assert 0.9 * REWARD < daemon.wealth() - before <= REWARD
    wait_for(lambda: daemon.containers() == [], "the container to be removed")


def test_killed_again_and_again_it_loses_no_task_and_is_paid_for_each_once(
    world: World, start_daemon: StartDaemon
) -> None:
    moments = random.Random(20)  # seconds until each kill, random so that every step is hit over time
    daemon = start_daemon(slots=2)
    before = daemon.wealth()
    tasks = [world.train(f"sleep 0.5; {TRAIN}") for _ in range(8)]
    for _ in range(8):
        time.sleep(moments.uniform(0.1, 1.5))
        daemon.kill()
        daemon = start_daemon(slots=2)
    for task in tasks:
        assert world.submission(task).state is SubmissionState.ACCEPTED
        assert len(world.chain.submissions(task)) == 1
    assert 7.9 * REWARD < daemon.wealth() - before <= 8 * REWARD
    wait_for(lambda: daemon.containers() == [] and daemon.workspaces() == [], "nothing to be left over")
    assert len(verified(daemon.audit, {daemon.account})) > 8


def test_asked_to_stop_it_hands_back_what_cannot_finish(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon(grace=1)
    task = world.train(ENDLESS)
    wait_for(daemon.containers, "the container")
    assert daemon.stop() == 0
    world.wait_for_attempt(daemon.account, task, AssignmentState.HANDED_BACK)
    assert daemon.containers() == []
    known = world.chain.task(task)
    assert known is not None
    assert known.free_slots == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop_it_finishes_what_ends_within_the_grace(
    world: World, start_daemon: StartDaemon, number: signal.Signals
) -> None:
    daemon = start_daemon(grace=3600)
    task = world.train(WHEN_TOLD)
    daemon.container_of(task)
    daemon.process.send_signal(number)
    wait_for(lambda: "stopping" in daemon.log_text(), "the daemon to be stopping")
    daemon.let_go(task)
    assert daemon.wait() == 0
    assert world.submission(task).state is SubmissionState.ACCEPTED


def test_a_daemon_whose_terminal_is_closed_hands_back_what_it_holds(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon(grace=1)
    assert daemon.stop() == 0
    config = daemon.work.parent / "node.yaml"
    home = os.environ | {"NODE_RUNTIME_HOME": str(config.parents[1] / "home")}
    with at_terminal("daemon", "--config", str(config), folder=config.parent, environment=home) as terminal:
        terminal.waits_for("ready")
        task = world.train(WHEN_TOLD)
        daemon.container_of(task)
        terminal.closes()
        assert terminal.process.wait(LIMIT) == 0
    assert daemon.containers() == []
    known = world.chain.task(task)
    assert known is not None
    assert known.free_slots == 1


def test_an_aborted_attempt_is_paid_for_its_time_and_its_container_stopped(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    before = daemon.wealth()
    task = world.train(ENDLESS)
    wait_for(daemon.containers, "the container")
    world.chain.cancel_task(task, abort=True)
    wait_for(lambda: daemon.containers() == [], "the container to be stopped")
    world.wait_for_attempt(daemon.account, task, AssignmentState.ABORTED)
    assert world.chain.submissions(task) == ()
    wait_for(lambda: daemon.deeds(AuditEvent.PAYMENT), "the payment in the audit file")
    ended = world.chain.assignment(daemon.account, task)
    assert ended is not None
    assert 0 < ended.paid < REWARD
    fees = UNIT // 10
    assert ended.paid - fees < daemon.wealth() - before <= ended.paid


def test_a_container_whose_attempt_ended_while_the_daemon_was_dead_is_reaped(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    task = world.train(ENDLESS)
    wait_for(daemon.containers, "the container")
    daemon.kill()
    world.chain.cancel_task(task, abort=True)
    daemon = start_daemon()
    wait_for(lambda: daemon.containers() == [], "the orphan to be reaped")
    assert "container_reaped" in daemon.log_text()
    assert daemon.workspaces() == []


def test_the_chain_may_go_away_and_come_back_under_a_running_daemon(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    task = world.train(WHEN_TOLD)
    daemon.container_of(task)

    def end_the_container() -> None:
        daemon.let_go(task)
        wait_for(lambda: daemon.containers(running=True) == [], "the container's end")

    world.restart_chain(end_the_container)
    assert world.submission(task).state is SubmissionState.ACCEPTED
    later = world.train()
    assert world.submission(later).state is SubmissionState.ACCEPTED


def test_a_result_outlives_the_daemon_and_the_chain_being_down_together(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon()
    before = daemon.wealth()
    task = world.train(WHEN_TOLD)
    daemon.container_of(task)
    world.restart_chain(lambda: daemon.kill_with_its_result_in_the_box(task))
    daemon = start_daemon()
    assert world.submission(task).state is SubmissionState.ACCEPTED
    wait_for(lambda: daemon.deeds(AuditEvent.PAYMENT), "the payment")
    assert len(daemon.deeds(AuditEvent.RUN)) == 1
    assert 0.9 * REWARD < daemon.wealth() - before <= REWARD


def test_a_second_daemon_with_the_key_is_told_and_nothing_runs_twice(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    second = start_daemon(folder="second", wait=False)
    assert second.wait() == 2
    assert f"a daemon with account {daemon.account} already runs on this machine" in second.log_text()
    task = world.train()
    assert world.submission(task).epoch == 1
    assert len(daemon.deeds(AuditEvent.RUN)) == 1


def test_two_machines_with_one_key_share_the_work_and_run_nothing_twice(
    world: World, start_daemon: StartDaemon
) -> None:
    daemons = [start_daemon(), start_daemon(folder="elsewhere", machine="another")]
    tasks = [world.train() for _ in range(6)]
    for task in tasks:
        assert world.submission(task).state is SubmissionState.ACCEPTED
        assert len(world.chain.submissions(task)) == 1
    runs = [entry.task for daemon in daemons for entry in daemon.deeds(AuditEvent.RUN)]
    assert Counter(runs) == Counter(tasks)


def test_a_hold_of_another_machine_with_the_key_is_neither_run_nor_handed_back(
    world: World, start_daemon: StartDaemon
) -> None:
    first = start_daemon()
    task = world.train(WHEN_TOLD)
    first.container_of(task)
    second = start_daemon(folder="elsewhere", machine="another", grace=1, kinds=())
    assert "assignment_of_another_daemon" in second.log_text()
    assert "a daemon with the same key works elsewhere" in second.log_text()
    assert second.stop() == 0
    first.let_go(task)
    assert world.submission(task).state is SubmissionState.ACCEPTED
    assert second.deeds(AuditEvent.RUN) == []
    assert len(first.deeds(AuditEvent.RUN)) == 1


def test_killed_and_storage_away_at_the_start_the_attempt_waits_for_it(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    task = world.train(WHEN_TOLD)
    container = daemon.container_of(task)
    daemon.kill()
    trees, away = world.storage / "trees", world.storage / "away"
    trees.rename(away)  # the folder exists and is empty, as an unmounted mount point
    daemon = start_daemon()
    wait_for(lambda: "resume_failed" in daemon.log_text(), "the daemon to miss the document")
    assert daemon.containers() == [container]
    trees.rename(world.storage / "empty")
    away.rename(trees)
    daemon.let_go(task)
    assert world.submission(task).state is SubmissionState.ACCEPTED


def test_what_the_policy_does_not_allow_is_left_alone_and_the_reason_kept(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon(kinds=("scoring",))
    training = world.train()
    scoring = world.score()
    assert world.submission(scoring).state is SubmissionState.ACCEPTED
    assert world.chain.assignment(daemon.account, training) is None
    daemon = start_daemon(folder="picky", key="//Charlie", creators=(daemon.account,))
    wait_for(lambda: daemon.deeds(AuditEvent.REFUSAL), "the refusal in the audit file")
    assert "creator_not_allowed" in daemon.deeds(AuditEvent.REFUSAL)[0].detail
    assert daemon.stop(signal.SIGINT) == 0
