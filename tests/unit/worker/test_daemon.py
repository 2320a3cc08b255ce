"""The daemon ends, hands back, resumes and cleans up; over a real chain and in-memory adapters."""

import threading
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from node_runtime.domain.clock import Clock, steady_clock
from node_runtime.domain.task import AssignmentState, SubmissionState, TaskId
from node_runtime.runner.workspace import AttemptId
from node_runtime.worker.audit import AuditEvent
from node_runtime.worker.audit_check import verified
from node_runtime.worker.metrics import DONE, INTERRUPTED
from node_runtime.worker.recovery import sweep
from tests.background import LIMIT, wait_until
from tests.unit.worker.daemon_room import at_work, crash, daemon_at_work, deeds, is_
from tests.unit.worker.faults_room import Fault, Room

ATTEMPTS = "node_runtime_attempts_total"


def test_an_aborted_attempt_is_ended_and_its_pay_is_noted(room: Room) -> None:
    task = room.task()
    with at_work(room):
        wait_until(lambda: bool(room.runs), "the program to run")
        room.creator.cancel_task(task, abort=True)
        wait_until(lambda: not room.host.containers, "the container to be removed")
    assert is_(room, task, AssignmentState.ABORTED)()
    assert AuditEvent.PAYMENT in deeds(room)


def test_a_rejected_result_is_noted_and_forgotten(room: Room) -> None:
    task = room.task(window=60_000)
    room.gate.set()
    with room.node() as (node, _process), daemon_at_work(room, node):
        wait_until(lambda: bool(node.outbox.undecided()), "the result to be sent")
        (submission,) = room.creator.submissions(task)
        assert submission.state is SubmissionState.UNDER_REVIEW
        room.creator.reject_task_results(task, submission.id, "not what was asked")
        wait_until(lambda: not node.outbox.undecided(), "the rejection to be noted")
    assert AuditEvent.REJECTION in deeds(room)


def test_a_task_the_policy_forbids_after_its_claim_is_handed_back(room: Room) -> None:
    task = room.task()
    crash(room, "engine.run")
    room.policy = {**room.policy, "creators": []}
    with at_work(room):
        wait_until(is_(room, task, AssignmentState.HANDED_BACK), "the slot to be given back")
    assert (room.runs, room.host.containers) == ([], {})


def test_a_task_whose_document_the_policy_forbids_after_its_claim_is_handed_back(room: Room) -> None:
    task = room.task()
    crash(room, "engine.run")
    room.policy = {**room.policy, "algos": []}
    with at_work(room):
        wait_until(is_(room, task, AssignmentState.HANDED_BACK), "the slot to be given back")


def test_a_document_that_can_not_be_read_after_a_restart_is_waited_for(room: Room) -> None:
    task = room.task()
    crash(room, "engine.run")
    spec = room.creator.spec(task)
    assert spec is not None
    kept = room.store._trees.pop(spec.digest)  # type: ignore[attr-defined]
    room.gate.set()
    with capture_logs() as events, at_work(room):
        wait_until(lambda: any(one["event"] == "resume_failed" for one in events), "a word about it")
        room.store._trees[spec.digest] = kept  # type: ignore[attr-defined]
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")


def test_the_result_of_an_aborted_attempt_is_dropped(room: Room) -> None:
    task = room.task()
    room.gate.set()
    crash(room, "outbox.uploaded")
    room.creator.cancel_task(task, abort=True)
    with capture_logs() as events, room.node() as (node, _process), daemon_at_work(room, node):
        wait_until(lambda: any(one["event"] == "result_too_late" for one in events), "a word about it")
        wait_until(lambda: not node.workspaces.attempts(), "its folder to be removed")
    assert room.creator.submissions(task) == ()


def test_a_result_that_the_chain_refuses_is_unwanted(room: Room) -> None:
    task = room.task()
    room.gate.set()
    refused = Fault(call="chain.send_task_result", kind="refused")
    with capture_logs() as events, room.node(refused) as (node, _process), daemon_at_work(room, node):
        wait_until(lambda: any(one["event"] == "result_unwanted" for one in events), "a word about it")
        wait_until(lambda: not node.workspaces.attempts(), "its folder to be removed")
    assert room.creator.submissions(task) == ()
    assert AuditEvent.ENDED in deeds(room)


def test_outputs_that_changed_after_they_were_packed_become_a_report(room: Room) -> None:
    task = room.task()
    room.gate.set()
    crash(room, "store.put")
    (model,) = (room.folder / "work").rglob("model/model")
    model.write_text("changed\n")
    with at_work(room):
        wait_until(is_(room, task, AssignmentState.FAILED), "the report")
    assignment = room.creator.assignment(room.account, task)
    assert assignment is not None
    assert assignment.category == "node_error"


def test_an_attempt_that_would_lapse_is_ended_and_reported(room: Room) -> None:
    """An attempt's time is measured by this machine's steady clock."""
    task, ahead = room.task(), threading.Event()
    clock = Clock(steady=lambda: steady_clock() + (2 * 3_600_000 if ahead.is_set() else 0))
    with room.node(clock=clock) as (node, _process), daemon_at_work(room, node):
        wait_until(lambda: bool(room.runs), "the program to run")
        ahead.set()
        wait_until(is_(room, task, AssignmentState.FAILED), "the report")


