"""Listing, fetching and deciding results, also those of a worker that submits false documents."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from node_runtime.creator.results import (
    MAX_DOCUMENT,
    MOST_NUMBERS,
    MOST_READ,
    Log,
    LogTrouble,
    fetch_result,
    list_task_results,
    logs_of,
    numbers_beside,
)
from node_runtime.creator.review import accept, reject
from node_runtime.creator.tasks import AccountRole, TaskFilter, list_tasks, view_task
from node_runtime.creator.waiting import why_it_waits
from node_runtime.domain.assets import Digest, ObjectiveId
from node_runtime.domain.task import (
    Assignment,
    Kind,
    Output,
    PlanId,
    Result,
    Submission,
    SubmissionState,
    TaskId,
    TaskState,
)
from node_runtime.errors import FailureCategory, InputError
from node_runtime.runner.result_document import ResultDocument, StageRun
from node_runtime.stores.tree.manifest import Entry, manifest
from tests.scenarios.conftest import Desk, Nrt

TRAINING = "kind: training\nname: round-1\nalgo: algo/\ndata: [train-0]\nreward: 10\nvalidation: manual\n"
LOG = "epoch 1\n\x1b[31mModuleNotFoundError: No module named 'keras'\x1b[0m\n\n"
FAILURE = "task_error: stage train: exited with 3; see train.log\n"
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
    """Take the task as the worker and submit a result, whose document `forge` may change."""
    return sent(desk, desk.worker.assign_task(task), forge=forge, output=output)


def sent(
    desk: Desk, attempt: Assignment, *, forge: Forge = honest, output: str = "model", model: str = "weights\n"
) -> Submission:
    """Submit a result of the attempt."""
    task = attempt.task
    outputs = {output: stored(desk, "output", {"model": model})}
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
def test_a_document_that_contradicts_the_chain_is_reported_and_not_fetched(
    desk: Desk, tmp_path: Path, lie: dict[str, object]
) -> None:
    task = submitted(desk)
    submission = worked(desk, task, forge=lambda document: document.model_copy(update=lie))
    (result,) = list_task_results(desk.chain, desk.store, task)
    assert result.document is None
    assert "tells of something else" in result.trouble
    with pytest.raises(InputError, match="tells of something else"):
        fetch_result(submission, desk.store, tmp_path / "fetched")


def test_oversized_values_in_a_document_are_refused_or_truncated(desk: Desk) -> None:
    """A table cell of megabytes would keep the creator's commands busy for minutes."""
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


def test_a_result_missing_in_storage_is_reported(desk: Desk) -> None:
    task = submitted(desk)
    attempt, nowhere = desk.worker.assign_task(task), Digest("0" * 64)
    outputs = (Output(name="model", digest=nowhere),)
    desk.worker.send_task_result(task, attempt.epoch, Result(digest=nowhere, outputs=outputs, uri="cas:"))
    (result,) = list_task_results(desk.chain, desk.store, task)
    assert "nothing is stored under 0000" in result.trouble
    (log,) = logs_of(desk.chain, desk.store, task)
    assert isinstance(log, LogTrouble)
    assert "nothing is stored under 0000" in log.trouble


def test_oversized_documents_and_logs_are_reported_and_not_fetched(desk: Desk) -> None:
    """Neither could be fetched: the stored bytes have the claimed length and a wrong digest."""
    task = submitted(desk)
    attempt, result = desk.worker.assign_task(task), claimed(desk, "result.json", MAX_DOCUMENT + 1)
    outputs = (Output(name="model", digest=result),)
    desk.worker.send_task_result(task, attempt.epoch, Result(digest=result, outputs=outputs, uri="cas:"))
    (listed,) = list_task_results(desk.chain, desk.store, task)
    assert f"larger than {MAX_DOCUMENT} bytes" in listed.trouble
    broken = submitted(desk)
    log = claimed(desk, "train.log", MOST_READ + 1)
    desk.worker.report_failure(broken, desk.worker.assign_task(broken).epoch, FailureCategory.TASK_ERROR, log)
    (event,) = logs_of(desk.chain, desk.store, broken)
    assert isinstance(event, LogTrouble)
    assert f"{MOST_READ + 1} bytes are more" in event.trouble


def claimed(desk: Desk, name: str, size: int) -> Digest:
    """Store a tree with a valid manifest and no valid content."""
    found = manifest([Entry(path=name, executable=False, size=size, sha256="0" * 64)])
    place = desk.folder.parent / "store" / "trees" / found.digest[:2] / found.digest
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(found.encoded + b"\n")
    os.truncate(place, place.stat().st_size + size)
    return found.digest


