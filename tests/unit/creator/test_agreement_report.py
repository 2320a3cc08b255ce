"""Agreement reports compare valid results only; rejected and oversized ones are not downloaded."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.creator.agreement_report import Annotators
from node_runtime.domain.assets import Account, Digest, SubmissionId
from node_runtime.domain.task import Output, Result, Submission, SubmissionState, TaskId
from node_runtime.kinds.annotation.definition import Annotation, AnnotationType
from node_runtime.stores.local import LocalStore

ASKED = Annotation(type=AnnotationType.CLASSIFICATION, question="Which animal?", labels=("cat", "dog"))
LIMIT = 10_000  # bytes of a result's outputs
CAT = {"one_annotations.json": json.dumps({"file": "one.txt", "label": "cat"})}
OWN = SubmissionId(1)


def folder(path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return path


@pytest.fixture
def annotators(tmp_path: Path) -> Annotators:
    store = LocalStore(tmp_path / "store")
    bundle = store.put(folder(tmp_path / "bundle", {"annotation_files/one.txt": "miaow", "start_task.sh": "exit 1\n"}))
    (tmp_path / "work").mkdir()
    return Annotators(annotation=ASKED, bundle=bundle, store=store, limit=LIMIT, work=tmp_path / "work")


def sent(number: int, outputs: Digest) -> Submission:
    result = Result(digest=Digest("0" * 64), outputs=(Output(name="outputs", digest=outputs),), uri="cas:")
    return Submission(
        id=SubmissionId(number),
        task=TaskId(1),
        worker=Account("5Bob"),
        epoch=number,
        result=result,
        state=SubmissionState.UNDER_REVIEW,
    )


def compared(annotators: Annotators, tmp_path: Path, *others: Submission) -> list[SubmissionId]:
    own = folder(tmp_path / "own", CAT)
    return [agreed.other for agreed in annotators.agreements(own, OWN, others)]


def test_valid_results_are_compared(annotators: Annotators, tmp_path: Path) -> None:
    same = annotators.store.put(folder(tmp_path / "same", CAT))
    assert compared(annotators, tmp_path, sent(1, same), sent(2, same), sent(3, same)) == [2, 3]


@pytest.mark.parametrize(
    "files",
    [
        {**CAT, "more.bin": "belongs to no file"},
        {"one_annotations.json": json.dumps({"file": "one.txt", "label": "horse"})},
        {"one_annotations.json": "[" * 5000},
    ],
    ids=["another file", "another label", "no annotation"],
)
def test_invalid_results_are_left_out_and_the_next_is_compared(
    annotators: Annotators, tmp_path: Path, files: dict[str, str]
) -> None:
    odd = annotators.store.put(folder(tmp_path / "odd", files))
    same = annotators.store.put(folder(tmp_path / "same", CAT))
    assert compared(annotators, tmp_path, sent(2, odd), sent(3, same)) == [3]


def test_oversized_and_rejected_results_are_not_downloaded(annotators: Annotators, tmp_path: Path) -> None:
    large = annotators.store.put(folder(tmp_path / "large", {"one_annotations.json": "x" * (LIMIT + 1)}))
    rejected = annotators.store.put(folder(tmp_path / "rejected", {**CAT, "mine": "1"}))
    gone = replace(sent(3, rejected), state=SubmissionState.REJECTED)
    assert compared(annotators, tmp_path, sent(2, large), gone) == []
    assert not {large, rejected} & {path.name for path in annotators.work.iterdir()}
