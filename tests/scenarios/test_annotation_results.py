"""`results` shows the agreement of annotators, and names submissions with invalid annotations."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from skimage import io

from node_runtime.creator.agreement_report import compare_annotations
from node_runtime.creator.tasks import view_task
from node_runtime.domain.task import Kind, Output, Result, TaskId
from node_runtime.ports.chain import Chain
from node_runtime.runner.result_document import ResultDocument
from node_runtime.substrate.client import SubstrateChain, connect
from tests.scenarios.conftest import Desk, Nrt
from tests.scenarios.test_results import stored

TASK = """\
kind: annotation
name: coins
bundle: pictures/
annotation_type: object_detection
question: Where are the coins?
class_labels: [coin]
reward: 1
slots: 3
validation: manual
"""
Boxes = list[list[float]]


@pytest.fixture
def workers(network: str) -> Iterator[tuple[SubstrateChain, ...]]:
    chains = tuple(connect(network, f"//{name}") for name in ("Bob", "Charlie", "Dave"))
    yield chains
    for chain in chains:
        chain.close()


@pytest.fixture
def task(desk: Desk) -> TaskId:
    bundle = desk.folder / "pictures"
    (bundle / "annotation_files").mkdir(parents=True)
    (bundle / "start_task.sh").write_text("exit 1\n")
    io.imsave(bundle / "annotation_files" / "a.png", np.zeros((48, 64), np.uint8), check_contrast=False)
    return desk.submit(TASK).tasks[0].id


def annotated(desk: Desk, worker: Chain, task: TaskId, boxes: Boxes) -> None:
    """Submit these boxes from a worker that validates nothing."""
    attempt = worker.assign_task(task)
    name = f"{worker.account}-{task}"
    found = {"file": "a.png", "annotations": [{"label": "coin", "box": box} for box in boxes]}
    outputs = stored(desk, f"outputs-{name}", {"a_annotations.json": json.dumps(found)})
    document = ResultDocument(
        task=task,
        epoch=attempt.epoch,
        worker=worker.account,
        kind=Kind.ANNOTATION,
        inputs=(),
        stages=(),
        outputs={"outputs": outputs},
        log=stored(desk, f"logs-{name}", {"work.log": name}),
    )
    digest = stored(desk, f"result-{name}", {"result.json": document.encode().decode()})
    sent = Result(digest=digest, outputs=(Output(name="outputs", digest=outputs),), uri="cas:")
    worker.send_task_result(task, attempt.epoch, sent)


def test_results_show_the_agreement_of_each_pair(
    desk: Desk, nrt: Nrt, workers: tuple[Chain, ...], task: TaskId
) -> None:
    for worker, box in zip(workers, ([0, 0, 10, 10], [0, 0, 10, 9], [40, 20, 10, 10]), strict=True):
        annotated(desk, worker, task, [[float(side) for side in box]])
    first, second, third = (one.id for one in desk.chain.submissions(task))
    rows = told(nrt("results", str(task)).stdout)
    assert "F1 of boxes at IoU 0.5" in rows["agreement"]
    assert rows[f"submissions {first} and {second}"].split() == ["1.000", "0.900"]
    assert rows[f"submissions {first} and {third}"].split() == ["0.000"]
    assert rows["mean"].split() == ["0.333", "0.900"]
    compared = json.loads(nrt("results", str(task), "--json").stdout)["annotations"]
    assert compared["submissions"] == [first, second, third]
    assert [pair["score"] for pair in compared["agreement"]["pairs"]] == [1.0, 0.0, 0.0]


def test_a_submission_with_invalid_annotations_is_named_and_left_out(
    desk: Desk, nrt: Nrt, workers: tuple[Chain, ...], task: TaskId
) -> None:
    for worker, box in zip(workers, ([0, 0, 10, 10], [0, 0, 10, 10], [60, 0, 10, 10]), strict=True):
        annotated(desk, worker, task, [[float(side) for side in box]])
    first, second, third = (one.id for one in desk.chain.submissions(task))
    shown = nrt("results", str(task)).stdout
    assert f"submission {third} is not what the task asks for: outputs/a_annotations.json: annotations[0].box" in shown
    assert "outside its picture of 64 × 48 pixels" in shown
    assert told(shown)[f"submissions {first} and {second}"].split() == ["1.000", "1.000"]
    assert f"submissions {first} and {third}" not in shown


def test_rejected_results_are_not_compared(desk: Desk, workers: tuple[Chain, ...], task: TaskId) -> None:
    for worker in workers:
        annotated(desk, worker, task, [[0, 0, 10, 10]])
    first, second, third = (one.id for one in desk.chain.submissions(task))
    desk.chain.reject_task_results(task, second, "too late")
    compared = compare_annotations(view_task(desk.chain, desk.store, task), desk.store)
    assert compared is not None
    assert compared.agreement is not None
    assert compared.submissions == (first, third)


def test_without_its_bundle_a_result_is_still_shown(
    desk: Desk, nrt: Nrt, workers: tuple[Chain, ...], task: TaskId, tmp_path: Path
) -> None:
    annotated(desk, workers[0], task, [[0, 0, 10, 10]])
    spec = desk.chain.spec(task)
    assert spec is not None
    for asset in spec.assets:
        for path in (tmp_path / "store").rglob(f"{asset.digest}*"):
            path.unlink()
    shown = nrt("results", str(task))
    assert shown.returncode == 0
    assert "under review" in shown.stdout
    assert "the annotations can't be compared" in shown.stderr


def told(shown: str) -> Mapping[str, str]:
    """Return the rows of the printed table by their first column."""
    rows = (line.partition("  ") for line in shown.splitlines())
    return {name: rest.strip() for name, _, rest in rows}
