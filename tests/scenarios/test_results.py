"""What does a creator see of results, and can a worker that lies deceive the creator?"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from node_runtime.creator.logs import MOST_READ, LogTrouble, logs_of
from node_runtime.creator.results import (
    MAX_DOCUMENT,
    MOST_NUMBERS,
    fetch_result,
    list_task_results,
    numbers_beside,
)
from node_runtime.creator.review import accept, reject
from node_runtime.creator.tasks import Role, list_tasks, view_task, why_it_waits
from node_runtime.errors import FailureCategory, InputError
from node_runtime.results import ResultDocument, StageRun
from node_runtime.storage.manifest import Entry, manifest
from node_runtime.task import Digest, Kind, Output, Result, Submission, SubmissionState, TaskId, TaskState
from tests.scenarios.conftest import Desk

TRAINING = "kind: training\nname: round-1\nalgo: algo/\ndata: [train-0]\nreward: 10\nvalidation: manual\n"
Forge = Callable[[ResultDocument], ResultDocument]


def honest(document: ResultDocument) -> ResultDocument:
    return document


def submitted(desk: Desk) -> TaskId:
    return desk.submit(TRAINING).tasks[0].id


def stored(desk: Desk, name: str, files: dict[str, str]) -> Digest:
    folder = desk.folder.parent / "worker" / name
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return desk.store.put(folder)


def worked(desk: Desk, task: TaskId, *, forge: Forge = honest, output: str = "model") -> Submission:
    """The worker takes the task and sends a result, whose document `forge` may change."""
    attempt = desk.worker.assign_task(task)
    outputs = {output: stored(desk, "output", {"model": "weights\n"})}
    outputs.setdefault("model", next(iter(outputs.values())))
    document = ResultDocument(
        task=task,
        epoch=attempt.epoch,
        worker=attempt.worker,
        kind=Kind.TRAINING,
        inputs=(),
        stages=(StageRun(name="train", image="sha256:0", exit_code=0, seconds=1.5, peak_memory=1 << 20),),
        outputs=dict(outputs),
        log=stored(desk, "logs", {"train.log": "epoch 1\n\x1b[2J"}),
    )
    digest = stored(desk, "result", {"result.json": forge(document).encode().decode()})
    named = tuple(Output(name=name, digest=tree) for name, tree in outputs.items())
    desk.worker.send_task_result(task, attempt.epoch, Result(digest=digest, outputs=named, uri="cas:"))
    return desk.chain.submissions(task)[-1]


def test_a_result_is_listed_with_its_document_and_fetched_whole(desk: Desk, tmp_path: Path) -> None:
    task = submitted(desk)
    submission = worked(desk, task)
    (result,) = list_task_results(desk.chain, desk.store, task)
    assert result.submission == submission
    assert result.document is not None
    assert result.document.stages[0].seconds == 1.5
    target = tmp_path / "fetched"
    names = [path.name for path in fetch_result(submission, desk.store, target)]
    assert names == ["logs", "model", "result.json"]
    assert (target / "model").read_text() == "weights\n"
    assert json.loads((target / "result.json").read_text())["task"] == task
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_fetching_never_overwrites(desk: Desk, tmp_path: Path) -> None:
    submission = worked(desk, submitted(desk))
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InputError, match="not empty"):
        fetch_result(submission, desk.store, tmp_path)


@pytest.mark.parametrize(
    "lie",
    [
        {"task": 999},
        {"epoch": 99},
        {"worker": "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM"},
        {"outputs": {}},
    ],
)
def test_a_document_that_tells_of_something_else_is_told_and_not_fetched(
    desk: Desk, tmp_path: Path, lie: dict[str, object]
) -> None:
    task = submitted(desk)
    submission = worked(desk, task, forge=lambda document: document.model_copy(update=lie))
    (result,) = list_task_results(desk.chain, desk.store, task)
    assert result.document is None
    assert "tells of something else" in result.trouble
    with pytest.raises(InputError, match="tells of something else"):
        fetch_result(submission, desk.store, tmp_path / "fetched")


def test_what_a_worker_wrote_to_be_shown_for_ever_is_told_or_cut_short(desk: Desk) -> None:
    """A table with a word of megabytes in it would keep its creator's commands busy for minutes."""
    task = submitted(desk)
    run = StageRun(name="train", image="sha256:0", seconds=1.5).model_copy(update={"name": "x y" * (1 << 20)})
    worked(desk, task, forge=lambda document: document.model_copy(update={"stages": (run,)}))
    (result,) = list_task_results(desk.chain, desk.store, task)
    assert result.document is None
    assert "stages.0.name" in result.trouble
    perf = {f"{number}{'x' * 1000}": number for number in range(1000)}
    task = submitted(desk)
    worked(desk, task, forge=lambda document: document.model_copy(update={"perf": perf}))
    (result,) = list_task_results(desk.chain, desk.store, task)
    assert result.document is not None
    shown = list(numbers_beside(result.document))
    assert len(shown) == MOST_NUMBERS
    assert max(len(name) for name, _ in shown) < 100


