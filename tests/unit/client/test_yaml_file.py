"""YAML → objects → YAML gives the same documents, for the examples of every kind and for any parameters."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import JsonValue

from node_runtime import client
from node_runtime.client.documents import spec_file
from node_runtime.client.yaml_file import yaml_text
from node_runtime.domain.parameters import LARGEST_INTEGER
from node_runtime.errors import InputError, SpecError
from node_runtime.spec.entries import AnySpec
from node_runtime.spec.objective import ObjectiveSpec
from node_runtime.spec.read import read_specs
from node_runtime.spec.yaml_source import load_documents

KINDS = Path(__file__).parents[1] / "kinds" / "examples"
FILES = Path(__file__).parents[2] / "scenarios" / "spec" / "files"
EXAMPLES = sorted(path.stem for path in KINDS.glob("*.yaml") if not path.name.endswith(".outputs.yaml"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(FILES, tmp_path / "task")
    return tmp_path / "task"


def example(kind: str, folder: Path) -> Path:
    return Path(shutil.copy(KINDS / f"{kind}.yaml", folder / "task.yaml"))


def values(file: Path) -> list[dict[str, Any]]:
    return [document.value for document in load_documents(file)]


def specs(file: Path) -> list[dict[str, Any]]:
    return [_dumped(entry.spec) for entry in read_specs(file).entries]


def _dumped(spec: AnySpec) -> dict[str, Any]:
    return ObjectiveSpec.model_dump(spec) if isinstance(spec, ObjectiveSpec) else spec.model_dump()


@pytest.mark.parametrize("kind", EXAMPLES)
def test_documents_are_written_as_they_were_read(kind: str, folder: Path) -> None:
    file = example(kind, folder)
    documents = client.read_yaml(file)
    assert [_dumped(entry.spec) for entry in spec_file(documents).entries] == specs(file)
    client.write_yaml(folder / "again.yaml", *documents)
    assert values(folder / "again.yaml") == values(file)
    assert specs(folder / "again.yaml") == specs(file)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_documents_written_to_another_folder_name_the_same_files(kind: str, folder: Path, tmp_path: Path) -> None:
    file, elsewhere = example(kind, folder), tmp_path / "else" / "where"
    elsewhere.mkdir(parents=True)
    client.write_yaml(elsewhere / "task.yaml", *client.read_yaml(file))
    assert specs(elsewhere / "task.yaml") == specs(file)


TEXTS = some.text() | some.sampled_from(
    ["no", "yes", "1e5", "0x10", "012", "1:30", "null", "~", "<<", "=", "2026-01-01"]
)
NUMBERS = some.floats(allow_nan=False, allow_infinity=False) | some.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
VALUES = some.recursive(
    some.none() | some.booleans() | NUMBERS | TEXTS,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(parameters=some.dictionaries(TEXTS, VALUES, max_size=4))
def test_any_parameters_are_read_as_they_were_written(
    parameters: dict[str, JsonValue], tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = client.Aggregation(name="all", models=[{"task": 1}], reward=1, parameters=parameters)
    folder = tmp_path_factory.mktemp("any")
    (folder / "task.yaml").write_text(yaml_text([made], folder), encoding="utf-8")
    (found,) = client.read_yaml(folder / "task.yaml")
    assert found.arguments.value == made.arguments.value


def test_an_amount_keeps_every_digit(folder: Path) -> None:
    file = folder / "task.yaml"
    file.write_text("kind: aggregation\nname: all\nmodels: [{task: 1}]\nreward: 900000000.123456789012\n")
    client.write_yaml(folder / "again.yaml", *client.read_yaml(file))
    assert specs(folder / "again.yaml") == specs(file)


def test_a_swept_document_stays_one(folder: Path) -> None:
    file = folder / "task.yaml"
    file.write_text("kind: aggregation\nname: all\nmodels: [{task: 1}]\nreward: 1\nsweep: {rate: [0.1, 1]}\n")
    assert len(client.read_yaml(file)) == 1


def test_a_mistake_in_a_file_has_its_line(folder: Path) -> None:
    (folder / "task.yaml").write_text("kind: aggregation\nname: all\nreward: 1\n")
    with pytest.raises(SpecError, match=r"task\.yaml:1:1: key 'models' is missing"):
        client.read_yaml(folder / "task.yaml")


def test_an_existing_file_is_not_overwritten(folder: Path) -> None:
    documents = client.read_yaml(example("aggregation", folder))
    with pytest.raises(InputError, match=r"task\.yaml is there already"):
        client.write_yaml(folder / "task.yaml", *documents)
