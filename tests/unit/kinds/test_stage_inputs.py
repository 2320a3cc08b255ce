"""The inputs of stages: how models and openers are mounted, and which are refused."""

from pathlib import Path

import pytest

from node_runtime.domain.assets import Digest
from node_runtime.domain.task import Kind
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.kinds import Input, inputs_of, stages_of
from tests.unit.kinds.stage_inputs import (
    ALGO,
    DATA,
    METRIC,
    MODEL,
    OPENER,
    WORKER,
    document,
    inputs,
    key,
    seen,
    tree,
)


@pytest.mark.parametrize(
    ("model", "source"),
    [
        (tree("m", files=("model",)), "model"),
        (tree("m", files=(), folders=("model",)), "model"),
        (tree("m", files=("history.json", "model")), "model"),
        (tree("m", files=("weights.h5",)), "weights.h5"),
        (tree("m", files=("config.json", "weights.h5")), "."),
        (tree("m", files=("saved.pb",), folders=("variables",)), "."),
    ],
)
def test_an_in_model_is_model_model_or_the_imported_tree(model: Input, source: str) -> None:
    (train,) = stages_of(document(Kind.TRAINING), inputs(models=(model,)))
    assert seen(train.reads)[f"/sandbox/model/{model.digest}"] == model.folder / source


def test_a_model_named_twice_is_one_mount_and_two_arguments() -> None:
    (train,) = stages_of(document(Kind.TRAINING), inputs(models=(MODEL, MODEL)))
    assert train.arguments == ("train", MODEL.digest, MODEL.digest)
    assert len([mount for mount in train.reads if mount.target.startswith("/sandbox/model/")]) == 1


def test_an_opener_may_be_a_package() -> None:
    package = tree("opener", files=("__init__.py", "codec.py"), folders=("tables",))
    (train,) = stages_of(document(Kind.TRAINING), inputs(opener=package))
    assert seen(train.reads)["/sandbox/opener"] == package.folder


def test_an_opener_that_is_one_folder_with_init_is_mounted_as_it_is() -> None:
    package = tree("opener", files=("__init__.py",))
    (train,) = stages_of(document(Kind.TRAINING), inputs(opener=package))
    assert seen(train.reads)["/sandbox/opener"] == package.folder


@pytest.mark.parametrize(
    "odd",
    [
        tree("opener", files=("a.py", "b.py")),
        tree("opener", files=(), folders=("opener",)),
        tree("opener", files=()),
        tree("opener", files=("opener.py",), folders=("data",)),
    ],
    ids=["two files", "a folder within", "empty", "a file and a folder"],
)
def test_an_unusable_opener_is_an_input_mismatch_that_lists_its_content(odd: Input) -> None:
    with pytest.raises(TaskFailed, match=r"__init__\.py: it holds") as failed:
        stages_of(document(Kind.TRAINING), inputs(opener=odd))
    assert failed.value.category is FailureCategory.INPUT_MISMATCH
    assert failed.value.remedy


@pytest.mark.parametrize(
    ("kind", "without"),
    [
        (Kind.TRAINING, {"algo": None}),
        (Kind.SCORING, {"opener": None}),
        (Kind.SCORING, {"metric": None}),
        (Kind.SCORING, {"models": ()}),
        (Kind.SCORING, {"models": (MODEL, MODEL)}),
        (Kind.AGGREGATION, {"models": ()}),
    ],
)
def test_a_missing_input_is_an_input_mismatch(kind: Kind, without: dict[str, object]) -> None:
    with pytest.raises(TaskFailed) as failed:
        stages_of(document(kind), inputs(**without))
    assert failed.value.category is FailureCategory.INPUT_MISMATCH
    assert failed.value.remedy


def test_inputs_are_looked_up_once_each_in_the_documents_order(tmp_path: Path) -> None:
    asked: list[Digest] = []

    def folder_of(digest: Digest) -> Path:
        asked.append(digest)
        folder = tmp_path / digest
        (folder / "sub").mkdir(parents=True)
        (folder / "file").write_text("")
        return folder

    twice = document(Kind.SCORING, data=(key(DATA[0]), key(DATA[1]), key(DATA[0])))
    found = inputs_of(twice, models=[MODEL.digest], folder_of=folder_of, worker=WORKER)
    order = (ALGO, METRIC, OPENER, *DATA, MODEL)
    assert asked == [item.digest for item in order]
    assert found.digests == tuple(asked)
    assert [sample.digest for sample in found.data] == [DATA[0].digest, DATA[1].digest, DATA[0].digest]
    assert found.opener is not None
    assert (found.opener.files, found.opener.folders) == (("file",), ("sub",))
