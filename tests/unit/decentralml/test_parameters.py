"""The mapping of the parameters that DecentralML's functions share to the keys of a task's YAML."""

import re
from pathlib import Path

import pytest

from node_runtime.creator.validation.strategies import AutoAccept, CustomAccept, ManualAccept
from node_runtime.decentralml.parameters import (
    Offer,
    check_storage,
    check_task_type,
    name_of,
    reward,
    validation,
    yaml_text,
)
from node_runtime.domain.assets import Account
from node_runtime.domain.task import UNIT, Kind
from node_runtime.errors import InputError
from node_runtime.kinds import TaskSpec
from node_runtime.spec.read import read_specs

JUDGE = Account("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")


def offer(**changed: object) -> Offer:
    given: dict[str, object] = {
        "expiration_block": 100,
        "task_type": "ModelEngineer",
        "question": "Smaller?",
        "pays_amount": UNIT,
        "max_assignments": 1,
        "validation_strategy": "AutoAccept",
        "extras": {},
    }
    return Offer(**(given | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("amount", "yaml"),
    [
        (3 * UNIT, "3.000000000000"),
        (1, "0.000000000001"),
        (12_345 * UNIT + 5 * 10**11, "12345.500000000000"),
        (10**26 + 1, "100000000000000.000000000001"),
    ],
)
def test_integers_are_exact_base_units(amount: int, yaml: str) -> None:
    assert reward(amount) == yaml
    assert reward("2.5") == "2.5"


@pytest.mark.parametrize("wrong", [0, -1, True, 2.5, None])
def test_invalid_amounts_are_refused(wrong: object) -> None:
    with pytest.raises(InputError, match="pays_amount"):
        reward(wrong)  # type: ignore[arg-type]


def test_strategies_map_to_the_validation_terms_on_chain() -> None:
    assert validation("AutoAccept") == validation(AutoAccept()) == "auto"
    assert validation("ManualAccept") == validation("CustomAccept") == {"manual": {"window": "24h"}}
    assert validation(ManualAccept(window="2h")) == {"manual": {"window": "2h"}}
    judged = CustomAccept("judge.py", judge=JUDGE, window="1h")
    assert validation(judged) == {"custom": {"judge": JUDGE, "window": "1h"}}


def test_a_short_deadline_halves_into_the_default_container_timeout() -> None:
    assert offer().yaml(Kind.RESTRUCTURING, name="a")["limits"] == {"timeout": "100000ms"}
    assert offer(expiration_block="3h").yaml(Kind.RESTRUCTURING, name="a")["limits"] == {"timeout": "900000ms"}
    given = {"limits": {"timeout": "9s", "cpus": 2.0}}
    assert offer(extras=given).yaml(Kind.RESTRUCTURING, name="a")["limits"] == given["limits"]


def read(folder: Path, **keywords: object) -> TaskSpec:
    """Return the task as the YAML reader reads what the function would write."""
    (folder / "bundle").mkdir()
    (folder / "bundle" / "start_task.sh").write_text("#!/bin/sh\n")
    keys = offer(**keywords).yaml(Kind.RESTRUCTURING, name="a")
    (folder / "task.yaml").write_text(yaml_text({"bundle": "bundle", "models": [{"task": 1}], **keys}))
    ((_, spec),) = read_specs(folder / "task.yaml").tasks
    return spec


def test_what_a_function_is_given_is_what_the_yaml_reader_reads(tmp_path: Path) -> None:
    parameters = {
        "rate": 1e-05,
        "layers": (64, 8),
        "name": "größer 😀\x7f\x85\u2028\ufeff \\ud83d",
        "on": "no",
        "none": None,
    }
    spec = read(tmp_path, parameters=parameters, question="😀?")
    assert spec.parameters == {**parameters, "layers": [64, 8]}
    assert spec.model_dump()["question"] == "😀?"


def test_without_parameters_there_are_none(tmp_path: Path) -> None:
    assert read(tmp_path).parameters is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a": float("nan")}, "parameters: Out of range float values are not JSON compliant"),
        ({"a": {1, 2}}, "parameters: Object of type set is not JSON serializable"),
        ({"a": [{2: 3}]}, "parameters: a key must be text, not 2"),
        ({"a": "\ud800"}, "parameters: 'utf-8' codec can't encode character"),
        ({"a": 1 << 64}, "parameters: a whole number has more than 64 bits"),
        ({"a": "x" * (1 << 16)}, "parameters: 65,544 bytes as JSON, at most 65,536"),
        (["depth"], "parameters: a list is no mapping"),
    ],
)
def test_parameters_that_no_program_could_read_are_refused(tmp_path: Path, value: object, reason: str) -> None:
    with pytest.raises(InputError, match=re.escape(reason)):
        read(tmp_path, parameters=value)


def test_extras_that_contradict_the_function_are_refused() -> None:
    with pytest.raises(InputError, match="parameters: they are in extras too"):
        offer(parameters={}, extras={"parameters": {}}).yaml(Kind.RESTRUCTURING, name="a")
    with pytest.raises(InputError, match="'sweep' makes several tasks, and this function makes one"):
        offer(extras={"sweep": {"depth": [1, 2]}}).yaml(Kind.RESTRUCTURING, name="a")
    with pytest.raises(InputError, match="limits: Object of type PosixPath is not JSON serializable"):
        yaml_text(offer(extras={"limits": {"timeout": Path("x")}}).yaml(Kind.RESTRUCTURING, name="a"))


def test_the_task_type_of_another_function_is_refused_in_any_spelling() -> None:
    for spelt in ("ModelEngineer", "model_engineer", "restructuring"):
        check_task_type(spelt, Kind.RESTRUCTURING)
    with pytest.raises(InputError, match="which makes annotation tasks"):
        check_task_type("DataAnnotators", Kind.RESTRUCTURING)


def test_credentials_are_not_repeated_in_the_refusal() -> None:
    with pytest.raises(InputError) as refused:
        check_storage("local", "secret-key", "result", "store")
    assert "secret-key" not in str(refused.value)
    check_storage(None, None, "result", "store")
    check_storage("Local", "", "result", "store")


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("model_engineer", "model_engineer"),
        ("my model!", "my-model"),
        ("2024", "task-2024"),
        ("1" * 80, "task-" + "1" * 59),
    ],
)
def test_a_task_is_named_after_its_folder(tmp_path_factory: pytest.TempPathFactory, folder: str, name: str) -> None:
    assert name_of(tmp_path_factory.getbasetemp() / folder) == name
