"""Transient models: dropped once nothing needs them, never before; fetch and submit say that they are gone."""

from pathlib import Path

import pytest

from node_runtime.creator.plans import PlanReader
from node_runtime.creator.transient import prune
from node_runtime.domain.assets import Asset, AssetKind, AssetRef, Digest, Visibility
from node_runtime.domain.task import Assignment, TaskId
from node_runtime.errors import SpecError
from tests.scenarios.conftest import Desk, Nrt
from tests.scenarios.test_plans import SECOND, extended, plan_of
from tests.scenarios.test_results import sent
from tests.scenarios.test_submit import TRAINING

CHAINED = f"{TRAINING}keep: false\n---\n{SECOND}"


def submitted_model(desk: Desk, task: TaskId, text: str, attempt: Assignment | None = None) -> Digest:
    """Submit a result with this model; return the model's digest."""
    found = sent(desk, attempt or desk.worker.assign_task(task), model=text).result.output("model")
    assert found is not None
    return found


def stays(desk: Desk, task: TaskId) -> str | None:
    """Prune the task's plan; return why the task's model stays, None if it isn't transient."""
    found = desk.chain.task(task)
    assert found is not None
    assert found.terms.plan is not None
    view = PlanReader(chain=desk.chain, store=desk.store, number=found.terms.plan).read()
    return next((one.needed for one in prune(view, desk.chain, desk.store) if one.task == task), None)


def test_a_transient_model_is_dropped_once_the_last_task_that_takes_it_is_final(desk: Desk) -> None:
    first, second = (task.id for task in desk.submit(CHAINED).tasks)
    digest = submitted_model(desk, first, "weights 1")
    assert stays(desk, first) == f"task {second} takes it"
    attempt = desk.worker.assign_task(second)
    assert stays(desk, first) == f"task {second} takes it"
    assert desk.store.has(digest)
    kept = submitted_model(desk, second, "weights 2", attempt)
    assert [stays(desk, first) for _ in range(2)] == ["", ""]
    assert (desk.store.has(digest), desk.store.has(kept)) == (False, True)
    assert stays(desk, second) is None


def test_a_model_that_no_task_has_taken_yet_stays_until_its_plan_is_over(desk: Desk) -> None:
    alone = TRAINING.replace("round-1", "other")
    first, other = (task.id for task in desk.submit(f"{TRAINING}keep: false\n---\n{alone}").tasks)
    digest = submitted_model(desk, first, "weights 3")
    assert stays(desk, first) == "the plan goes on, and a task may still take it"
    desk.chain.cancel_task(other, abort=False)
    assert stays(desk, first) == ""
    assert not desk.store.has(digest)


@pytest.mark.parametrize("owner", ["creator", "worker"])
def test_bytes_that_anybody_registered_as_an_asset_stay(desk: Desk, owner: str) -> None:
    first, second = (task.id for task in desk.submit(CHAINED).tasks)
    digest = submitted_model(desk, first, f"weights of {owner}")
    account = desk.chain if owner == "creator" else desk.worker
    ref = AssetRef(owner=account.account, digest=digest)
    account.register_assets(
        [Asset(ref=ref, kind=AssetKind.MODEL, label=None, visibility=Visibility.SHARED, uri="cas:")]
    )
    submitted_model(desk, second, f"more weights of {owner}")
    assert stays(desk, first) == "an asset has the same bytes"
    assert desk.store.has(digest)


def test_bytes_that_another_task_keeps_stay(desk: Desk) -> None:
    first, second = (task.id for task in desk.submit(CHAINED).tasks)
    digest = submitted_model(desk, first, "equal weights")
    assert submitted_model(desk, second, "equal weights") == digest
    assert stays(desk, first) == "another task's result has the same bytes"
    assert desk.store.has(digest)


def test_bytes_that_a_task_at_work_may_make_stay(desk: Desk) -> None:
    """Its node may find them stored, and not store them itself, before its result is on chain."""
    first, second = (task.id for task in desk.submit(CHAINED).tasks)
    twin = desk.submit(TRAINING.replace("round-1", "twin")).tasks[0].id
    submitted_model(desk, first, "seeded weights")
    submitted_model(desk, second, "weights 5")
    assert stays(desk, first) == f"task {twin} may make the same bytes"
    desk.chain.cancel_task(twin, abort=False)
    assert stays(desk, first) == ""


def test_what_is_dropped_is_told_by_fetch_and_by_a_file_that_names_it(desk: Desk, nrt: Nrt, tmp_path: Path) -> None:
    done = desk.submit(f"kind: plan\nname: digits\n---\n{CHAINED}")
    first, second = (task.id for task in done.tasks)
    for task in (first, second):
        submitted_model(desk, task, f"weights of task {task}")
    plan = str(plan_of(done))
    assert nrt("plan", "prune", plan).stdout == f"model of task {first} round-1 dropped\n"
    told = nrt("fetch", str(first), str(tmp_path / "result")).stdout
    assert "the model is dropped: its task has keep: false" in told
    assert sorted(path.name for path in (tmp_path / "result").iterdir()) == ["logs", "result.json"]
    with pytest.raises(SpecError, match=rf"the model of task {first} was transient \(keep: false\) and is dropped"):
        extended(desk, plan_of(done), SECOND.replace("round-2", "round-3"))
