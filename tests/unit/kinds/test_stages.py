"""The layout `sandbox`: the containers of each kind of task, with the inputs at the paths algorithms expect."""

from pathlib import Path

import pytest

from node_runtime.domain.document import Limits, ModelOf
from node_runtime.domain.task import Kind
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.kinds import Input, stages_of
from node_runtime.kinds.stage import Local
from node_runtime.ports.engine import Mount
from tests.unit.kinds.stage_inputs import (
    ALGO,
    DATA,
    INPUTS,
    METRIC,
    MODEL,
    OPENER,
    document,
    inputs,
    seen,
    tree,
)


def test_training_sees_data_opener_and_in_models_and_writes_the_model() -> None:
    (train,) = stages_of(document(Kind.TRAINING), INPUTS)
    assert train.name == "train"
    assert (train.image.folder, train.image.digest) == (ALGO.folder, ALGO.digest)
    assert train.arguments == ("train", MODEL.digest)
    assert dict(train.environment) == {"HOME": "/tmp", "PYTHONPATH": "/sandbox"}
    assert seen(train.reads) == {
        f"/sandbox/data/{DATA[0].digest}": DATA[0].folder,
        f"/sandbox/data/{DATA[1].digest}": DATA[1].folder,
        "/sandbox/opener/__init__.py": OPENER.folder / "my_opener.py",
        f"/sandbox/model/{MODEL.digest}": MODEL.folder / "model",
    }
    (written,) = train.writes
    assert (written.target, written.output, written.entry) == ("/sandbox/model", "model", "model")
    assert train.mount_points(written) == (MODEL.digest,)


def test_training_from_scratch_has_no_keys() -> None:
    (train,) = stages_of(document(Kind.TRAINING, models=()), inputs(models=()))
    assert train.arguments == ("train",)
    assert train.mount_points(train.writes[0]) == ()


def test_the_rank_is_passed_even_when_it_is_zero() -> None:
    (train,) = stages_of(document(Kind.TRAINING, rank=0), INPUTS)
    assert train.arguments == ("train", MODEL.digest, "--rank", "0")


def test_scoring_predicts_without_the_metric_then_measures_without_the_model() -> None:
    predict, metrics = stages_of(document(Kind.SCORING), INPUTS)
    assert (predict.name, predict.arguments, predict.image.digest) == (
        "predict",
        ("predict", MODEL.digest),
        ALGO.digest,
    )
    assert (metrics.name, metrics.arguments, metrics.image.digest) == ("metrics", (), METRIC.digest)
    assert metrics.entrypoint == ("python", "m.py")
    assert "/sandbox/metrics" not in seen(predict.reads)
    assert seen(metrics.reads)["/sandbox/metrics"] == METRIC.folder
    assert f"/sandbox/model/{MODEL.digest}" in seen(predict.reads)
    assert not any(target.startswith("/sandbox/model") for target in seen(metrics.reads))


def test_only_the_predictions_move_on_to_the_metrics_and_read_only() -> None:
    predict, metrics = stages_of(document(Kind.SCORING), INPUTS)
    (carried,) = metrics.carries
    assert (carried.stage, carried.name, carried.entry) == ("predict", predict.writes[0].name, "pred")
    assert carried.target == "/sandbox/pred/pred"
    assert metrics.writes[0].target == "/sandbox/pred"
    assert metrics.mount_points(metrics.writes[0]) == ("pred",)


def test_both_scoring_stages_see_the_data_in_the_same_order() -> None:
    predict, metrics = stages_of(document(Kind.SCORING), INPUTS)
    targets = [[one.target for one in stage.reads if "/data/" in one.target] for stage in (predict, metrics)]
    assert targets[0] == targets[1] == [f"/sandbox/data/{sample.digest}" for sample in DATA]


FOLDERS = {f"/sandbox/{name}" for name in ("data", "opener", "model", "local", "pred", "metrics", "export")}


@pytest.mark.parametrize("local", [None, Path("/plans/1")])
def test_every_stage_has_every_folder_of_the_layout(local: Path | None) -> None:
    for kind in (Kind.TRAINING, Kind.SCORING, Kind.AGGREGATION):
        for stage in stages_of(document(kind), inputs(local=local)):
            there = {f"/sandbox/{target.split('/')[2]}" for target in (*stage.targets, *stage.scratch, *stage.empty)}
            assert there >= FOLDERS, stage.name
            assert not {*stage.empty} & {*stage.targets, *stage.scratch}, stage.name


def test_a_folder_with_content_is_not_mounted_empty() -> None:
    predict, metrics = stages_of(document(Kind.SCORING), INPUTS)
    assert {"/sandbox/local", "/sandbox/metrics"} == {*predict.empty} & FOLDERS
    assert {"/sandbox/local", "/sandbox/model"} == {*metrics.empty} & FOLDERS
    assert predict.scratch == metrics.scratch == ("/sandbox/export",)


