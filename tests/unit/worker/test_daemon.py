"""The daemon refuses, hands back, resumes and cleans up; over a real chain and in-memory adapters."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from node_runtime.creator.live import LiveLog, progress_of
from node_runtime.creator.results import list_task_results
from node_runtime.domain.admission import admit, admitted_document
from node_runtime.domain.assets import Digest
from node_runtime.domain.clock import Clock, steady_clock
from node_runtime.domain.live import ChunkName
from node_runtime.domain.task import Assignment, AssignmentState, PlanId, SubmissionState, TaskId
from node_runtime.runner.plan_folders import PlanKey
from node_runtime.runner.result_document import FILE_NAME as RESULT
from node_runtime.runner.result_document import ResultDocument
from node_runtime.runner.workspace import AttemptId
from node_runtime.substrate.client import SubstrateChain
from node_runtime.substrate.memory import MemoryNetwork
from node_runtime.worker.assembly import selector_of
from node_runtime.worker.audit import AuditEvent
from node_runtime.worker.audit_check import verified
from node_runtime.worker.daemon import Daemon
from node_runtime.worker.inputs import uses_private_data
from node_runtime.worker.node import Node
from node_runtime.worker.private_data import list_samples, remove_sample
from node_runtime.worker.recovery import sweep
from node_runtime.worker.times import Pace
from tests.background import LIMIT, in_background, wait_until
from tests.unit.worker.faults_room import Crash, Fault, Room


@pytest.fixture(scope="module")
def network() -> Iterator[MemoryNetwork]:
    with MemoryNetwork() as network:
        yield network


@pytest.fixture
def room(network: MemoryNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    told = threading.excepthook
    monkeypatch.setattr(threading, "excepthook", lambda args: None if args.exc_type is Crash else told(args))
    return Room(folder=tmp_path, creator=network.connect("//Alice"), network=network, key=f"//node{uuid4().hex[:12]}")


@contextmanager
def daemon_at_work(room: Room, node: Node, *, grace: float = 5.0) -> Iterator[Daemon]:
    """Run a daemon; stop it on exit and re-raise its error."""
    daemon = Daemon(node, selector_of(node, room.config), Pace(poll=0.01, grace=grace))
    running = in_background(lambda: daemon.run(lambda: None))
    try:
        yield daemon
    finally:
        daemon.stop()
        ended = running.exception(LIMIT)
    if ended is not None and not isinstance(ended, Crash):
        raise ended


@contextmanager
def at_work(room: Room, fault: Fault | None = None, *, grace: float = 5.0) -> Iterator[Node]:
    with room.node(fault) as (node, _process), daemon_at_work(room, node, grace=grace):
        yield node


def crash(room: Room, call: str, kind: str = "crash before") -> None:
    """Run one process of the daemon that crashes at this call."""
    with room.node(Fault(call=call, kind=kind)) as (node, process), daemon_at_work(room, node):
        wait_until(lambda: process.dead, "the crash")


def deeds(room: Room) -> list[AuditEvent]:
    return [entry.deed for entry in verified(room.folder / "work" / "audit.jsonl", [room.account])]


def is_(room: Room, task: TaskId, state: AssignmentState) -> Callable[[], bool]:
    def reached() -> bool:
        assignment = room.creator.assignment(room.account, task)
        return assignment is not None and assignment.state is state

    return reached


def refusals(said: list[EventDict]) -> set[str]:
    return {str(one["reason"]) for one in said if one["event"] == "task_refused"}


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ({"creators": []}, "creator_not_allowed"),
        ({"algos": []}, "algo_not_allowed"),
        ({"datasets": []}, "dataset_not_allowed"),
        ({"kinds": ["scoring"]}, "kind_not_allowed"),
    ],
)
def test_a_task_the_policy_forbids_is_refused_and_logged_once(
    room: Room, policy: dict[str, object], reason: str
) -> None:
    task = room.task()
    room.policy = {**room.policy, **policy}
    with capture_logs() as events, at_work(room):
        wait_until(lambda: bool(refusals(events)), "the refusal")
    assert refusals(events) == {reason}
    assert deeds(room).count(AuditEvent.REFUSAL) == 1
    assert room.creator.assignment(room.account, task) is None


def test_the_chain_is_asked_for_a_tasks_inputs_once_before_the_claim(room: Room) -> None:
    task = room.task()
    room.gate.set()
    with room.node() as (node, process), daemon_at_work(room, node):
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
    assert process.calls["chain.named_by"] == 1


def test_a_task_waits_for_its_operators_approval(room: Room) -> None:
    task = room.task()
    room.policy = {**room.policy, "approve": "manual"}
    room.gate.set()
    with capture_logs() as events, at_work(room) as node:
        wait_until(lambda: bool(refusals(events)), "the question")
        spec = room.creator.spec(task)
        assert spec is not None
        node.files.approved.mkdir(exist_ok=True)
        (node.files.approved / str(task)).write_text(spec.digest)
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")


def test_a_task_with_an_unavailable_image_is_claimed_once_the_image_exists(room: Room) -> None:
    task = room.task()
    sources = dict(room.host.sources)
    room.host.sources.clear()
    room.gate.set()
    with capture_logs() as events, at_work(room):
        wait_until(lambda: bool(refusals(events)), "the refusal")
        room.host.sources.update(sources)
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")


def test_inputs_that_are_not_in_storage_are_waited_for(room: Room) -> None:
    task = room.task()
    kept = dict(room.store._trees)  # type: ignore[attr-defined]
    room.store._trees.clear()  # type: ignore[attr-defined]
    room.gate.set()
    with capture_logs() as events, at_work(room):
        wait_until(lambda: bool(refusals(events)), "the refusal")
        room.store._trees.update(kept)  # type: ignore[attr-defined]
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")


def test_nothing_is_taken_while_the_engine_can_run_nothing(room: Room) -> None:
    task = room.task()
    room.gate.set()
    with room.node() as (node, _process), capture_logs() as events, daemon_at_work(room, node):
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the first result")
        room.host.trouble = "the engine hangs"
        second = room.task()
        wait_until(lambda: any(one["event"] == "nothing_taken" for one in events), "a word about it")
        assert room.creator.assignment(room.account, second) is None
        room.host.trouble = None
        wait_until(is_(room, second, AssignmentState.SUBMITTED), "the second result")
    assert any(one["event"] == "engine_available" for one in events)


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


def test_a_refused_claim_is_tried_again_later(room: Room) -> None:
    task = room.task()
    room.gate.set()
    with capture_logs() as events, at_work(room, Fault(call="chain.assign_task", kind="refused")):
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
    assert refusals(events) == {"claim_refused"}


def test_a_race_for_a_slot_that_another_node_wins_is_told_as_that(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    terms, claim = Room._terms, SubstrateChain.assign_task
    monkeypatch.setattr(Room, "_terms", lambda self, window: replace(terms(self, window), assignee=None))
    faster = room.network.connect("//Charlie")

    def after_the_faster(chain: SubstrateChain, task: TaskId) -> Assignment:
        if chain.account == room.account and faster.assignment(faster.account, task) is None:
            claim(faster, task)
        return claim(chain, task)

    monkeypatch.setattr(SubstrateChain, "assign_task", after_the_faster)
    task = room.task()
    room.gate.set()
    with capture_logs() as events, at_work(room):
        wait_until(lambda: refusals(events) == {"taken_by_others"}, "the lost race")
        held = faster.assignment(faster.account, task)
        assert held is not None
        faster.hand_back(task, held.epoch)
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result of the slot that is free again")
    (told,) = (one["message"] for one in events if one["event"] == "task_refused")
    assert told == "another node was faster: every slot of it is taken"


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


def test_a_node_with_a_large_clock_skew_claims_nothing(room: Room) -> None:
    room.task()
    clock = Clock(wall=lambda: 1_000_000_000_000)
    with capture_logs() as events, room.node(clock=clock) as (node, _process), daemon_at_work(room, node):
        wait_until(lambda: any(one["event"] == "nothing_taken" for one in events), "a word about it")
    assert room.runs == []


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


def test_private_samples_stay_and_so_do_their_logs(room: Room) -> None:
    task = room.task(private=True)
    room.gate.set()
    with at_work(room) as node:
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
        (submission,) = room.creator.submissions(task)
        assert [output.name for output in submission.result.outputs] == ["model"]
        assert list((node.work / "private-logs").iterdir())


def test_outputs_of_a_sample_that_is_removed_meanwhile_stay_private(room: Room) -> None:
    task = room.task(private=True)
    with at_work(room) as node:
        wait_until(lambda: bool(room.runs), "the program to run")
        (sample,) = list_samples(room.config, room.network.connect(room.key))
        remove_sample(room.config, sample)
        assert not node.cache.holds(sample.ref.digest)  # which another's asset of the same digest would be read from
        room.gate.set()
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
        (submission,) = room.creator.submissions(task)
        document = ResultDocument.decode(room.store.read_file(submission.result.digest, RESULT, limit=1 << 20))
        assert document.log_stays
        assert not room.store.has(Digest(document.log))
        assert (node.work / "private-logs" / document.log / "train.log").is_file()


def test_a_plans_local_folder_whose_state_is_unreadable_may_have_private_data(room: Room) -> None:
    number = room.task()
    with room.node() as (node, _process):
        record = node.chain.record(number)
        assert record is not None
        document = admitted_document(record.task, record.spec, node.store)
        admitted = admit(document, record.spec, node.chain)
        document = document.model_copy(update={"limits": document.limits.model_copy(update={"local": 1 << 20})})
        task = replace(record.task, terms=replace(record.task.terms, plan=PlanId(7)))
        key = PlanKey(creator=task.creator, plan=PlanId(7))
        node.workspaces.plans.take_turn(key, AttemptId(task=number, epoch=1), created=1)
        assert not uses_private_data(task, document, admitted, node)
        (state,) = node.work.rglob("plan.json")
        state.write_text("{")
        assert uses_private_data(task, document, admitted, node)


def test_a_defect_in_a_poll_is_logged_and_the_daemon_polls_again(room: Room) -> None:
    task = room.task()
    room.gate.set()
    with capture_logs() as events, at_work(room, Fault(call="chain.offers", kind="defect")):
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
    (told,) = [one for one in events if one["event"] == "poll_failed"]
    assert told["remedy"] == "report this bug of the daemon; it tries again by itself"


def test_a_defect_in_a_repeated_delivery_is_logged_and_delivery_retried(room: Room) -> None:
    task = room.task()
    room.gate.set()
    crash(room, "outbox.uploaded")
    with capture_logs() as events, at_work(room, Fault(call="outbox.uploaded", kind="defect")):
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
    (told,) = [one for one in events if one["event"] == "delivery_kept"]
    assert told["remedy"] == "report this bug of the daemon; it delivers again by itself"


def test_a_claimed_task_of_another_machine_with_the_same_key_is_left_alone(room: Room) -> None:
    task = room.task()
    room.network.connect(room.key).assign_task(task)
    with capture_logs() as events, at_work(room):
        wait_until(lambda: any(one["event"] == "assignment_of_another_daemon" for one in events), "a word about it")
    assert room.runs == []


def told(room: Room, task: TaskId) -> dict[str, str]:
    """What the task's attempt tells in storage: its stages with their logs so far."""
    assignment = room.creator.assignment(room.account, task)
    if assignment is None:
        return {}
    return {stage.name: stage.text for stage in LiveLog(room.store.live, assignment, room.creator.genesis).read()}


