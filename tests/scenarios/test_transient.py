"""Transient models: dropped once nothing needs them, never before; fetch and submit say that they are gone."""

import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from node_runtime.client import Client
from node_runtime.creator import transient
from node_runtime.creator.plans import PlanReader
from node_runtime.creator.transient import Pruning, dropped_models, prune
from node_runtime.domain.assets import Asset, AssetKind, AssetRef, Digest, Visibility
from node_runtime.domain.task import Assignment, Output, Perf, PlanId, Result, Take, TaskId
from node_runtime.errors import HostError, SpecError
from node_runtime.stores.local import LocalStore
from tests.scenarios.conftest import Desk, Nrt
from tests.scenarios.test_composite import FIRST, second
from tests.scenarios.test_plans import SECOND, extended, plan_of, rounds
from tests.scenarios.test_results import sent, stored
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


def test_a_plan_that_is_repeated_drops_the_same_bytes_again_once_both_are_over(desk: Desk) -> None:
    (first, then), (again, last) = ([task.id for task in desk.submit(CHAINED).tasks] for _ in range(2))
    digests = {submitted_model(desk, task, "repeated weights") for task in (first, again)}
    submitted_model(desk, then, "last weights")
    assert stays(desk, first) == "another task's result has the same bytes"
    assert stays(desk, again) == f"task {last} takes it"
    desk.chain.cancel_task(last, abort=False)
    assert [stays(desk, task) for task in (first, again)] == ["", ""]
    assert not any(map(desk.store.has, digests))


def test_bytes_that_a_task_at_work_may_make_stay(desk: Desk) -> None:
    """Its node may find them stored, and not store them itself, before its result is on chain."""
    first, second = (task.id for task in desk.submit(CHAINED).tasks)
    twin = desk.submit(TRAINING.replace("round-1", "twin")).tasks[0].id
    submitted_model(desk, first, "seeded weights")
    submitted_model(desk, second, "weights 5")
    assert stays(desk, first) == f"task {twin} may make the same bytes"
    desk.chain.cancel_task(twin, abort=False)
    assert stays(desk, first) == ""


def test_a_model_that_stays_on_its_node_is_neither_dropped_nor_told_as_dropped(desk: Desk) -> None:
    rights = "permissions: {outputs: {download: []}}\n"
    first, second = (task.id for task in desk.submit(f"{TRAINING}keep: false\n{rights}---\n{SECOND}").tasks)
    desk.store.remove(submitted_model(desk, first, "weights that stay"))
    submitted_model(desk, second, "weights 6")
    assert stays(desk, first) is None
    assert dropped_models(first, desk.chain, desk.store) == {}


