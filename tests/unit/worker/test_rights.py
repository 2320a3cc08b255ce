"""What a node refuses and keeps by the rights on a task's inputs; over a real chain and in-memory adapters."""

from dataclasses import replace

import pytest

from node_runtime.creator.results import list_task_results, staying
from node_runtime.domain.admission import admit, admitted_document
from node_runtime.domain.assets import Digest
from node_runtime.domain.document import Document
from node_runtime.domain.permissions import OWNER_ONLY, PUBLIC, Permissions, Right
from node_runtime.domain.task import AssignmentState, PlanId, Spec, Task, TaskId
from node_runtime.ports.chain import TaskRecord
from node_runtime.runner.plan_folders import PlanKey
from node_runtime.runner.stays import Stays
from node_runtime.runner.workspace import AttemptId
from node_runtime.worker.node import Node
from node_runtime.worker.reasons import Reason
from node_runtime.worker.rights import refuse_rights, rights_on_outputs
from tests.background import wait_until
from tests.unit.worker.daemon_room import at_work, is_, told
from tests.unit.worker.faults_room import Room


def test_models_and_logs_that_are_not_everyones_are_neither_stored_nor_told_live(room: Room) -> None:
    task = room.task(permissions=Permissions(download=(), logs=()))
    with at_work(room) as node:
        wait_until(lambda: "train" in told(room, task), "the stage")
        assert told(room, task)["train"] == ""
        room.gate.set()
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
        (result,) = list_task_results(room.creator, room.store, task)
        assert result.document is not None, result.trouble
        assert staying(result.document) == ("model", "logs")
        model = result.submission.result.output("model")
        assert model is not None
        assert (room.store.has(model), node.private.has(model)) == (False, True)
        assert not room.store.has(Digest(result.document.log))


def test_logs_stay_where_they_alone_are_not_everyones(room: Room) -> None:
    task = room.task(permissions=Permissions(logs=()))
    room.gate.set()
    with at_work(room):
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
    (result,) = list_task_results(room.creator, room.store, task)
    assert result.document is not None
    assert staying(result.document) == ("logs",)


@pytest.mark.parametrize(("permissions", "stays"), [(PUBLIC, ()), (Permissions(logs=()), ("logs",))])
def test_logs_of_private_data_need_the_right_and_the_nodes_policy(
    room: Room, permissions: Permissions, stays: tuple[str, ...]
) -> None:
    room.policy["share_logs"] = True
    room.gate.set()
    task = room.task(private=True, permissions=permissions)
    with at_work(room):
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
    (result,) = list_task_results(room.creator, room.store, task)
    assert result.document is not None
    assert staying(result.document) == stays


def in_plan(record: TaskRecord, node: Node) -> tuple[Task, Document]:
    """Return the task and its document as of a plan whose local folder it sees."""
    document = admitted_document(record.task, record.spec, node.store)
    document = document.model_copy(update={"limits": document.limits.model_copy(update={"local": 1 << 20})})
    return replace(record.task, terms=replace(record.task.terms, plan=PlanId(7))), document


def read(node: Node, number: TaskId) -> TaskRecord:
    record = node.chain.record(number)
    assert record is not None
    return record


def test_what_is_left_in_a_plans_local_folder_keeps_the_rights_of_its_writers(room: Room) -> None:
    writer, reader = room.task(), room.task()
    with room.node() as (node, _):
        record = read(node, reader)
        task, document = in_plan(record, node)
        admitted = admit(document, record, node.chain)
        assert rights_on_outputs(task, document, admitted, node) == PUBLIC
        key = PlanKey(creator=task.creator, plan=PlanId(7))
        node.workspaces.plans.take_turn(key, AttemptId(task=writer, epoch=1), created=1, stays=Stays(models=True))
        given = rights_on_outputs(task, document, admitted, node)
        assert (given.is_public(Right.DOWNLOAD), given.is_public(Right.LOGS)) == (False, True)
        (state,) = node.work.rglob("plan.json")
        state.write_text("{")
        assert rights_on_outputs(task, document, admitted, node) == OWNER_ONLY


def test_a_model_that_was_kept_here_keeps_what_is_made_of_it(room: Room) -> None:
    number = room.task()
    with room.node() as (node, _):
        record = read(node, number)
        document = admitted_document(record.task, record.spec, node.store)
        admitted = admit(document, record, node.chain)
        (room.folder / "kept").write_text("a model")
        own = replace(admitted, own=frozenset({node.private.put(room.folder / "kept")}))
        assert rights_on_outputs(record.task, document, admitted, node).is_public(Right.DOWNLOAD)
        assert not rights_on_outputs(record.task, document, own, node).is_public(Right.DOWNLOAD)


def test_a_node_looks_again_who_may_use_its_private_samples_and_with_what(room: Room) -> None:
    number = room.task(private=True, permissions=Permissions(process=(room.creator.account,)))
    with room.node() as (node, _):
        record = read(node, number)
        document = admitted_document(record.task, record.spec, node.store)
        admitted = admit(document, record, node.chain)
        assert refuse_rights(record, document, admitted, node.chain) is None
        stranger = room.network.connect("//Ferdie").account
        refusal = refuse_rights(
            replace(record, task=replace(record.task, creator=stranger)), document, admitted, node.chain
        )
        assert refusal is not None
        assert refusal.reason is Reason.RIGHTS
        sample = record.spec.assets[1]
        assert refusal.message == (
            f"{stranger} hasn't the right 'process' on the data sample {sample.digest} of {sample.owner}"
        )
        other = replace(record, rights=Permissions(process=(stranger,)))
        refusal = refuse_rights(other, document, admitted, node.chain)
        assert refusal is not None
        assert refusal.message == f"{node.chain.account} may not process its inputs"


@pytest.mark.parametrize(
    ("image", "entrypoint", "lack"),
    [
        (None, ("sh", "-c", "cp -r /sandbox/data /sandbox/model"), "an entrypoint replaces the program"),
        (f"evil@sha256:{'e' * 64}", None, f"the ready image evil@sha256:{'e' * 64} replaces the program"),
        (f"good@sha256:{'c' * 64}", None, ""),
    ],
)
def test_a_permitted_program_is_not_replaced_by_an_image_or_an_entrypoint(
    room: Room, image: str | None, entrypoint: tuple[str, ...] | None, lack: str
) -> None:
    (algo,) = (asset for asset in read_spec(room, room.task()).assets[:1])
    number = room.task(private=True, permissions=Permissions(algos=(algo.digest, Digest("c" * 64))))
    with room.node() as (node, _):
        record = read(node, number)
        document = admitted_document(record.task, record.spec, node.store)
        admitted = admit(document, record, node.chain)
        assert refuse_rights(record, document, admitted, node.chain) is None
        assert document.algo is not None
        algo_image = document.algo.model_copy(update={"image": image, "entrypoint": entrypoint})
        refusal = refuse_rights(record, document.model_copy(update={"algo": algo_image}), admitted, node.chain)
        assert (refusal.message if refusal is not None else "").startswith(lack)
        assert (refusal is None) is (lack == "")


def read_spec(room: Room, number: TaskId) -> Spec:
    spec = room.creator.spec(number)
    assert spec is not None
    return spec
