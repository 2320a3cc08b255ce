"""The layout `bundle`: one container with the paths and variables of DecentralML's scripts."""

import json
from pathlib import Path
from typing import Any

import pytest

from node_runtime.domain.assets import Account, Digest
from node_runtime.domain.document import Document, Image
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.kinds import Input, Inputs, Keeps, stages_of
from node_runtime.kinds.annotation import AnnotationDocument
from node_runtime.kinds.annotation.definition import Annotation, AnnotationType
from node_runtime.kinds.restructuring import RestructuringDocument
from node_runtime.kinds.training import TrainingDocument

WORKER = Account("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")
KEY = f"{WORKER}/{'0' * 64}"
HERE = Path("/cache")


def tree(digit: str, *, files: tuple[str, ...] = (), folders: tuple[str, ...] = ()) -> Input:
    digest = Digest(digit * 64)
    return Input(digest=digest, folder=HERE / digest, files=files, folders=folders)


ALGO = tree("a", files=("Dockerfile",))
BUNDLE = tree("b", files=("start_task.sh",), folders=("annotation_files", "annotation_samples"))
SAMPLE = tree("5", files=("data.csv",))
MODEL = tree("6", folders=("first_5FHneW",))


ASKED = Annotation(
    type=AnnotationType.OBJECT_DETECTION,
    question="Where are the coins?",
    labels=("coin", "Schraube M3 ø"),
    coordinates={"coin": [1, 2]},
)
COMMON: dict[str, Any] = {"name": "round-1", "layout": "bundle", "algo": Image(source=KEY), "bundle": KEY}
ANNOTATION = AnnotationDocument(**COMMON, annotation=ASKED)
RESTRUCTURING = RestructuringDocument(**COMMON)


def test_a_bundle_runs_in_a_copy_of_itself_and_its_outputs_folder_is_collected() -> None:
    inputs = Inputs(worker=WORKER, algo=ALGO, bundle=BUNDLE)
    (stage,) = stages_of(ANNOTATION, inputs)
    (task,) = stage.writes
    assert (task.target, task.copied, task.keeps) == ("/task", BUNDLE.folder, Keeps.INSIDE)
    assert (task.output, task.entry) == ("outputs", "outputs")
    assert stage.entrypoint is not None
    assert stage.entrypoint[-1].endswith("./start_task.sh")


@pytest.mark.parametrize("document", [RESTRUCTURING, TrainingDocument(**COMMON)])
def test_a_bundle_that_makes_a_model_sees_data_and_the_one_folder_of_each_model(document: Document) -> None:
    inputs = Inputs(worker=WORKER, algo=ALGO, bundle=BUNDLE, data=(SAMPLE, SAMPLE), models=(MODEL,))
    (stage,) = stages_of(document, inputs)
    assert {mount.target: mount.source for mount in stage.reads} == {
        f"/task/data/{SAMPLE.digest}": SAMPLE.folder,
        f"/task/models/{MODEL.digest}": MODEL.folder / "first_5FHneW",
    }
    assert [writable.output for writable in stage.writes] == ["model"]


def test_scripts_receive_worker_and_task_in_variables() -> None:
    (stage,) = stages_of(ANNOTATION, Inputs(worker=WORKER, algo=ALGO, bundle=BUNDLE))
    output = dict(stage.environment)
    assert (output["TASK_NAME"], output["CONTRIBUTOR_ID"]) == ("round-1", WORKER)
    assert (output["ANNOTATION_TYPE"], output["QUESTION"]) == ("object_detection", "Where are the coins?")
    assert json.loads(output["CLASS_LABELS"]) == ["coin", "Schraube M3 ø"]
    assert json.loads(output["CLASS_COORDINATES"]) == {"coin": [1, 2]}


@pytest.mark.parametrize(
    ("bundle", "said"),
    [
        (None, "start_task.sh"),
        (tree("b", files=("run.sh",)), "start_task.sh"),
        (tree("b", files=("start_task.sh", "models")), "models"),
    ],
)
def test_an_unusable_bundle_is_refused(bundle: Input | None, said: str) -> None:
    inputs = Inputs(worker=WORKER, algo=ALGO, bundle=bundle, models=(MODEL,))
    with pytest.raises(TaskFailed, match=said) as refused:
        stages_of(RESTRUCTURING, inputs)
    assert refused.value.category is FailureCategory.INPUT_MISMATCH
