"""`check` warns of models that nobody may use, by the permissions that a file states."""

import shutil
from pathlib import Path

import pytest

from node_runtime.spec.read import read_specs
from tests.scenarios.conftest import FILES

ONE, OTHER = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty", "5FLSigC9HGRKVhB9FiEo4Y3koPsNmBmLJbpXg2mp1hXcS59Y"
TRAINING = "kind: training\nname: round-1\nalgo: algo/\nopener: opener.py\ndata: [train-0]\nreward: 10\n"
FUNCTION = TRAINING.replace("training", "function").replace("algo: algo/", "function: function/")
STAYS = (
    "what the task makes stays on the node that makes it, since not everyone may download it, and nobody but you may "
    "process it: no task can take it unless that node is yours; name the node's account in 'process', or yours in "
    "'assign_to'"
)
HEAD = (
    "the private model '{}' stays on the node that makes it and nobody but you may process it: no task can take it "
    "unless that node is yours; name the node's account in 'process', or yours in 'assign_to'"
)
NOBODY = (
    "no account in 'process' may process all inputs of the task, so nobody but you may use what it makes; name "
    "accounts that every input names, or [] for yourself alone"
)


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A creator's folder, the working directory."""
    shutil.copytree(FILES, tmp_path / "desk")
    monkeypatch.chdir(tmp_path / "desk")


def warnings(text: str) -> list[str]:
    Path("task.yaml").write_text(text)
    return list(read_specs(Path("task.yaml")).warnings)


def permissions(**keys: str) -> str:
    return "permissions:\n" + "".join(f"  {key}: {{{rights}}}\n" for key, rights in keys.items())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (permissions(outputs="process: [], download: []"), STAYS),
        (permissions(data="download: []", outputs="process: []"), STAYS),
        (permissions(data=f"process: [{ONE}], download: []", outputs=f"process: [{OTHER}]"), STAYS),
        (permissions(algo=f"process: [{ONE}]", outputs=f"process: [{OTHER}]"), NOBODY),
        (permissions(algo=f"process: [{ONE}]", data=f"process: [{OTHER}]", outputs=f"process: [{OTHER}]"), NOBODY),
        ("composite: {}\n" + permissions(outputs="process: []"), HEAD.format("head")),
    ],
)
def test_a_model_that_nobody_may_use_is_told_with_place_and_remedy(text: str, told: str) -> None:
    line = len((TRAINING + text).splitlines())
    assert warnings(TRAINING + text) == [f"task.yaml:{line}:12: {told}"]


@pytest.mark.parametrize(
    "text",
    [
        permissions(outputs="process: []"),  # it leaves its node, for its creator alone
        permissions(outputs="download: []"),  # whoever may work on the task may use it
        permissions(data=f"process: [{ONE}], download: []"),
        permissions(data=f"process: [{ONE}, {OTHER}], download: []", outputs=f"process: [{ONE}]"),
        f"assign_to: {ONE}\n" + permissions(outputs="process: [], download: []"),  # the creator's own node, perhaps
    ],
)
def test_nothing_is_told_of_a_model_that_somebody_may_use(text: str) -> None:
    assert warnings(TRAINING + text) == []


def test_a_private_model_of_a_function_is_told_of_where_its_node_may_not_take_it() -> None:
    assert warnings(FUNCTION + permissions(outputs="process: []")) == [f"task.yaml:8:12: {HEAD.format('local')}"]


def test_the_models_of_earlier_tasks_and_an_objective_count_as_inputs() -> None:
    second = TRAINING.replace("round-1", "round-2").replace("train-0", "train-1") + "models: [{task: round-1}]\n"
    first = TRAINING + permissions(algo=f"process: [{ONE}]", data="download: []") + "---\n"
    assert warnings(first + second + permissions(outputs=f"process: [{OTHER}]")) == [f"task.yaml:19:12: {STAYS}"]
    objective = (
        "kind: objective\nname: digits\nmetric: function-that-scores/\nopener: opener.py\nsamples: [test-0]\n"
        + permissions(samples="download: []")
        + "---\n"
    )
    trained = FUNCTION + "objectives: [digits]\n---\n"
    predicted = (
        "kind: function\nname: predicted\nfunction: function-that-predicts/\nobjective: digits\n"
        "inputs: {model: {task: round-1, output: shared}}\nreward: 1\n"
    )
    found = warnings(objective + trained + predicted + permissions(outputs="process: []"))
    assert found == [f"task.yaml:24:12: {STAYS}"]
