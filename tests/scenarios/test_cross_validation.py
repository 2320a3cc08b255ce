"""A cross-validation by an objective's metric: the document names the objective, the node checks it, it never ranks."""

from decimal import Decimal

import pytest

from node_runtime.creator.leaderboard import read_board
from node_runtime.creator.terms import chain_spec
from node_runtime.domain.admission import admit, admitted_document
from node_runtime.domain.assets import ModelId, Objective
from node_runtime.domain.document import Document, Image
from node_runtime.domain.task import Perf, Result, Standing, Submission, TaskId
from node_runtime.errors import FailureCategory, NodeRuntimeError, TaskFailed
from node_runtime.kinds.scoring import ScoringDocument
from tests.scenarios.conftest import Desk, Nrt
from tests.scenarios.test_results import stored, worked

COMMON = "algo: algo/\nreward: 1\n"


def objective_yaml(name: str, opener: str = "opener.py") -> str:
    return f"kind: objective\nname: {name}\nmetric: metric/\nopener: {opener}\nsamples: [test-0]\n---\n"


def cross_validated(desk: Desk) -> tuple[Objective, TaskId, TaskId]:
    """Submit an objective, a training that the worker does, and the cross-validation of its model."""
    name = f"objective-{desk.folder.parent.name.replace('_', '-')}"
    submitted = desk.submit(
        f"{objective_yaml(name)}"
        f"kind: training\nname: first\ndata: [train-0]\nobjectives: [{name}]\n{COMMON}---\n"
        f"kind: scoring\nname: second\nobjective: {name}\ndata: [train-1]\nlabel: train\n"
        f"model: {{task: first}}\n{COMMON}"
    )
    (objective,), (training, scoring) = submitted.objectives, (task.id for task in submitted.tasks)
    worked(desk, training)
    return objective, training, scoring


def scored(desk: Desk, scoring: TaskId, value: str) -> Submission:
    perfs = (Perf(name="all", value=Decimal(value)),)
    result = Result(digest=stored(desk, "perf", {"result.json": "{}"}), outputs=(), uri="cas:", perfs=perfs)
    desk.worker.send_task_result(scoring, desk.worker.assign_task(scoring).epoch, result)
    return desk.chain.submissions(scoring)[-1]


def document_of(desk: Desk, number: TaskId) -> Document:
    """Read the task's document as a node does, with all checks."""
    record = desk.worker.record(number)
    assert record is not None
    document = admitted_document(record.task, record.spec, desk.store)
    admit(document, record, desk.worker)
    return document


def test_it_uses_the_objectives_metric_and_opener_and_is_never_certified(desk: Desk, nrt: Nrt) -> None:
    objective, training, scoring = cross_validated(desk)
    document = document_of(desk, scoring)
    assert isinstance(document, ScoringDocument)
    assert (document.objective, document.metric_of) == (None, objective.id)
    assert document.opener == f"{objective.owner}/{objective.opener}"
    assert document.metric.source == f"{objective.owner}/{objective.metric}"
    submission = scored(desk, scoring, "0.25")
    assert submission.score is not None
    assert submission.score.standing is Standing.CROSS_VALIDATION
    assert desk.chain.scores(objective.id) == ()
    shown = " ".join(nrt("show", str(scoring)).stdout.split())
    assert f"metric and opener of objective {objective.id} {objective.name}; a cross-validation" in shown
    board = read_board(objective, desk.chain, desk.store)
    assert board.entries == ()
    (beside,) = board.cross_validations
    (model,) = desk.chain.submissions(training)
    assert (beside.task, beside.model, beside.value) == (scoring, ModelId(submission=model.id), Decimal("0.25"))
    listed = nrt("objective", "show", objective.name).stdout
    assert "no certified score yet" in listed
    assert "cross-validations are never ranked" in listed


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"metric_of": 1 << 60}, "there is no objective"),
        ({"metric_of": "another"}, "metric and opener aren't those of objective"),
        ({"entrypoint": ("true",)}, "without image or entrypoint"),
    ],
)
def test_a_node_refuses_a_document_that_names_an_objective_wrongly(
    desk: Desk, change: dict[str, object], reason: str
) -> None:
    objective, _, scoring = cross_validated(desk)
    document = document_of(desk, scoring)
    if change.get("metric_of") == "another":
        (desk.folder / "opener-2.py").write_text("import opener  # another\n")
        other = desk.submit(objective_yaml(f"{objective.name}-other", "opener-2.py").removesuffix("---\n"))
        change = {"metric_of": other.objectives[0].id}
    if "entrypoint" in change:
        change = {"metric": Image(source=document.images()[1][1].source, entrypoint=("true",))}
    forged = document.model_copy(update=change)
    (desk.folder.parent / "forged").mkdir()
    (file := desk.folder.parent / "forged" / "task.json").write_bytes(forged.encode())
    digest = desk.store.put(file)
    task = desk.chain.task(scoring)
    assert task is not None
    spec = chain_spec(forged, digest, desk.store.uri(digest), objectives=())
    number = desk.chain.create_task(task.terms, spec)
    with pytest.raises(TaskFailed, match=reason) as failed:
        document_of(desk, number)
    assert failed.value.category is FailureCategory.INPUT_MISMATCH


def test_the_objectives_own_samples_are_no_data_of_a_cross_validation(desk: Desk) -> None:
    name = f"objective-{desk.folder.parent.name.replace('_', '-')}"
    with pytest.raises(NodeRuntimeError, match="test-0"):
        desk.submit(
            f"{objective_yaml(name)}kind: training\nname: first\ndata: [train-0]\n{COMMON}---\n"
            f"kind: scoring\nname: second\nobjective: {name}\ndata: [test-0]\nlabel: train\n"
            f"model: {{task: first}}\n{COMMON}"
        )