def test_nothing_but_the_outputs_is_writable() -> None:
    for kind in (Kind.TRAINING, Kind.SCORING, Kind.AGGREGATION):
        for stage in stages_of(document(kind), INPUTS):
            assert all(mount.quota is None for mount in stage.reads)


def test_aggregation_sees_models_and_no_data() -> None:
    other = tree("other", files=(), folders=("model",))
    (aggregate,) = stages_of(document(Kind.AGGREGATION), inputs(models=(MODEL, other), opener=None))
    assert aggregate.arguments == ("aggregate", MODEL.digest, other.digest)
    assert seen(aggregate.reads) == {
        f"/sandbox/model/{MODEL.digest}": MODEL.folder / "model",
        f"/sandbox/model/{other.digest}": other.folder / "model",
    }


def test_an_aggregation_that_names_an_opener_sees_it() -> None:
    (aggregate,) = stages_of(document(Kind.AGGREGATION), INPUTS)
    assert seen(aggregate.reads) == {
        "/sandbox/opener/__init__.py": OPENER.folder / "my_opener.py",
        f"/sandbox/model/{MODEL.digest}": MODEL.folder / "model",
    }


def test_the_plans_folder_is_writable_in_training_and_read_only_in_scoring() -> None:
    local, limits = inputs(local=Path("/plans/1")), Limits(local=1 << 21)
    for kind in (Kind.TRAINING, Kind.AGGREGATION):
        (writing,) = stages_of(document(kind, limits=limits), local)
        assert writing.local == Local(target="/sandbox/local", before=Path("/plans/1"), quota=1 << 21)
    predict, metrics = stages_of(document(Kind.SCORING, limits=limits), local)
    assert Mount(source=Path("/plans/1"), target="/sandbox/local") in predict.reads
    assert predict.local is metrics.local is None
    assert "/sandbox/local" in metrics.empty


def test_a_task_without_a_limit_for_the_plans_folder_does_not_see_it() -> None:
    (train,) = stages_of(document(Kind.TRAINING), inputs(local=Path("/plans/1")))
    assert train.local is None
    assert "/sandbox/local" in train.empty


HEAD, TRUNK = tree("head", files=("head_model",)), tree("trunk", files=("trunk_model",))
OUTPUTS = (
    *("--output-models-path", "/sandbox/model"),
    *("--output-head-model-filename", "head_model", "--output-trunk-model-filename", "trunk_model"),
)
INPUTS_OF_BOTH = (
    *("--input-models-path", "/sandbox/model", "--input-head-model-filename", f"head_{HEAD.digest}"),
    *("--input-trunk-model-filename", f"trunk_{TRUNK.digest}"),
)


def test_a_composite_takes_head_and_trunk_and_writes_both() -> None:
    composite = document(Kind.TRAINING, composite=True, rank=2, models=(ModelOf(task=1, output=1), ModelOf(task=1)))
    (train,) = stages_of(composite, inputs(models=(HEAD, TRUNK)))
    assert train.arguments == ("train", *OUTPUTS, *INPUTS_OF_BOTH, "--rank", "2")
    models = {target: source for target, source in seen(train.reads).items() if "/model/" in target}
    assert models == {
        f"/sandbox/model/head_{HEAD.digest}": HEAD.folder / "head_model",
        f"/sandbox/model/trunk_{TRUNK.digest}": TRUNK.folder / "trunk_model",
    }
    assert [(one.output, one.entry) for one in train.writes] == [("trunk", "trunk_model"), ("head", "head_model")]
    assert len(train.folders) == 1


def test_the_first_composite_of_a_plan_takes_neither() -> None:
    (train,) = stages_of(document(Kind.TRAINING, composite=True, models=()), inputs(models=()))
    assert train.arguments == ("train", *OUTPUTS)


def test_a_scoring_of_a_composite_predicts_with_both() -> None:
    predict, metrics = stages_of(document(Kind.SCORING, composite=True), inputs(models=(HEAD, TRUNK)))
    assert predict.arguments == ("predict", *INPUTS_OF_BOTH)
    assert not any("/model/" in target for target in seen(metrics.reads))


@pytest.mark.parametrize(("kind", "models"), [(Kind.TRAINING, (HEAD,)), (Kind.SCORING, ()), (Kind.SCORING, (TRUNK,))])
def test_half_a_composite_is_refused(kind: Kind, models: tuple[Input, ...]) -> None:
    with pytest.raises(TaskFailed, match="a composite takes a head and a trunk") as failed:
        stages_of(document(kind, composite=True), inputs(models=models))
    assert failed.value.category is FailureCategory.INPUT_MISMATCH


@pytest.mark.parametrize("unknown", [{"kind": Kind.ANNOTATION}, {"layout": "substra"}])
def test_a_task_of_a_newer_version_is_not_run(unknown: dict[str, object]) -> None:
    with pytest.raises(TaskFailed, match="does not run") as failed:
        stages_of(document(Kind.TRAINING).model_copy(update=unknown), INPUTS)
    assert failed.value.category is FailureCategory.NODE_ERROR
