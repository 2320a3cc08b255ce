"""The JSON schema of the YAML takes what the reader takes, and refuses what an editor can see to be wrong."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from node_runtime.creator.templates import TEMPLATES
from node_runtime.domain.function import FILE_NAME as FUNCTION_FILE
from node_runtime.spec.read import yaml_models
from node_runtime.spec.schema import MEANING, task_schema
from node_runtime.spec.yaml_source import load_documents

ROOT = Path(__file__).parents[3]
READ = ROOT / "tests" / "scenarios" / "spec" / "read"
EXAMPLES = [
    path
    for folder in (ROOT / "assets", TEMPLATES, READ, ROOT / "tests" / "unit" / "kinds" / "examples")
    for path in sorted(folder.rglob("*.yaml"))
    if not path.name.endswith((".outputs.yaml", FUNCTION_FILE))
]
REFUSED = ROOT / "tests" / "scenarios" / "spec" / "refused"
WRONG = (
    *("several-mistakes", "keys-missing", "kind-missing", "size-without-unit", "size-with-wrong-unit"),
    *("duration-without-unit", "duration-with-wrong-unit", "name-odd", "label-test-in-training", "slots-not-whole"),
    *("reward-negative", "reward-in-words", "objective-direction", "objective-tolerance-in-words"),
    *("parameters-in-a-list", "sweep-of-one-value"),
)
ACCOUNT = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
TASK: dict[str, Any] = {"kind": "training", "name": "a", "algo": "algo/", "data": ["d"], "reward": 1}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = task_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_is_valid(example: Path, validator: Draft202012Validator) -> None:
    for document in load_documents(example):
        validator.validate(document.value)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_document_is_not(name: str, validator: Draft202012Validator) -> None:
    documents = load_documents(REFUSED / f"{name}.yaml")
    assert not all(validator.is_valid(document.value) for document in documents)


@pytest.mark.parametrize(
    "more",
    [
        {"validation": "auto"},
        {"validation": {"manual": None}},
        {"validation": {"custom": {"judge": ACCOUNT, "window": "1d 12h"}}},
        {"models": ["model/", {"task": 7}, {"task": "b"}, {"submission": 1}]},
        {"algo": {"source": "algo/", "entrypoint": ["python", "a.py"]}},
        {"reward": "0.25 UNIT", "bond": 0, "assign_to": ACCOUNT},
        {"parameters": {"a": [1, {"b": None}]}, "sweep": {"depth": [1, "two", [3]]}},
        {"limits": {"memory": "1.5GB", "timeout": "90s", "cpus": 0.5}},
    ],
)
def test_each_way_to_write_a_value_is_valid(more: dict[str, Any], validator: Draft202012Validator) -> None:
    validator.validate(TASK | more)


@pytest.mark.parametrize(
    "more",
    [
        {"validation": "never"},
        {"validation": {"custom": {}}},
        {"limits": {"memry": "1GiB"}},
        {"models": [{"tsk": 1}]},
        {"objective": "a"},
        {"parameters": "depth"},
    ],
)
def test_a_mistake_inside_is_not(more: dict[str, Any], validator: Draft202012Validator) -> None:
    assert not validator.is_valid(TASK | more)


def test_every_key_has_a_meaning_and_no_other_has() -> None:
    assert {key for model in yaml_models().values() for key in model.model_fields} == set(MEANING)


def test_it_names_nothing_of_this_machine_and_no_unknown_keywords() -> None:
    written = repr(task_schema())
    assert str(ROOT) not in written
    assert not any(f"'{word}':" in written for word in ("default", "gt", "ge", "lt", "le"))
