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
DOCUMENTED = dict(documented())


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_examples(tmp_path_factory.mktemp("checkout"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_neither_mistakes_nor_unexpected_warnings(name: str, assets: Path) -> None:
    assert read_specs(assets / name, bounds=packaged_bounds()).warnings == ()


@pytest.mark.parametrize("place", DOCUMENTED)
def test_yaml_in_the_documentation_is_right(place: str, assets: Path) -> None:
    """A block that shows some keys is filled up with those of the example of its kind."""
    (shown,) = yaml.safe_load_all(DOCUMENTED[place])
    whole = next(one for one in yaml.safe_load_all((assets / "digits/train.yaml").read_text())) | shown
    assert shown["kind"] == whole["kind"] == "training"
    file = assets / "digits" / "documented.yaml"
    file.write_text(yaml.safe_dump(whole))
    assert read_specs(file, bounds=packaged_bounds()).warnings == ()


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