@pytest.mark.parametrize(("private", "text"), [(False, "begins\n"), (True, "")])
def test_a_running_attempt_tells_its_stage_and_unless_private_its_log(room: Room, private: bool, text: str) -> None:
    task = room.task(private=private)
    with at_work(room):
        wait_until(lambda: told(room, task).get("train") == text, "the stage")
        assignment = room.creator.assignment(room.account, task)
        assert assignment is not None
        (progress,) = progress_of([assignment], room.creator, room.store)
        assert progress.stage == "train"
        assert 0 <= (progress.stage_elapsed or 0) <= progress.elapsed
        assert progress.elapsed + progress.left == assignment.due - assignment.since
        room.gate.set()
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
    assert room.store.live.list("live/") == ()


def test_a_result_tells_the_seconds_of_each_step(room: Room) -> None:
    task = room.task()
    room.gate.set()
    with at_work(room):
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
    (result,) = list_task_results(room.creator, room.store, task)
    assert result.document is not None
    steps = result.document.steps
    assert steps is not None
    assert steps.run == round(sum(run.seconds for run in result.document.stages), 3)
    assert steps.inputs > 0
    assert steps.outputs > 0
    with room.node() as (node, _):
        (timings,) = node.timings.read()
    assert steps.image == round(timings.steps["prepare_images"], 3)


