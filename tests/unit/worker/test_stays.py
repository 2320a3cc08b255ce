"""What an attempt saw keeps what it leaves on the node, also once chain and node have forgotten why."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.creator.results import staying
from node_runtime.devnet.sealing import wall_clock
from node_runtime.domain.admission import admit, admitted_document
from node_runtime.domain.assets import Digest
from node_runtime.domain.document import FILE_NAME
from node_runtime.domain.permissions import Right
from node_runtime.domain.task import AssignmentState, TaskId
from node_runtime.runner.plan_folders import PlanKey
from node_runtime.runner.result_document import FILE_NAME as RESULT
from node_runtime.runner.result_document import ResultDocument
from node_runtime.runner.stays import EVERYTHING, NOTHING, Stays
from node_runtime.runner.workspace import AttemptId, Workspace
from node_runtime.stores import open_local_store
from node_runtime.substrate.memory import MemoryNetwork
from node_runtime.worker.assembly import selector_of
from node_runtime.worker.attempt import Attempt
from node_runtime.worker.inputs import uses_private_data
from node_runtime.worker.node import Node
from node_runtime.worker.plans import begin_in_plan, remove_ended
from node_runtime.worker.private_data import private_store_folder
from node_runtime.worker.recovery import resume_attempt
from node_runtime.worker.resources import Reservation, demand_of
from node_runtime.worker.rights import Kept, kept_here, rights_on_outputs, stays_by_inputs
from tests.background import wait_until
from tests.unit.worker.daemon_room import at_work, is_, told
from tests.unit.worker.faults_room import HOUR, Room

KEPT_WEEKS = 8 * 24 * HOUR  # more than the chain keeps the records of a final task


class Later:
    """A room whose chain begins in the past; its plan's local folder was written there, and the writer has ended."""

    def __init__(self, network: MemoryNetwork, ago: list[int], folder: Path) -> None:
        self.room = Room(folder=folder, creator=network.connect("//Alice"), network=network, key="//later")
        creator = self.room.creator
        self.plan = creator.create_plan()
        self.key = PlanKey(creator=creator.account, plan=self.plan)
        self.writer = self.room.task(plan=self.plan)
        task = creator.task(self.writer)
        assert task is not None
        self._created = task.created
        creator.cancel_task(self.writer, abort=False)
        ago[0] = 0
        creator.pay(self.room.account, 1)  # a block of now

    def wrote(self, node: Node, stays: Stays) -> None:
        """Leave what the writer left, when it still was on chain."""
        plans, attempt = node.workspaces.plans, AttemptId(task=self.writer, epoch=1)
        content = self.room.folder / "content"
        content.mkdir()
        (content / "state").write_text("of private data")
        assert plans.take_turn(self.key, attempt, created=self._created, stays=stays)
        plans.hand_in(self.key, attempt, content)
        plans.end_turn(attempt, commit=True)

    def purge(self) -> None:
        self.room.creator.purge_task(self.writer)
        assert self.room.creator.task(self.writer) is None


@pytest.fixture
def later(tmp_path: Path) -> Iterator[Later]:
    ago = [KEPT_WEEKS]
    with MemoryNetwork(clock=lambda: wall_clock() - ago[0]) as network:
        yield Later(network, ago, tmp_path)


def attempt_of(node: Node, number: TaskId) -> Attempt:
    """Claim the task as the daemon does, without running it."""
    record = node.chain.record(number)
    assert record is not None
    document = admitted_document(record.task, record.spec, node.store)
    reservation = node.pool.admit(demand_of(document))
    assert isinstance(reservation, Reservation)
    return Attempt(
        task=record.task,
        document=document,
        admitted=admit(document, record, node.chain),
        assignment=node.chain.assign_task(number),
        reservation=reservation,
        seen=0.0,
        began=node.time.clock.steady(),
    )


def opened(attempt: Attempt, node: Node) -> Workspace:
    """Open the attempt's workspace as its journey begins."""
    workspace = node.workspaces.open(attempt.id)
    workspace.note(stays_by_inputs(attempt, node))
    return workspace


def kept_model_given(attempt: Attempt, room: Room, node: Node) -> Attempt:
    """Return the attempt as one that takes a model which this node made and kept."""
    (room.folder / "kept").write_text("a model")
    own = frozenset({node.private.put(room.folder / "kept")})
    return replace(attempt, admitted=replace(attempt.admitted, own=own))


def test_what_a_purged_task_left_in_a_local_folder_keeps_the_model_and_the_logs(later: Later) -> None:
    room = later.room
    with room.node() as (node, _):
        later.wrote(node, Stays(models=True, logs=True))
    reader = room.task(plan=later.plan)
    with at_work(room) as node:
        wait_until(lambda: bool(room.runs), "the program to run")
        later.purge()
        wait_until(lambda: "train" in told(room, reader), "the stage")
        assert told(room, reader)["train"] == ""
        room.gate.set()
        wait_until(is_(room, reader, AssignmentState.SUBMITTED), "the result")
        (submission,) = room.creator.submissions(reader)
        document = ResultDocument.decode(room.store.read_file(submission.result.digest, RESULT, limit=1 << 20))
        assert staying(document) == ("model", "logs")
        assert not room.store.has(Digest(document.log))
        model = submission.result.output("model")
        assert model is not None
        assert (room.store.has(model), node.private.has(model)) == (False, True)


def test_a_purge_of_all_writers_leaves_the_folder_of_an_open_plan_and_its_marks(later: Later) -> None:
    reader = later.room.task(plan=later.plan)
    with later.room.node() as (node, _):
        later.wrote(node, Stays(private=True))
        later.purge()
        assert remove_ended(node, [later.key]) == 0
        attempt = attempt_of(node, reader)
        assert uses_private_data(attempt.task, attempt.document, attempt.admitted, node)
        workspace = opened(attempt, node)
        assert begin_in_plan(attempt, workspace, node)
        assert (workspace.local / "state").read_text() == "of private data"