def test_a_task_that_is_created_while_a_prune_looks_keeps_the_model(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (task.id for task in desk.submit(CHAINED).tasks)
    digest = submitted_model(desk, first, "weights 7")
    submitted_model(desk, second, "weights 8")
    look = transient._Uses.reason

    def meanwhile(self: transient._Uses, made: Take, of: Digest) -> str:
        needed = look(self, made, of)
        desk.submit(TRAINING.replace("round-1", "meanwhile"))
        return needed

    with monkeypatch.context() as patched:
        patched.setattr(transient._Uses, "reason", meanwhile)
        assert stays(desk, first) == "a task was created meanwhile, which may take it"
    assert desk.store.has(digest)


def test_what_is_dropped_is_told_by_fetch_and_by_a_file_that_names_it(desk: Desk, nrt: Nrt, tmp_path: Path) -> None:
    done = desk.submit(f"kind: plan\nname: digits\n---\n{CHAINED}")
    first, second = (task.id for task in done.tasks)
    for task in (first, second):
        submitted_model(desk, task, f"weights of task {task}")
    plan = str(plan_of(done))
    assert nrt("plan", "prune", plan).stdout == f"model of task {first} round-1 dropped\n"
    told = nrt("fetch", str(first), str(tmp_path / "result")).stdout
    assert told.endswith("without the model, dropped as the task has keep: false: see docs/plans.md\n")
    assert sorted(path.name for path in (tmp_path / "result").iterdir()) == ["logs", "result.json"]
    with pytest.raises(SpecError, match=rf"the model of task {first} was transient \(keep: false\) and is dropped"):
        extended(desk, plan_of(done), SECOND.replace("round-2", "round-3"))
    named = SECOND.replace("{task: round-1}", f"{{submission: {desk.chain.submissions(first)[0].id}}}")
    with pytest.raises(SpecError, match=rf"the model of task {first} was transient"):
        desk.submit(named)
    with Client("", desk.chain, desk.store, desk.said.append, desk.chain.close) as network:
        fetched = network.task(first).download(tmp_path / "in-python")
    assert sorted(path.name for path in fetched.iterdir()) == ["logs", "result.json"]
    assert desk.said[-1] == "without the model, dropped as the task has keep=False"


def brought(desk: Desk, task: TaskId, texts: dict[str, str], perfs: tuple[Perf, ...] = ()) -> dict[str, Digest]:
    """Submit a result with these outputs, of which those without a text stay with the worker."""
    digests = {
        name: stored(desk, f"{name}-{task}", {name: text or f"private of {task}"}) for name, text in texts.items()
    }
    for name in (name for name, text in texts.items() if not text):
        desk.store.remove(digests[name])
    outputs = tuple(Output(name=name, digest=digest) for name, digest in digests.items())
    result = Result(
        digest=stored(desk, f"result-{task}", {"result.json": "{}"}), outputs=outputs, uri="cas:", perfs=perfs
    )
    desk.worker.send_task_result(task, desk.worker.assign_task(task).epoch, result)
    return digests


def left_of(desk: Desk, digests: dict[str, Digest]) -> set[str]:
    return {name for name, digest in digests.items() if desk.store.has(digest)}


def pruned(desk: Desk, plan: PlanId) -> dict[tuple[TaskId, str], str]:
    view = PlanReader(chain=desk.chain, store=desk.store, number=plan).read()
    return {(one.task, one.output): one.needed for one in prune(view, desk.chain, desk.store)}


def test_the_trunk_of_a_transient_composite_is_dropped_and_its_head_stays_with_its_node(desk: Desk) -> None:
    done = desk.submit(f"{FIRST}keep: false\n---\n" + second("{head: {task: first}, trunk: {task: first}}"))
    first, then = (task.id for task in done.tasks)
    made = brought(desk, first, {"trunk": "trunk 1", "head": ""})
    assert pruned(desk, plan_of(done)) == {(first, "trunk"): f"task {then} takes it"}
    kept = brought(desk, then, {"trunk": "trunk 2", "head": ""})
    assert pruned(desk, plan_of(done)) == {(first, "trunk"): ""}
    assert (left_of(desk, made), left_of(desk, kept)) == (set(), {"trunk"})
    with pytest.raises(SpecError, match=f"the model of task {first} was transient"):
        extended(desk, plan_of(done), second("{head: {task: first}, trunk: {task: first}}"))


def test_each_model_of_a_transient_function_is_dropped_for_itself(desk: Desk) -> None:
    declared = desk.folder / "function" / "function.yaml"
    declared.write_text(declared.read_text().replace("{id: accuracy, kind: performance}", "{id: other, kind: model}"))
    common = "kind: function\nfunction: function/\nopener: opener.py\ndata: [train-0]\nreward: 1\n"
    third = f"---\nname: third\n{common.replace('train-0', 'train-1')}"  # the plan goes on
    taken = f"---\nname: second\n{common}inputs: {{shared: {{task: first, output: shared}}}}\n"
    done = desk.submit(f"name: first\nkeep: false\n{common}{taken}{third}")
    named = {task.name: task.id for task in done.tasks}
    first, then = named["first"], named["second"]
    perfs = (Perf(name="f1", value=Decimal("0.5")),)
    made = brought(desk, first, {"local": "", "shared": "shared 1", "other": "other 1"}, perfs)
    brought(desk, then, {"local": "", "shared": "shared 2", "other": "other 2"}, perfs)
    untaken = "the plan goes on, and a task may still take it"
    assert pruned(desk, plan_of(done)) == {(first, "shared"): "", (first, "other"): untaken}
    assert left_of(desk, made) == {"other"}
    with pytest.raises(SpecError, match=f"the model of task {first} was transient"):
        extended(desk, plan_of(done), taken.removeprefix("---\n").replace("second", "fourth"))
    extended(desk, plan_of(done), taken.removeprefix("---\n").replace("second", "fifth").replace("shared}", "other}"))
    assert left_of(desk, made) == {"other"}


def test_keep_is_refused_of_a_function_that_makes_no_model(desk: Desk) -> None:
    text = "kind: function\nname: scored\nkeep: false\nfunction: function-that-scores/\nobjective: digits\nreward: 1\n"
    with pytest.raises(SpecError, match=r":3:7: the function makes no model; leave it out"):
        desk.write(f"{text}inputs: {{predictions: {{submission: 1}}}}\n")


@pytest.mark.parametrize("command", ["wait", "watch"])
def test_who_follows_a_plan_drops_what_tasks_took_and_leaves_what_none_has_taken(
    desk: Desk, nrt: Nrt, command: str
) -> None:
    done = desk.submit(rounds(3))
    plan, tasks = str(plan_of(done)), [task.id for task in done.tasks]
    models = [submitted_model(desk, task, f"weights of {command} {task}") for task in tasks]
    words = ("wait", *map(str, tasks)) if command == "wait" else ("plan", "show", plan, "--watch")
    ended = nrt(*words)
    assert "2 transient models dropped that no task needs any more" in ended.stdout, ended.stderr
    assert [desk.store.has(one) for one in models] == [False, False, True]
    assert f"model of task {tasks[2]} round-3 dropped" in nrt("plan", "prune", plan).stdout


def test_who_follows_the_plan_of_another_drops_nothing(desk: Desk, nrt: Nrt) -> None:
    done = desk.submit(rounds(2))
    models = [submitted_model(desk, task.id, f"weights of the other {task.id}") for task in done.tasks]
    assert "dropped" not in nrt("wait", str(done.tasks[0].id), NODE_RUNTIME_KEY="//Bob").stdout
    assert all(map(desk.store.has, models))
    refused = nrt("plan", "prune", str(plan_of(done)), NODE_RUNTIME_KEY="//Bob")
    assert "only its creator drops its models" in refused.stderr


def test_a_storage_that_cannot_be_changed_hinders_nobody_from_waiting(desk: Desk) -> None:
    done = desk.submit(rounds(2))
    for task in done.tasks:
        submitted_model(desk, task.id, f"weights that stay {task.id}")
    pruning = Pruning([plan_of(done)], desk.chain, Unchangeable(desk.store))
    pruning.look()
    pruning.look()
    assert (pruning.dropped, pruning.trouble) == (0, "read-only; mount it otherwise")


class Unchangeable:
    """The desk's storage, from which nothing can be removed."""

    def __init__(self, store: LocalStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def remove(self, digest: Digest) -> None:  # noqa: ARG002
        raise HostError("read-only", remedy="mount it otherwise")


KILLED = """\
import os, signal, sys
from node_runtime.cli import main
from node_runtime.stores.local import LocalStore

remove, left = LocalStore.remove, int(sys.argv.pop(1))

def removed_or_killed(store, digest):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    remove(store, digest)

LocalStore.remove = removed_or_killed
sys.exit(main())
"""
"""`node-runtime`, killed in place of its removal of a tree after so many others."""


@pytest.mark.parametrize("removals", [0, 1, 3])
def test_a_prune_that_is_killed_half_way_loses_nothing_that_is_needed_and_ends_when_it_is_repeated(
    desk: Desk, nrt: Nrt, environment: dict[str, str], removals: int
) -> None:
    kept = TRAINING.replace("round-1", "kept") + "models: [{task: round-5}]\n"
    waiting = TRAINING.replace("round-1", "waiting").replace("train-0, ", "") + "models: [{task: round-4}]\n"
    done = desk.submit(f"{rounds(5)}---\n{kept}---\n{waiting}")
    plan, named = str(plan_of(done)), {task.name: task.id for task in done.tasks}
    tasks, last = [named[f"round-{turn}"] for turn in range(1, 6)], named["waiting"]
    models = [submitted_model(desk, task, f"weights {removals} {task}") for task in (*tasks, named["kept"])]
    before = desk.stored()
    command = [sys.executable, "-c", KILLED, str(removals), "plan", "prune", plan]
    ended = subprocess.run(command, env=environment, timeout=240, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert before - desk.stored() == set(models[:removals])
    assert nrt("plan", "prune", plan).stdout.splitlines() == [
        *(f"model of task {task} round-{turn} dropped" for turn, task in enumerate(tasks[:3], start=1)),
        f"model of task {tasks[3]} round-4 stays: task {last} takes it",
        f"model of task {tasks[4]} round-5 dropped",
    ]
    assert before - desk.stored() == {*models[:3], models[4]}