@pytest.mark.parametrize("end", ["failure", "hand back", "abort"])
def test_nothing_stays_told_of_an_attempt_without_a_result(room: Room, end: str) -> None:
    task = room.task(exits=3)
    with at_work(room, grace=0.0):
        wait_until(lambda: "train" in told(room, task), "the stage")
        match end:
            case "failure":
                room.gate.set()
                wait_until(is_(room, task, AssignmentState.FAILED), "the failure")
            case "abort":
                room.creator.cancel_task(task, abort=True)
                wait_until(lambda: room.store.live.list("live/") == (), "the channel to be empty")
    assert room.store.live.list("live/") == ()


def test_a_node_that_was_killed_goes_on_telling_after_its_start(room: Room) -> None:
    other = room.task()
    crash(room, "engine.run")
    name = ChunkName(worker=room.account, task=TaskId(other + 1000), epoch=1, number=0)
    room.store.live.put(str(name), b"left by an earlier process")
    with at_work(room):
        wait_until(lambda: told(room, other).get("train") == "begins\n", "the log")
        wait_until(lambda: room.store.live.read(str(name)) is None, "what was left to be removed")
        room.gate.set()
        wait_until(is_(room, other, AssignmentState.SUBMITTED), "the result")
    assert room.store.live.list("live/") == ()