def test_logs_of_results_and_of_failed_attempts_are_read(desk: Desk) -> None:
    task = submitted(desk)
    worked(desk, task)
    (log,) = logs_of(desk.chain, desk.store, task)
    assert log == Log(source=log.source, name="train.log", text="epoch 1\n\x1b[2J")
    assert log.source.startswith("submission ")
    broken = desk.submit(TRAINING + "max_failures: 1\n").tasks[0].id
    failed = stored(desk, "failed", {"train.log": LOG, "failure.txt": FAILURE})
    desk.worker.report_failure(broken, desk.worker.assign_task(broken).epoch, FailureCategory.TASK_ERROR, failed)
    found = logs_of(desk.chain, desk.store, broken)
    assert [(one.source, one.name) for one in found if isinstance(one, Log)] == [
        ("attempt 1, task_error", "train.log"),
        ("attempt 1, task_error", "failure.txt"),
    ]
    view = view_task(desk.chain, desk.store, broken)
    failed_attempt, reason = why_it_waits(view, desk.chain, now=desk.chain.now(), store=desk.store)
    assert failed_attempt == (
        f"{desk.worker.account} took it, but its attempt failed (task_error): stage train: exited with 3; "
        "see train.log; "
        f"its last line: ModuleNotFoundError: No module named 'keras'; see 'node-runtime logs {broken}'"
    )
    assert "attempts failed (task_error)" in reason
    assert "else it opens again by itself at " in reason


STEPS = '{"format":"node-runtime/steps/1","inputs":0.25,"image":12.0,"run":1.5}'


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (STEPS, {"inputs": 0.25, "image": 12.0, "run": 1.5}),
        (STEPS.replace("steps/1", "steps/2"), None),
        (STEPS.replace("1.5", "NaN"), None),
        (STEPS.replace("1.5", '"long"'), None),
        ("", None),
    ],
)
def test_a_failed_attempt_tells_the_seconds_of_the_steps_that_it_reached(
    desk: Desk, nrt: Nrt, steps: str, told: dict[str, float] | None
) -> None:
    task = desk.submit(TRAINING + "max_failures: 1\n").tasks[0].id
    failed = stored(desk, "failed", {"train.log": LOG, "failure.txt": FAILURE, "steps.json": steps})
    desk.worker.report_failure(task, desk.worker.assign_task(task).epoch, FailureCategory.TASK_ERROR, failed)
    assert [one.name for one in logs_of(desk.chain, desk.store, task) if isinstance(one, Log)] == [
        "train.log",
        "failure.txt",
    ]
    (attempt,) = json.loads(nrt("show", str(task), "--json").stdout)["failed"]
    assert (attempt["attempt"]["error_type"], attempt["steps"]) == (
        "EXECUTION_ERROR",
        None if told is None else {"format": "node-runtime/steps/1", "outputs": None, **told},
    )
    shown = "attempt 1: inputs 0.2 s, image 12.0 s, run 1.5 s\n"
    assert (shown in nrt("show", str(task)).stdout) is (told is not None)


def test_an_attempts_logs_are_its_containers_by_time_then_why_it_failed_then_its_builds(desk: Desk) -> None:
    task = desk.submit(TRAINING + "max_failures: 1\n").tasks[0].id
    by_time = ["predict.log", "metrics.log", "failure.txt", "predict-image.log", "metrics-image.log"]
    failed = stored(desk, "failed", dict.fromkeys(by_time, "said\n"))
    desk.worker.report_failure(task, desk.worker.assign_task(task).epoch, FailureCategory.TASK_ERROR, failed)
    assert [one.name for one in logs_of(desk.chain, desk.store, task) if isinstance(one, Log)] == by_time


def test_a_task_with_a_result_and_a_free_slot_waits_for_another_node(desk: Desk) -> None:
    task = desk.submit(TRAINING + "slots: 2\n").tasks[0].id
    worked(desk, task)
    view = view_task(desk.chain, desk.store, task)
    waits, how, free = why_it_waits(view, desk.chain, now=view.task.created + 60_000)
    assert waits.startswith(f"submission {view.submissions[0].id} waits for you until ")
    assert f"'node-runtime validate {task}' shows it and asks" in how
    assert free.startswith("a slot is free, and no other node has taken it. It pays 10 UNIT")


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


