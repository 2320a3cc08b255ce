"""What is listed of scores and of the tasks, models and objectives that belong to them."""

import re
from decimal import Decimal

from node_runtime.domain.assets import ObjectiveId
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
    head, place, better, own = rows(nrt("objective", "leaderboard", str(objective)).stdout)
    assert head == "rank  task  name  model  voucher  score"
    assert place == f"–  {training}  first  {model.id}  own  0.5000"
    assert better == "higher is better; 'node-runtime show TASK' tells a model's making"
    assert own.startswith("own scores have no rank: ")
    (listed,) = parsed(nrt("objective", "leaderboard", str(objective), "--json"))
    assert (listed["rank"], listed["voucher"], listed["median"]) == (None, "own", 0.5)


def test_tables_that_round_scores_say_where_all_digits_are(desk: Desk, nrt: Nrt) -> None:
    objective, _, scoring = scored(desk)
    rounding = [
        ("list", "--objective", str(objective)),
        ("show", str(scoring)),
        ("results", str(scoring)),
        ("objective", "leaderboard", str(objective)),
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
