"""Functions that are measured by an objective: of another account, in a round, and by their outputs."""

import json
from decimal import Decimal
from typing import Any

import pytest

from node_runtime.creator.plans import PlanReader
from node_runtime.creator.submit import create_objective
from node_runtime.domain.admission import admit, admitted_document
from node_runtime.domain.assets import AssetRef
from node_runtime.domain.document import ModelOf
from node_runtime.domain.task import Perf, Result, TaskId
from node_runtime.errors import ChainRefused
from tests.scenarios.conftest import Desk
from tests.scenarios.test_results import stored
from tests.scenarios.test_submit import fresh_name
from tests.scenarios.test_transient import brought

DATA = [{"id": "opener", "kind": "data_manager"}, {"id": "datasamples", "kind": "data_sample", "multiple": True}]
SHARED, PREDICTIONS = ({"id": one, "kind": "model"} for one in ("shared", "predictions"))
FUNCTIONS = {
    "train": {"inputs": DATA, "outputs": [SHARED]},
    "predict": {"inputs": [*DATA, SHARED], "outputs": [PREDICTIONS]},
    "score": {"inputs": [*DATA, PREDICTIONS], "outputs": [{"id": "accuracy", "kind": "performance"}]},
    "other-score": {"inputs": [*DATA, PREDICTIONS], "outputs": [{"id": "f1", "kind": "performance"}]},
}
DOCKERFILE = 'FROM python:3.11-slim-bookworm\nENTRYPOINT ["true"]\n'
OBJECTIVE = "kind: objective\nname: {name}\nmetric: score/\nopener: opener.py\nsamples: [test-0]\n"


def written(desk: Desk) -> None:
    for name, signature in FUNCTIONS.items():
        folder = desk.folder / name
        folder.mkdir()
        (folder / "Dockerfile").write_text(DOCKERFILE)
        (folder / "function.yaml").write_text(json.dumps(signature))


def task(name: str, function: str, **keys: Any) -> str:
    made = {"kind": "function", "name": name, "function": f"{function}/", "reward": 1}
    return json.dumps(made | keys)


def plan(desk: Desk, objective: int, score: str) -> list[TaskId]:
    documents = (
        task("trained", "train", opener="opener.py", data=["train-0"], objectives=[objective]),
        task("predicted", "predict", objective=objective, inputs={"shared": {"task": "trained"}}),
        task("scored", score, objective=objective, inputs={"predictions": {"task": "predicted"}}),
    )
    return [one.id for one in desk.submit("\n---\n".join(documents)).tasks]


def test_a_metric_of_another_account_is_named_by_a_folder_of_its_bytes(desk: Desk) -> None:
    written(desk)
    file = desk.write(OBJECTIVE.format(name="of-bob"))
    objective = create_objective(file.objectives[0], file, desk.worker, desk.store, say=print)
    *_, scored = plan(desk, objective.id, "score")
    spec = desk.chain.spec(scored)
    assert spec is not None
    assert AssetRef(owner=desk.worker.account, digest=objective.metric) in spec.assets
    assert {asset.owner for asset in spec.assets} == {desk.worker.account}
    with pytest.raises(ChainRefused, match="NotTheObjectives"):
        plan(desk, objective.id, "other-score")


def test_a_certified_score_says_of_which_round_it_is_and_its_metric_is_given_no_parameters(desk: Desk) -> None:
    written(desk)
    name = fresh_name()
    documents = (
        OBJECTIVE.format(name=name),
        task("trained", "train", opener="opener.py", data=["train-0"], objectives=[name]),
        task("predicted", "predict", objective=name, inputs={"shared": {"task": "trained"}}),
        task("scored", "score", objective=name, inputs={"predictions": {"task": "predicted"}}, parameters={"round": 3}),
    )
    done = desk.submit("\n---\n".join(documents))
    trained, predicted, scored = (one.id for one in done.tasks)
    brought(desk, trained, {"shared": "model"})
    brought(desk, predicted, {"predictions": "numbers"})
    perfs = (Perf(name="accuracy", value=Decimal("0.75")),)
    result = Result(digest=stored(desk, "perf", {"result.json": "{}"}), outputs=(), uri="cas:", perfs=perfs)
    desk.worker.send_task_result(scored, desk.worker.assign_task(scored).epoch, result)
    assert done.plan is not None
    view = PlanReader(chain=desk.chain, store=desk.store, number=done.plan).read()
    found = [(one.task_key, one.round, one.performance) for one in view.performances()]
    assert found == [(scored, 3, Decimal("0.75"))]


def test_the_first_output_is_taken_where_a_document_names_none_whatever_the_others_are_called(desk: Desk) -> None:
    (desk.folder / "function" / "function.yaml").write_text(
        "inputs:\n  - {id: opener, kind: data_manager}\n  - {id: datasamples, kind: data_sample}\n"
        "  - {id: before, kind: model, optional: true}\n"
        "outputs:\n  - {id: first, kind: model}\n  - {id: model, kind: model, private: true}\n"
    )
    common = "kind: function\nfunction: function/\nopener: opener.py\ndata: [train-0]\nreward: 1\n"
    taken = f"name: child\n{common}inputs: {{before: {{task: parent, output: first}}}}\n"
    parent, child = (task.id for task in desk.submit(f"name: parent\n{common}---\n{taken}").tasks)
    made = brought(desk, parent, {"first": "everyone's", "model": ""})
    record = desk.worker.record(child)
    assert record is not None
    document = admitted_document(record.task, record.spec, desk.store)
    unnamed = document.model_copy(update={"models": (ModelOf(task=parent),)})
    assert unnamed.task_roles() == record.spec.roles
    assert admit(unnamed, record, desk.worker).models == (made["first"],)
