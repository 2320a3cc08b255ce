"""A connection in Python beside the command line: extended plans, the columns of results, comparison, averages."""

import csv
import io
import re
from decimal import Decimal
from pathlib import Path

import pytest

from node_runtime import client
from node_runtime.domain.task import Perf, Result, TaskId
from node_runtime.errors import InputError, SpecError
from tests.scenarios.conftest import Desk, Nrt
from tests.scenarios.test_result_files import worked as model_made
from tests.scenarios.test_results import sent, stored, worked
from tests.unit.federation.model_folders import arrays, model_folder, structure

COLUMNS = {"plan_key": "plan", "status": "plan_state", "task_key": "task", "task_rank": "rank"}


@pytest.fixture
def connection(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> client.Client:
    """Return a connection of the desk, in whose folder the paths are."""
    monkeypatch.chdir(desk.folder)
    return client.Client("ws://desk", desk.chain, desk.store, desk.said.append, desk.chain.close)


def training(name: str, **more: object) -> client.YamlDocument:
    given: dict[str, object] = {"algo": "algo", "data": ["train-0"], "reward": 1}
    return client.Training(name=name, **(given | more))  # type: ignore[arg-type]


def scoring(name: str, model: object, turn: int) -> client.YamlDocument:
    given: dict[str, object] = {"algo": "algo", "metrics": "metric", "opener": "opener.py", "data": ["train-1"]}
    return client.Scoring(name=name, model=model, parameters={"round": turn}, reward=1, **given)  # type: ignore[arg-type]


def scored(desk: Desk, task: client.TaskHandle, value: str, more: str) -> None:
    perfs = (Perf(name="all", value=Decimal(value)), Perf(name=more, value=Decimal("3")))
    result = Result(digest=stored(desk, "perf", {"result.json": "{}"}), outputs=(), uri="cas:", perfs=perfs)
    number = TaskId(task.id)
    desk.worker.send_task_result(number, desk.worker.assign_task(number).epoch, result)


def test_a_plan_is_extended_and_its_results_have_the_columns_of_the_command_line(
    desk: Desk, connection: client.Client, nrt: Nrt
) -> None:
    first = training("first")
    plan = connection.submit(client.Plan(name="digits"), first, scoring("score", first, 1))
    worked(desk, TaskId(plan["first"].id))
    scored(desk, plan["score"], "0.75", "flowers")
    later = connection.submit(scoring("again", plan["first"], 2), plan=plan)
    assert (later.number, [task.name for task in later]) == (plan.number, ["again"])
    scored(desk, later["again"], "0.5", "flowers")
    assert plan.number is not None
    by_name = connection.submit(training("second", models=[{"task": "first"}]), plan=plan.number)
    assert connection.plan(plan.number)["second"].id == by_name["second"].id
    desk.chain.cancel_task(TaskId(by_name["second"].id), abort=False)

    rows = connection.plan(plan.number).results()
    assert [(row["name"], row["rank"], row["round"]) for row in rows if row["identifier"] == "all"] == [
        ("score", 1, 1),
        ("again", 1, 2),
    ]
    numbers = [row for row in rows if row["identifier"] is not None]
    told = list(csv.DictReader(io.StringIO(nrt("plan", "results", str(plan.number), "--csv").stdout)))
    assert len(told) == len(numbers) == 4
    for row, line in zip(numbers, told, strict=True):
        for column, value in line.items():
            mine = row[COLUMNS.get(column, column)]  # type: ignore[literal-required]
            shown = mine.strftime("%Y-%m-%d %H:%M:%S") if column in ("start", "end") else str(mine)
            assert shown == value or float(mine) == float(value), column
    assert plan["score"].results() == [row for row in rows if row["name"] == "score"]


def test_what_is_no_plan_to_extend_is_refused_in_words_of_python(connection: client.Client) -> None:
    alone = connection.submit(training("alone"))
    with pytest.raises(InputError, match=re.escape("a task alone is no plan to extend")):
        connection.submit(training("more"), plan=alone)
    plan = connection.submit(training("first"), training("second", data=["train-1"]))
    with pytest.raises(SpecError, match=r"Training\('more'\)\.models\[0\]: no task 'frist'"):
        connection.submit(training("more", models=[{"task": "frist"}]), plan=plan)
    plan.cancel()
    with pytest.raises(InputError, match="so it takes no tasks; submit without plan="):
        connection.submit(training("more"), plan=plan)


def test_results_are_compared_as_the_command_does(desk: Desk, connection: client.Client, nrt: Nrt) -> None:
    model = training("first")
    plan = connection.submit(model, scoring("one", model, 1), scoring("two", model, 2))
    worked(desk, TaskId(plan["first"].id))
    scored(desk, plan["one"], "0.75", "flowers")
    scored(desk, plan["two"], "0.5", "rows")
    rows = connection.compare(plan["one"], plan["two"].result())
    assert rows == connection.compare(plan["one"].id, plan["two"].id)
    told = nrt("compare", str(plan["one"].id), str(plan["two"].id), "--csv").stdout
    read = list(csv.DictReader(io.StringIO(told)))
    assert [list(row) for row in rows] == [list(row) for row in read]
    assert [(row["all"], row["flowers"], row["rows"]) for row in rows] == [(0.75, 3.0, None), (0.5, None, 3.0)]
    with pytest.raises(InputError, match="whose results have no numbers"):
        connection.compare(plan["first"])


def test_models_are_averaged(desk: Desk, connection: client.Client, tmp_path: Path) -> None:
    tasks = connection.submit(training("first"), training("second", data=["train-1"]))
    for value, task in enumerate(tasks):
        made = model_folder(tmp_path / f"made-{value}" / "model", arrays(value, units=2), shape=structure(units=2))
        model_made(desk, TaskId(task.id), desk.store.put(made.parent))
    averaged = connection.federate(*tasks, out=tmp_path / "averaged")
    assert averaged.samples == 20
    assert (tmp_path / "averaged" / "weights.npz").exists()


def test_transient_models_are_pruned(desk: Desk, connection: client.Client) -> None:
    first = training("first", keep=False)
    plan = connection.submit(first, training("second", models=[first]))
    made = [
        sent(desk, desk.worker.assign_task(TaskId(task.id)), model=task.name).result.output("model") for task in plan
    ]
    assert [(one.task, one.needed) for one in plan.prune()] == [(plan["first"].id, "")]
    assert [digest is not None and desk.store.has(digest) for digest in made] == [False, True]