@pytest.mark.parametrize("name", ["../../escaped", "..", "logs", "result.json", "MODEL", ".ssh", "a b"])
def test_an_output_name_can_neither_leave_the_folder_nor_hide_another(desk: Desk, tmp_path: Path, name: str) -> None:
    submission = worked(desk, submitted(desk), output=name)
    with pytest.raises(InputError, match="oddly"):
        fetch_result(submission, desk.store, tmp_path / "fetched" / "here")
    assert list(tmp_path.rglob("escaped")) == []
    assert not (tmp_path / "fetched").exists()


def test_a_result_that_storage_does_not_have_is_told(desk: Desk) -> None:
    task = submitted(desk)
    attempt, nowhere = desk.worker.assign_task(task), Digest("0" * 64)
    outputs = (Output(name="model", digest=nowhere),)
    desk.worker.send_task_result(task, attempt.epoch, Result(digest=nowhere, outputs=outputs, uri="cas:"))
    (result,) = list_task_results(desk.chain, desk.store, task)
    assert "nothing is stored under 0000" in result.trouble
    (log,) = logs_of(desk.chain, desk.store, task)
    assert isinstance(log, LogTrouble)
    assert "nothing is stored under 0000" in log.trouble


def test_what_is_too_large_to_be_a_document_or_logs_is_told_and_not_fetched(desk: Desk) -> None:
    """Neither could be fetched: what is stored has the length their manifests tell, and not a right byte."""
    task = submitted(desk)
    attempt, result = desk.worker.assign_task(task), claimed(desk, "result.json", MAX_DOCUMENT + 1)
    outputs = (Output(name="model", digest=result),)
    desk.worker.send_task_result(task, attempt.epoch, Result(digest=result, outputs=outputs, uri="cas:"))
    (listed,) = list_task_results(desk.chain, desk.store, task)
    assert f"larger than {MAX_DOCUMENT} bytes" in listed.trouble
    broken = submitted(desk)
    log = claimed(desk, "train.log", MOST_READ + 1)
    desk.worker.report_failure(broken, desk.worker.assign_task(broken).epoch, FailureCategory.TASK_ERROR, log)
    (told,) = logs_of(desk.chain, desk.store, broken)
    assert isinstance(told, LogTrouble)
    assert f"{MOST_READ + 1} bytes are more" in told.trouble


def claimed(desk: Desk, name: str, size: int) -> Digest:
    """A stored tree whose manifest is all that is true of it."""
    found = manifest([Entry(path=name, executable=False, size=size, sha256="0" * 64)])
    place = desk.folder.parent / "store" / "trees" / found.digest[:2] / found.digest
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(found.encoded + b"\n")
    os.truncate(place, place.stat().st_size + size)
    return found.digest


def test_logs_of_results_and_of_failed_attempts_are_read(desk: Desk) -> None:
    task = submitted(desk)
    worked(desk, task)
    assert [(log.source.split()[0], log.name, log.text) for log in logs_of(desk.chain, desk.store, task)] == [
        ("submission", "train.log", "epoch 1\n\x1b[2J")
    ]
    broken = submitted(desk)
    log = stored(desk, "failed", {"train.log": "no\n", "failure.txt": "task_error\n"})
    desk.worker.report_failure(broken, desk.worker.assign_task(broken).epoch, FailureCategory.TASK_ERROR, log)
    found = logs_of(desk.chain, desk.store, broken)
    assert [(one.source, one.name) for one in found] == [
        ("attempt 1, task_error", "failure.txt"),
        ("attempt 1, task_error", "train.log"),
    ]
    (reason,) = why_it_waits(view_task(desk.chain, desk.store, broken), desk.chain, now=desk.chain.now())
    assert "attempts failed (task_error)" in reason


