"""Does a bundle get its one container, with everything where DecentralML's scripts look for it?"""

import json
from pathlib import Path

import pytest

from node_runtime.document import Annotation, AnnotationType, Document, Image
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.stages import Input, Inputs, Keeps, stages_of
from node_runtime.task import Account, Digest, Kind

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


def document(kind: Kind, annotation: Annotation | None = None) -> Document:
    return Document(
        kind=kind, name="round-1", layout="bundle", algo=Image(source=KEY), bundle=KEY, annotation=annotation
    )


def test_a_bundle_runs_in_a_copy_of_itself_and_leaves_what_is_in_outputs() -> None:
    inputs = Inputs(worker=WORKER, algo=ALGO, bundle=BUNDLE)
    (stage,) = stages_of(document(Kind.ANNOTATION), inputs)
    (task,) = stage.writes
    assert (task.target, task.copied, task.keeps) == ("/task", BUNDLE.folder, Keeps.INSIDE)
    assert (task.output, task.entry) == ("outputs", "outputs")
    assert stage.entrypoint is not None
    assert stage.entrypoint[-1].endswith("./start_task.sh")


@pytest.mark.parametrize("kind", [Kind.RESTRUCTURING, Kind.TRAINING])
def test_a_bundle_that_makes_a_model_sees_data_and_the_one_folder_of_each_model(kind: Kind) -> None:
    inputs = Inputs(worker=WORKER, algo=ALGO, bundle=BUNDLE, data=(SAMPLE, SAMPLE), models=(MODEL,))
    (stage,) = stages_of(document(kind), inputs)
    assert {mount.target: mount.source for mount in stage.reads} == {
        f"/task/data/{SAMPLE.digest}": SAMPLE.folder,
        f"/task/models/{MODEL.digest}": MODEL.folder / "first_5FHneW",
    }
    assert [writable.output for writable in stage.writes] == ["model"]


def test_scripts_are_told_who_works_on_what() -> None:
    asked = Annotation(
        type=AnnotationType.OBJECT_DETECTION,
        question="Where are the coins?",
        labels=("coin", "Schraube M3 ø"),
        coordinates={"coin": [1, 2]},
    )
    (stage,) = stages_of(document(Kind.ANNOTATION, annotation=asked), Inputs(worker=WORKER, algo=ALGO, bundle=BUNDLE))
    told = dict(stage.environment)
    assert (told["TASK_NAME"], told["CONTRIBUTOR_ID"]) == ("round-1", WORKER)
    assert (told["ANNOTATION_TYPE"], told["QUESTION"]) == ("object_detection", "Where are the coins?")
    assert json.loads(told["CLASS_LABELS"]) == ["coin", "Schraube M3 ø"]
    assert json.loads(told["CLASS_COORDINATES"]) == {"coin": [1, 2]}


@pytest.mark.parametrize(
    ("bundle", "said"),
    [
        (None, "start_task.sh"),
        (tree("b", files=("run.sh",)), "start_task.sh"),
        (tree("b", files=("start_task.sh", "models")), "models"),
    ],
)
def test_what_is_no_bundle_for_this_task_is_refused(bundle: Input | None, said: str) -> None:
    inputs = Inputs(worker=WORKER, algo=ALGO, bundle=bundle, models=(MODEL,))
    with pytest.raises(TaskFailed, match=said) as refused:
        stages_of(document(Kind.RESTRUCTURING), inputs)
    assert refused.value.category is FailureCategory.INPUT_MISMATCH
