"""What a daemon tells of its attempts, and what stays private; over a real chain and in-memory adapters."""

from dataclasses import replace

import pytest

from node_runtime.creator.live import progress_of
from node_runtime.creator.results import list_task_results
from node_runtime.domain.admission import admit, admitted_document
from node_runtime.domain.assets import Digest
from node_runtime.domain.live import ChunkName
from node_runtime.domain.task import AssignmentState, PlanId, TaskId
from node_runtime.runner.plan_folders import PlanKey
from node_runtime.runner.result_document import FILE_NAME as RESULT
from node_runtime.runner.result_document import ResultDocument
from node_runtime.runner.workspace import AttemptId
from node_runtime.worker.inputs import uses_private_data
from node_runtime.worker.private_data import list_samples, remove_sample
from tests.background import wait_until
from tests.unit.worker.daemon_room import at_work, crash, is_, told
from tests.unit.worker.faults_room import Room


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
        admitted = admit(document, record, node.chain)
        document = document.model_copy(update={"limits": document.limits.model_copy(update={"local": 1 << 20})})
        task = replace(record.task, terms=replace(record.task.terms, plan=PlanId(7)))
        key = PlanKey(creator=task.creator, plan=PlanId(7))
        node.workspaces.plans.take_turn(key, AttemptId(task=number, epoch=1), created=1)
        assert not uses_private_data(task, document, admitted, node)
        (state,) = node.work.rglob("plan.json")
        state.write_text("{")
        assert uses_private_data(task, document, admitted, node)


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
    with room.node() as (node, _):
        (timings,) = node.timings.read()
    assert steps.image == round(timings.steps["prepare_images"], 3)
    assert steps.inputs == round(timings.steps["fetch_inputs"], 3)
    assert 0 <= steps.outputs <= round(timings.steps["collect_outputs"], 3)


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