def test_a_task_with_a_result_and_a_free_slot_says_that_another_node_is_missing(desk: Desk) -> None:
    task = desk.submit(TRAINING + "slots: 2\n").tasks[0].id
    worked(desk, task)
    view = view_task(desk.chain, desk.store, task)
    waits, how, free = why_it_waits(view, desk.chain, now=view.task.created + 60_000)
    assert waits.startswith(f"submission {view.submissions[0].id} waits for you until ")
    assert f"'node-runtime validate {task}' shows it and asks" in how
    assert free.startswith("a slot is free, and no other node has taken it: is one running")


def test_accepting_pays_the_worker_once(desk: Desk) -> None:
    task = submitted(desk)
    submission = worked(desk, task)
    view = view_task(desk.chain, desk.store, task)
    assert why_it_waits(view, desk.chain, now=desk.chain.now())[0].startswith(
        f"submission {submission.id} waits for you"
    )
    before = desk.chain.balance(desk.worker.account)
    accept(desk.chain, task)
    after = desk.chain.balance(desk.worker.account)
    assert after.free + after.held - before.free - before.held == 10 * 10**12
    with pytest.raises(InputError, match="no result under review"):
        accept(desk.chain, task)
    with pytest.raises(InputError, match=f"submission {submission.id} is accepted already"):
        reject(desk.chain, task, "too late", submission.id)


def test_rejecting_tells_the_worker_why_and_frees_the_slot(desk: Desk) -> None:
    task = submitted(desk)
    worked(desk, task)
    with pytest.raises(InputError, match="between 1 and 256 bytes"):
        reject(desk.chain, task, "ż" * 129)
    reject(desk.chain, task, "it learnt nothing")
    view = view_task(desk.chain, desk.store, task)
    assert [(one.state, one.reason) for one in view.submissions] == [(SubmissionState.REJECTED, "it learnt nothing")]
    assert (view.task.state, view.task.free_slots) == (TaskState.OPEN, 1)


def test_tasks_are_listed_by_role_kind_and_status(desk: Desk) -> None:
    mine = submitted(desk)
    found = list_tasks(desk.chain, desk.store, role=Role.MINE, kind=Kind.TRAINING, state=TaskState.OPEN)
    assert (found[-1].task.id, found[-1].name) == (mine, "round-1")
    assert list_tasks(desk.worker, desk.store, role=Role.MINE) == ()
    assert mine in [view.task.id for view in list_tasks(desk.worker, desk.store, role=Role.OPEN)]
    desk.chain.cancel_task(mine, abort=False)
    assert mine not in [view.task.id for view in list_tasks(desk.worker, desk.store, role=Role.OPEN)]


def test_an_open_task_says_why_nobody_takes_it(desk: Desk) -> None:
    task = submitted(desk)
    view = view_task(desk.chain, desk.store, task)
    created, deadline = view.task.created, view.task.terms.deadline

    def reasons(now: int) -> str:
        return "; ".join(why_it_waits(view, desk.chain, now=now))

    assert "created moments ago" in reasons(created + 1_000)
    assert "no node has taken it in 1m: is one running whose policy" in reasons(created + 60_000)
    assert "deadline is too near" in reasons(deadline - 1_000)
    offered = desk.submit(TRAINING + f"assign_to: {desk.worker.account}\n").tasks[0].id
    waiting = why_it_waits(view_task(desk.chain, desk.store, offered), desk.chain, now=created + 60_000)
    assert waiting == (f"it is offered to {desk.worker.account} only, which has not taken it",)


def test_a_waiting_task_names_what_it_waits_for(desk: Desk) -> None:
    first = submitted(desk)
    second = desk.submit(TRAINING + f"models: [{{task: {first}}}]\n").tasks[0].id
    view = view_task(desk.chain, desk.store, second)
    assert why_it_waits(view, desk.chain, now=0) == (f"it waits for the model of task {first}, which is open",)
