"""What is listed of scores and of the tasks, models and objectives that belong to them."""

import csv
import io
import re
from decimal import Decimal

from node_runtime.domain.assets import ObjectiveId, short
from node_runtime.domain.task import Perf, Result, TaskId
from node_runtime.stores.local import LocalStore
from tests.scenarios.conftest import Desk, Nrt
from tests.scenarios.test_commands import parsed
from tests.scenarios.test_results import stored, worked

EXACT = "0.123456789012345678"


def scored(desk: Desk, value: str = EXACT) -> tuple[ObjectiveId, TaskId, TaskId]:
    """Submit an objective, a training and its scoring; both are done by one worker, so the score is its own."""
    name = f"objective-{desk.folder.parent.name.replace('_', '-')}"
    common = "algo: algo/\nreward: 1\n"
    submitted = desk.submit(
        f"kind: objective\nname: {name}\nmetric: metric/\nopener: opener.py\nsamples: [test-0]\n---\n"
        f"kind: training\nname: first\ndata: [train-0]\nobjectives: [{name}]\n{common}---\n"
        f"kind: scoring\nname: second\nobjective: {name}\nmodel: {{task: first}}\n{common}"
    )
    (objective,), (training, scoring) = submitted.objectives, (task.id for task in submitted.tasks)
    worked(desk, training)
    perfs = (Perf(name="all", value=Decimal(value)),)
    result = Result(digest=stored(desk, "perf", {"result.json": "{}"}), outputs=(), uri="cas:", perfs=perfs)
    desk.worker.send_task_result(scoring, desk.worker.assign_task(scoring).epoch, result)
    return objective.id, training, scoring


def rows(text: str) -> list[str]:
    return [re.sub(r" {2,}", "  ", row.strip()) for row in text.splitlines()]


def test_a_score_of_the_models_own_maker_is_listed_without_a_rank(desk: Desk, nrt: Nrt) -> None:
    objective, training, _ = scored(desk, "0.5")
    (model,) = desk.chain.submissions(training)
    shown = rows(nrt("objective", "show", str(objective)).stdout)
    bob, alice = short(desk.worker.account), short(desk.chain.account)
    assert "rank  task  name  model  voucher  score  by" in shown
    assert f"–  {training}  first  {model.id}  own  0.5000  {bob}" in shown
    assert f"model {model.id}: made by {bob}, paid for by {alice}; inputs of {alice}" in shown
    assert any(row.startswith("own scores have no rank: ") for row in shown)
    (entry,) = parsed(nrt("objective", "show", str(objective), "--json"))["entries"]
    place = entry["place"]
    assert (place["rank"], place["voucher"], place["median"]) == (None, "own", 0.5)
    assert (place["scorers"], entry["making"]["input_owners"]) == ([desk.worker.account], [desk.chain.account])
    (line,) = csv.DictReader(io.StringIO(nrt("objective", "show", str(objective), "--csv").stdout))
    assert (line["standing"], line["rank"], line["median"], line["payers"]) == (
        "certified", "", "0.5", desk.chain.account
    )  # fmt: skip


def test_tables_that_round_scores_say_where_all_digits_are(desk: Desk, nrt: Nrt) -> None:
    objective, _, scoring = scored(desk)
    rounding = [
        ("list", "--objective", str(objective)),
        ("show", str(scoring)),
        ("results", str(scoring)),
        ("objective", "show", str(objective)),
    ]
    for command in rounding:
        shown = nrt(*command).stdout
        assert "0.1235" in shown
        assert "scores are rounded to 4 decimals; --json has all their digits\n" in shown
        assert EXACT in nrt(*command, "--json").stdout
    objective, _, scoring = scored(desk, "0.5")
    assert "rounded" not in nrt("show", str(scoring)).stdout


def test_show_names_the_tasks_models_and_objectives_that_it_mentions(desk: Desk, nrt: Nrt) -> None:
    objective, training, scoring = scored(desk)
    (model,) = desk.chain.submissions(training)
    known = desk.chain.objective(objective)
    assert known is not None
    shown = rows(nrt("show", str(scoring)).stdout)
    assert f"models  task {training} first" in shown
    assert f"objectives  {objective} {known.name}" in shown
    child = "kind: training\nname: third\nalgo: algo/\ndata: [train-0]\nreward: 1\n"
    (task,) = desk.submit(f"{child}models: [{{submission: {model.id}}}]\n").tasks
    worked(desk, task.id, output="model")
    shown = rows(nrt("show", str(task.id)).stdout)
    assert f"models  submission {model.id} of task {training} first" in shown
    assert f"made from model {model.id} of task {training} first" in shown
    assert any(row.startswith(f"from model {model.id} of task {training} first  ") for row in shown)
    assert f"clean for objective {objective} {known.name}" in shown
    LocalStore(elsewhere := desk.folder.parent / "elsewhere")
    unnamed = rows(nrt("show", str(task.id), NODE_RUNTIME_STORAGE=str(elsewhere)).stdout)
    assert f"made from model {model.id} of task {training}" in unnamed


def test_results_are_compared_by_their_numbers_side_by_side(desk: Desk, nrt: Nrt) -> None:
    _, training, first = scored(desk, "0.5")
    _, _, second = scored(desk, EXACT)
    results = [f"{task}/{desk.chain.submissions(task)[-1].id}" for task in (first, second)]
    shown = rows(nrt("compare", str(first), results[1]).stdout)
    assert shown[1:3] == [f"{one}  second  {short(desk.worker.account)}  certified, own" for one in results]
    assert shown[4:6] == [f"number  {results[0]}  {results[1]}", "all  0.5000  0.1235"]
    listed = parsed(nrt("compare", str(first), str(second), "--json"))
    assert [one["numbers"]["all"] for one in listed] == [0.5, float(EXACT)]
    lines = list(csv.DictReader(io.StringIO(nrt("compare", *results, "--csv").stdout)))
    assert [(one["name"], one["standing"], one["all"]) for one in lines] == [
        ("second", "certified", "0.5"), ("second", "certified", EXACT)
    ]  # fmt: skip
    refused = nrt("compare", str(first), str(training))
    assert (refused.returncode, "whose results have no numbers" in refused.stderr) == (2, True)