def test_rejecting_stores_the_reason_and_frees_the_slot(desk: Desk) -> None:
    task = submitted(desk)
    worked(desk, task)
    with pytest.raises(InputError, match="between 1 and 256 bytes"):
        reject(desk.chain, task, "ż" * 129)
    reject(desk.chain, task, "it learnt nothing")
    view = view_task(desk.chain, desk.store, task)
    assert [(one.state, one.reason) for one in view.submissions] == [(SubmissionState.REJECTED, "it learnt nothing")]
    assert (view.task.state, view.task.free_slots) == (TaskState.OPEN, 1)


OPEN_TRAININGS = TaskFilter(kind=Kind.TRAINING, state=TaskState.OPEN)


def test_tasks_are_listed_by_plan_objective_and_moment_of_creation_and_of_all_creators(desk: Desk) -> None:
    mine = submitted(desk)
    created = view_task(desk.chain, desk.store, mine).task.created

    def listed(only: TaskFilter) -> list[TaskId]:
        return [view.task.id for view in list_tasks(desk.worker, desk.store, role=AccountRole.ALL, only=only)]

    assert mine in listed(TaskFilter())
    assert mine in listed(TaskFilter(since=created))
    assert mine not in listed(TaskFilter(since=created + 1))
    assert mine not in listed(TaskFilter(plan=PlanId(10**6)))
    assert mine not in listed(TaskFilter(objective=ObjectiveId(10**6)))


def test_the_newest_tasks_are_listed_and_how_many_are_older(desk: Desk, nrt: Nrt) -> None:
    older, newer = submitted(desk), submitted(desk)
    shown = nrt("list", "--limit", "1").stdout.splitlines()
    assert shown[1].split()[0] == str(newer)
    every = len(desk.chain.tasks_of(desk.chain.account))
    assert shown[-1] == f"and {every - 1} older; --limit {every} lists all"
    assert {older, newer} <= {one["task"]["id"] for one in json.loads(nrt("list", "--json").stdout)}
    assert nrt("list", "--all", "--role", "open").returncode == 2
    assert nrt("list", "--since", "1 year").returncode == 2
    assert nrt("list", "--plan", "1000000").stdout == "no such tasks\n"
    assert desk.chain.account[:6] in nrt("list", "--all", COLUMNS="160").stdout


def test_tasks_are_listed_by_role_kind_and_status(desk: Desk) -> None:
    mine = submitted(desk)
    found = list_tasks(desk.chain, desk.store, role=AccountRole.MINE, only=OPEN_TRAININGS)
    assert (found[-1].task.id, found[-1].name) == (mine, "round-1")
    assert list_tasks(desk.worker, desk.store, role=AccountRole.MINE) == ()
    assert mine in [view.task.id for view in list_tasks(desk.worker, desk.store, role=AccountRole.OPEN)]
    desk.chain.cancel_task(mine, abort=False)
    assert mine not in [view.task.id for view in list_tasks(desk.worker, desk.store, role=AccountRole.OPEN)]


def test_an_open_task_shows_why_no_node_takes_it(desk: Desk) -> None:
    task = submitted(desk)
    view = view_task(desk.chain, desk.store, task)
    created, deadline = view.task.created, view.task.terms.deadline

    def reasons(now: int) -> str:
        return "; ".join(why_it_waits(view, desk.chain, now=now))

    assert "opened moments ago" in reasons(created + 1_000)
    assert "no node has taken it in 1m. It pays 10 UNIT, its bond is" in reasons(created + 60_000)
    assert "deadline is too near" in reasons(deadline - 1_000)
    offered = desk.submit(TRAINING + f"assign_to: {desk.worker.account}\n").tasks[0].id
    waiting = why_it_waits(view_task(desk.chain, desk.store, offered), desk.chain, now=created + 60_000)
    offer = f"it is offered to {desk.worker.account} only, which has not taken it"
    assert waiting == (f"{offer}; why, its operator sees by 'node-runtime status'",)


def test_a_waiting_task_names_its_parent(desk: Desk) -> None:
    first = submitted(desk)
    second = desk.submit(TRAINING + f"models: [{{task: {first}}}]\n").tasks[0].id
    view = view_task(desk.chain, desk.store, second)
    assert why_it_waits(view, desk.chain, now=0) == (f"it waits for the model of task {first}, which is open",)


def test_a_result_may_not_withhold_its_model(desk: Desk) -> None:
    task = submitted(desk)
    worked(desk, task, forge=lambda document: document.model_copy(update={"outputs_stay": ("model",)}))
    (result,) = list_task_results(desk.chain, desk.store, task)
    assert "keeps back what must come" in result.trouble
