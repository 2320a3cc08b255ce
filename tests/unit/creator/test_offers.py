"""What do the parameters that DecentralML's functions share come to in a task's YAML?"""

import pytest

from node_runtime.creator.offers import Offer, check_storage, check_task_type, name_of, reward, validation
from node_runtime.creator.strategies import AutoAccept, CustomAccept, ManualAccept
from node_runtime.errors import InputError
from node_runtime.task import UNIT, Account, Kind

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
def test_whole_numbers_are_base_units_to_the_last(amount: int, yaml: str) -> None:
    assert reward(amount) == yaml
    assert reward("2.5") == "2.5"


@pytest.mark.parametrize("wrong", [0, -1, True, 2.5, None])
def test_what_is_no_amount_is_refused(wrong: object) -> None:
    with pytest.raises(InputError, match="pays_amount"):
        reward(wrong)  # type: ignore[arg-type]


def test_strategies_become_what_the_chain_knows_of_them() -> None:
    assert validation("AutoAccept") == validation(AutoAccept()) == "auto"
    assert validation("ManualAccept") == validation("CustomAccept") == {"manual": {"window": "24h"}}
    assert validation(ManualAccept(window="2h")) == {"manual": {"window": "2h"}}
    judged = CustomAccept("judge.py", judge=JUDGE, window="1h")
    assert validation(judged) == {"custom": {"judge": JUDGE, "window": "1h"}}


def test_a_task_that_ends_soon_gives_its_container_half_of_it() -> None:
    assert offer().yaml(Kind.RESTRUCTURING, name="a")["limits"] == {"timeout": "100000ms"}
    assert offer(expiration_block="3h").yaml(Kind.RESTRUCTURING, name="a")["limits"] == {"timeout": "900000ms"}
    given = {"limits": {"timeout": "9s", "cpus": 2.0}}
    assert offer(extras=given).yaml(Kind.RESTRUCTURING, name="a")["limits"] == given["limits"]


def test_the_type_of_another_function_is_noticed_however_it_is_spelt() -> None:
    for spelt in ("ModelEngineer", "model_engineer", "restructuring"):
        check_task_type(spelt, Kind.RESTRUCTURING)
    with pytest.raises(InputError, match="which makes annotation tasks"):
        check_task_type("DataAnnotators", Kind.RESTRUCTURING)


def test_credentials_are_not_repeated_in_the_refusal() -> None:
    with pytest.raises(InputError) as refused:
        check_storage("local", "secret-key", "result")
    assert "secret-key" not in str(refused.value)
    check_storage(None, None, "result")
    check_storage("Local", "", "result")


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("model_engineer", "model_engineer"),
        ("my model!", "my-model"),
        ("2024", "task-2024"),
        ("1" * 80, "task-" + "1" * 59),
    ],
)
def test_a_folder_gives_its_task_a_name(tmp_path_factory: pytest.TempPathFactory, folder: str, name: str) -> None:
    assert name_of(tmp_path_factory.getbasetemp() / folder) == name