def test_a_second_stop_request_skips_the_grace_period(room: Room) -> None:
    task = room.task()
    with room.node() as (node, _process), daemon_at_work(room, node, grace=LIMIT) as daemon:
        wait_until(lambda: bool(room.runs), "the program to run")
        daemon.stop()
        daemon.stop()
        wait_until(is_(room, task, AssignmentState.HANDED_BACK), "the slot to be given back")


def test_a_run_that_the_daemons_stop_ends_is_told_as_stopped_and_handed_back(room: Room) -> None:
    task = room.task()
    with capture_logs() as events, at_work(room, grace=0.0):
        wait_until(lambda: bool(room.runs), "the program to run")
    assert is_(room, task, AssignmentState.HANDED_BACK)()
    assert [one["failure"] for one in events if one["event"] == "container_ended"] == ["stopped"]
    entries = verified(room.folder / "work" / "audit.jsonl", [room.account])
    assert [entry.detail.rpartition(", ")[2] for entry in entries if entry.deed is AuditEvent.RUN] == ["stopped"]
    assert "policy" not in f"{events} {entries}"


def test_threads_that_exceed_the_shutdown_timeout_are_abandoned_and_logged(room: Room) -> None:
    room.task()
    with capture_logs() as events, room.node() as (node, _process):
        hasty = replace(node, times=replace(node.times, drain_timeout=0.3, poll_timeout=0.1, log_interval=0.05))
        stuck = threading.Event()
        hasty = replace(hasty, workspaces=Waiting(node.workspaces, stuck))  # type: ignore[arg-type]
        try:
            with daemon_at_work(room, hasty, grace=0):
                wait_until(lambda: bool(room.runs), "the program to run")
        finally:
            stuck.set()
            wait_until(lambda: not node.workspaces.attempts(), "the folder to be removed")
    assert any(one["event"] == "threads_abandoned" for one in events)
    assert any(one["event"] == "stopping" and "waits_for" in one for one in events)


class Waiting:
    """Workspaces whose removal blocks until the event is set, as with a hanging engine."""

    def __init__(self, workspaces: object, event: threading.Event) -> None:
        self._workspaces, self._event = workspaces, event

    def __getattr__(self, name: str) -> object:
        return getattr(self._workspaces, name)

    def remove(self, attempt: object) -> None:
        self._event.wait(LIMIT)
        self._workspaces.remove(attempt)  # type: ignore[attr-defined]


def test_sweep_removes_the_same_as_a_start_and_starts_nothing(room: Room) -> None:
    task = room.task()
    room.gate.set()
    crash(room, "outbox.pack")
    with room.node() as (node, _process):
        assert (sweep(node).containers, sweep(node).workspaces) == (0, 0)  # the attempt is live
        room.creator.cancel_task(task, abort=True)
        swept = sweep(node)
        assert (swept.containers, swept.workspaces) == (1, 1)


def test_attempts_of_another_chain_are_removed_except_packed_ones(room: Room) -> None:
    room.task()
    with room.node() as (node, _process):
        other = replace(node.files, mark="0" * 12)
        workspaces = other.workspaces(node.engine)
        workspaces.open(AttemptId(task=TaskId(7), epoch=1))
        assert sweep(node).workspaces == 1
        assert workspaces.attempts() == ()


def test_a_defect_in_a_repeated_delivery_is_logged_and_delivery_retried(room: Room) -> None:
    task = room.task()
    room.gate.set()
    crash(room, "outbox.uploaded")
    with capture_logs() as events, at_work(room, Fault(call="outbox.uploaded", kind="defect")):
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
    (told,) = [one for one in events if one["event"] == "delivery_kept"]
    assert told["remedy"] == "report this bug of the daemon; it delivers again by itself"


@pytest.mark.parametrize("again", [False, True], ids=["attempt", "repeated delivery"])
def test_a_delivered_result_counts_although_its_workspace_can_not_be_removed_at_once(room: Room, again: bool) -> None:
    task = room.task()
    room.gate.set()
    if again:
        crash(room, "outbox.uploaded")
    with capture_logs() as events, at_work(room, Fault(call="engine.close_folder", kind="unavailable")) as node:
        wait_until(lambda: is_(room, task, AssignmentState.SUBMITTED)() and not node.workspaces.attempts(), "the end")
    counted = {one: node.metrics.registry.get_sample_value(ATTEMPTS, {"outcome": one}) for one in (DONE, INTERRUPTED)}
    assert counted == {DONE: 1, INTERRUPTED: 0}
    (left,) = [one for one in events if one["event"] == "workspace_left"]
    assert left["remedy"] == "see that it runs"
    assert not [one for one in events if one["event"] in ("delivery_kept", "attempt_interrupted")]


def test_a_packed_result_whose_folder_can_not_be_opened_again_is_kept_until_it_can(room: Room) -> None:
    task = room.task()
    room.gate.set()
    crash(room, "outbox.uploaded")
    with capture_logs() as events, at_work(room, Fault(call="engine.reopen_folder", kind="unavailable")):
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
    assert [one["remedy"] for one in events if one["event"] == "delivery_kept"] == ["see that it runs"]