def test_a_snapshot_stays_private_when_the_plans_folder_is_gone(later: Later) -> None:
    reader = later.room.task(plan=later.plan)
    with later.room.node() as (node, _):
        later.wrote(node, Stays(private=True))
        attempt = attempt_of(node, reader)
        workspace = opened(attempt, node)
        assert kept_here(attempt, node).models is False
        assert begin_in_plan(attempt, workspace, node)
        node.workspaces.plans.remove(later.key)
        assert not uses_private_data(attempt.task, attempt.document, attempt.admitted, node)
        assert kept_here(attempt, node) == Kept(outputs=True, models=False, logs=True, live_logs=True)


@pytest.mark.parametrize("stays", [NOTHING, Stays(models=True)])
def test_what_a_writer_gave_holds_when_the_chain_has_forgotten_it(later: Later, stays: Stays) -> None:
    """A creator can purge tasks, and must not make an honest worker keep what everyone may have by that."""
    reader = later.room.task(plan=later.plan)
    with later.room.node() as (node, _):
        later.wrote(node, stays)
        attempt = attempt_of(node, reader)
        assert begin_in_plan(attempt, opened(attempt, node), node)
        later.purge()
        given = rights_on_outputs(attempt.task, attempt.document, attempt.admitted, node)
        assert given.is_public(Right.DOWNLOAD) is not stays.models


def test_a_task_on_a_model_that_was_kept_here_marks_its_plans_folder(later: Later) -> None:
    writer, reader = later.room.task(plan=later.plan), later.room.task(plan=later.plan)
    with later.room.node() as (node, _):
        attempt = kept_model_given(attempt_of(node, writer), later.room, node)
        assert begin_in_plan(attempt, opened(attempt, node), node)
        state = node.workspaces.plans.state(later.key)
        assert state is not None
        assert state.stays == EVERYTHING
        node.workspaces.plans.end_turn(attempt.id, commit=False)
        node.pool.release(attempt.reservation)
        other = attempt_of(node, reader)
        given = rights_on_outputs(other.task, other.document, other.admitted, node)
        assert not given.is_public(Right.DOWNLOAD)
        assert not given.is_public(Right.LOGS)


def test_the_folder_of_an_ended_plan_stays_while_an_attempt_has_a_workspace(later: Later) -> None:
    reader = later.room.task(plan=later.plan)
    with later.room.node() as (node, _):
        later.wrote(node, NOTHING)
        attempt = AttemptId(task=reader, epoch=1)
        node.workspaces.open(attempt)
        later.room.creator.cancel_task(reader, abort=True)
        assert remove_ended(node, [later.key]) == 0
        node.workspaces.remove(attempt)
        assert remove_ended(node, [later.key]) == 1


def test_a_task_on_a_model_that_was_kept_here_is_one_on_private_data_also_when_it_is_removed(room: Room) -> None:
    with room.node() as (node, _):
        public = attempt_of(node, room.task())
        assert kept_here(public, node) == Kept(outputs=False, models=False, logs=False, live_logs=False)
        attempt = kept_model_given(public, room, node)
        (model,) = attempt.admitted.own
        assert uses_private_data(attempt.task, attempt.document, attempt.admitted, node)
        all_of_it = Kept(outputs=True, models=True, logs=True, live_logs=True)
        assert kept_here(attempt, node) == all_of_it
        opened(attempt, node)
        open_local_store(private_store_folder(room.config)).remove(model)
        assert not node.private.has(model)
        assert kept_here(attempt, node) == all_of_it


def test_a_running_attempt_has_noted_what_stays_and_is_resumed_as_such(room: Room) -> None:
    task = room.task(private=True)
    with at_work(room, grace=0.0) as node:
        wait_until(lambda: bool(room.runs), "the program to run")
        assignment = room.creator.assignment(room.account, task)
        assert assignment is not None
        assert node.workspaces.stays(AttemptId(task=task, epoch=assignment.epoch)) == Stays(private=True)
        room.gate.set()
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")


@pytest.mark.parametrize("noted", [NOTHING, EVERYTHING])
def test_an_attempt_is_resumed_beside_others_by_its_note(room: Room, noted: Stays) -> None:
    with room.node() as (node, _):
        attempt = attempt_of(node, room.task())
        node.pool.release(attempt.reservation)
        node.workspaces.open(attempt.id).note(noted)
        resumed = resume_attempt(attempt.assignment, node, selector_of(node, room.config))
        assert resumed is not None
        assert resumed.reservation.private is noted.private


def test_logs_of_an_attempt_whose_document_is_unreadable_stay(room: Room) -> None:
    room.policy["share_logs"] = True
    (room.folder / FILE_NAME).write_text("{")
    digest = room.store.put(room.folder / FILE_NAME)
    spec = room.creator.spec(room.task())
    assert spec is not None
    number = room.creator.create_task(room._terms(window=0), replace(spec, digest=digest))
    with room.node() as (node, _):
        assignment = node.chain.assign_task(number)
        workspace = node.workspaces.open(AttemptId(task=number, epoch=assignment.epoch))
        (workspace.logs / "train.log").write_text("of an earlier process: a secret\n")
        assert resume_attempt(assignment, node, selector_of(node, room.config)) is None
        (delivery,) = node.outbox.undelivered()
        assert delivery.category is not None
        assert delivery.uploads == ()
        assert not room.store.has(Digest(delivery.log))
