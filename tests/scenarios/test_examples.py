"""Every YAML of the examples and of the documentation is one that `check` finds nothing in."""

from pathlib import Path

import pytest
import yaml

from node_runtime.domain.function import FILE_NAME as FUNCTION_FILE
from node_runtime.spec.bounds import packaged_bounds
from node_runtime.spec.read import read_specs
from tests.examples import CHECKOUT, copy_examples, documented

EXAMPLES = sorted(
    str(file.relative_to(CHECKOUT / "assets"))
    for file in (CHECKOUT / "assets").rglob("*.yaml")
    if file.name != FUNCTION_FILE
)
FUNCTIONS = "docs/substra.md:"  # a page of functions: what they declare, and their tasks
ACCESS = "docs/storage.md:"  # of configurations (tests/unit/config/test_storage_access.py)
DOCUMENTED = dict(documented())


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_examples(tmp_path_factory.mktemp("checkout"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_neither_mistakes_nor_unexpected_warnings(name: str, assets: Path) -> None:
    assert read_specs(assets / name, bounds=packaged_bounds()).warnings == ()


@pytest.mark.parametrize("place", [place for place in DOCUMENTED if not place.startswith((FUNCTIONS, ACCESS))])
def test_yaml_in_the_documentation_is_right(place: str, assets: Path) -> None:
    """A block that shows some keys is filled up with those of the example of its kind."""
    (shown,) = yaml.safe_load_all(DOCUMENTED[place])
    whole = next(one for one in yaml.safe_load_all((assets / "digits/train.yaml").read_text())) | shown
    assert shown["kind"] == whole["kind"] == "training"
    file = assets / "digits" / "documented.yaml"
    file.write_text(yaml.safe_dump(whole))
    assert read_specs(file, bounds=packaged_bounds()).warnings == ()


SCORED = """\
kind: objective
name: digits
metric: score/
opener: opener.py
samples: [test]
---
kind: function
name: train-0
function: train/
opener: opener.py
data: [a]
objectives: [digits]
reward: 1
---
"""
PREDICTS = "inputs: [{opener}, {samples}, {{id: shared, kind: model}}]\noutputs: [{{id: predictions, kind: model}}]\n"
SCORES = "inputs: [{opener}, {samples}, {{id: predictions, kind: model}}]\noutputs: [{{id: f1, kind: performance}}]\n"
DATA = {
    "opener": "{id: opener, kind: data_manager}",
    "samples": "{id: datasamples, kind: data_sample, multiple: true}",
}


def test_yaml_of_functions_in_the_documentation_is_right(tmp_path: Path) -> None:
    """The tasks are those of the declaration that the page begins with, of functions that predict and score beside."""
    declared, trained, scored = (text for place, text in DOCUMENTED.items() if place.startswith(FUNCTIONS))
    declarations = {"train": declared, "predict": PREDICTS.format(**DATA), "score": SCORES.format(**DATA)}
    for name, declaration in declarations.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "function.yaml").write_text(declaration)
        (tmp_path / name / "Dockerfile").write_text('FROM scratch\nENTRYPOINT ["/run"]\n')
    for name in ("a", "b", "test"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows").write_text(name)
    (tmp_path / "opener.py").touch()
    (tmp_path / "task.yaml").write_text("---\n".join((SCORED.removesuffix("---\n"), trained, scored)))
    file = read_specs(tmp_path / "task.yaml", bounds=packaged_bounds())
    assert [spec.name for _, spec in file.tasks] == ["train-0", "train-1", "predicted", "scored"]
    assert file.warnings == ()


def test_an_algo_is_not_left_without_the_opener_that_it_imports(assets: Path) -> None:
    lines = (assets / "digits" / "aggregate.yaml").read_text().splitlines(keepends=True)
    file = assets / "digits" / "without.yaml"
    aggregation = lines.index("kind: aggregation\n")
    file.write_text("".join([*lines[:aggregation], *(line for line in lines[aggregation:] if "opener" not in line)]))
    (warning,) = read_specs(file).warnings
    assert warning == (
        f"{file}:{aggregation + 3}:7: {assets}/digits/algo/algo.py:18: it imports the opener, and the task names none; "
        "name it as 'opener'"
    )
