"""A result with more files than the limit is not written, stays undecided and can be rejected."""

import hashlib

import pytest

from node_runtime.creator.results import fetch_result
from node_runtime.creator.review import reject
from node_runtime.creator.validation.strategies import Received, Verdict
from node_runtime.creator.validation.validate import Desk as Judging
from node_runtime.creator.validation.validate import Outcome, validate
from node_runtime.domain.assets import Digest
from node_runtime.domain.task import Kind, Output, Result, Submission, SubmissionState, TaskId
from node_runtime.errors import StorageError
from node_runtime.runner.result_document import MOST_FILES, ResultDocument
from node_runtime.stores.tree.manifest import Entry, manifest
from tests.scenarios.conftest import Desk
from tests.scenarios.test_results import stored, submitted

EMPTY = hashlib.sha256().hexdigest()


def of_many_files(desk: Desk, count: int) -> Digest:
    """Store a tree of that many empty files."""
    found = manifest([Entry(path=f"{number:07}", executable=False, size=0, sha256=EMPTY) for number in range(count)])
    place = desk.folder.parent / "store" / "trees" / found.digest[:2] / found.digest
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(found.encoded + b"\n")
    return found.digest


def worked(desk: Desk, task: TaskId, model: Digest) -> Submission:
    attempt = desk.worker.assign_task(task)
    document = ResultDocument(
        task=task,
        epoch=attempt.epoch,
        worker=attempt.worker,
        kind=Kind.TRAINING,
        inputs=(),
        stages=(),
        outputs={"model": model},
        log=stored(desk, "logs", {"train.log": "done\n"}),
    )
    digest = stored(desk, "result", {"result.json": document.encode().decode()})
    sent = Result(digest=digest, outputs=(Output(name="model", digest=model),), uri="cas:")
    desk.worker.send_task_result(task, attempt.epoch, sent)
    return desk.chain.submissions(task)[-1]


def must_not_see(received: Received) -> Verdict | None:
    raise AssertionError(f"submission {received.submission.id} was downloaded")


def test_a_result_of_too_many_files_is_not_written_stays_undecided_and_can_be_rejected(desk: Desk) -> None:
    task = submitted(desk)
    submission = worked(desk, task, of_many_files(desk, MOST_FILES + 1))
    target = desk.folder / "fetched"
    with pytest.raises(StorageError, match="has 100,001 files, more than 100,000"):
        fetch_result(submission, desk.store, target)
    assert not target.exists()
    judging = Judging(chain=desk.chain, store=desk.store)
    (event,) = validate(judging, task, must_not_see, told=lambda _: None)
    assert event.outcome is Outcome.UNDECIDED
    assert "100,001 files" in event.reason
    reject(desk.chain, task, "nobody needs so many files", submission.id)
    assert desk.chain.submissions(task)[0].state is SubmissionState.REJECTED
