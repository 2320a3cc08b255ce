"""Documents made in Python: the YAML's keys, checks and messages, with arguments as places."""

import pickle
import re
import shutil
from collections.abc import Callable
from decimal import Decimal
from inspect import signature
from pathlib import Path

import pytest

from node_runtime import client
from node_runtime.client.arguments import OnChain
from node_runtime.client.documents import class_name, spec_file
from node_runtime.domain.assets import Account, AssetRef, Digest, Direction, Objective, ObjectiveId
from node_runtime.domain.units import read_amount
from node_runtime.errors import InputError, SpecError
from node_runtime.kinds import KINDS, TaskSpec
from node_runtime.kinds.training import TrainingSpec
from node_runtime.spec.read import yaml_models

FILES = Path(__file__).parents[2] / "scenarios" / "spec" / "files"
DOCUMENTATION = Path("docs/python.md").read_text(encoding="utf-8")
ALICE = Account("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with the assets that the documents name."""
    shutil.copytree(FILES, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def training(**changed: object) -> client.YamlDocument:
    given: dict[str, object] = {"name": "digits", "algo": "algo", "data": ["train-0"], "reward": 10}
    return client.Training(**(given | changed))  # type: ignore[arg-type]


def scoring(model: object, **changed: object) -> client.YamlDocument:
    given: dict[str, object] = {"name": "score", "algo": "algo", "model": model, "objective": "digits", "reward": 2}
    return client.Scoring(**(given | changed))  # type: ignore[arg-type]


def refused(make: Callable[[], object]) -> str:
    with pytest.raises(SpecError) as caught:
        make()
    return caught.value.message


def test_each_kind_of_document_has_a_class_that_is_its_yaml_model_with_the_same_keys() -> None:
    names = {class_name(kind) for kind in yaml_models()}
    assert {"Training", "Scoring", "Aggregation", "Annotation", "Restructuring", "Objective"} <= names
    assert names <= set(dir(client))
    for kind, model in yaml_models().items():
        made = getattr(client, class_name(kind))
        assert issubclass(made, model)
        assert list(signature(made).parameters) == list(model.model_fields)
        assert all(key in made.__doc__ for key in model.model_fields if key != "kind")


def test_a_key_that_a_kind_gains_is_an_argument_without_a_change_here(monkeypatch: pytest.MonkeyPatch) -> None:
    class LaterSpec(TrainingSpec):
        note: str = ""

    later = KINDS["training"].__class__(**{**vars(KINDS["training"]), "spec": LaterSpec})
    monkeypatch.setitem(KINDS, "training", later)
    made = training(note="beside")
    assert isinstance(made, LaterSpec)
    assert made.note == "beside"


def test_a_name_that_is_no_kind_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="Trainin"):
        client.Trainin  # type: ignore[attr-defined]  # noqa: B018


def test_values_mean_what_they_mean_in_the_yaml() -> None:
    made = training(reward=0.1, bond="0.25", deadline="2h", limits={"memory": "64MiB"}, validation={"manual": None})
    assert isinstance(made, TaskSpec)
    assert (made.reward, made.bond) == (read_amount("0.1"), read_amount("0.25"))
    assert (made.deadline, made.limits.memory) == (2 * 3_600_000, 64 << 20)
    assert made.validation.manual is not None


def test_paths_are_of_the_working_directory_in_which_the_document_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = training(data=[Path("train-0"), tmp_path / "train-1"])
    monkeypatch.chdir("/")
    assert isinstance(made, TrainingSpec)
    assert made.data == (tmp_path / "train-0", tmp_path / "train-1")


def test_every_wrong_argument_is_named_as_python_names_it() -> None:
    found = refused(
        lambda: training(
            data=["train-0", "nope"], reward=0, rewrad=1, limits={"memroy": "1GiB", "cpus": 0}, validation="autoo"
        )
    )
    assert found.splitlines() == [
        "Training('digits').reward: more than 0 UNIT, not '0'",
        "Training('digits').validation: unknown key 'autoo'; did you mean 'auto'?",
        "Training('digits').limits['cpus']: more than 0, not 0",
        "Training('digits').limits: unknown key 'memroy'; did you mean 'memory'?",
        "Training('digits').data[1]: nope doesn't exist",
        "Training('digits'): unknown key 'rewrad'; did you mean 'reward'?",
    ]


def test_a_missing_argument_is_told_where_it_is_missing() -> None:
    assert refused(lambda: client.Training(name="digits", algo="algo", data=["train-0"])) == (  # type: ignore[call-arg]
        "Training('digits'): key 'reward' is missing"
    )
    assert "Training(): key 'name' is missing" in refused(lambda: client.Training(reward=1))  # type: ignore[call-arg]


def test_conflicts_between_arguments_are_told_by_check() -> None:
    found = refused(lambda: client.check(training(slots=2, assign_to=ALICE)))
    assert found == "Training('digits').slots: one account delivers one result; leave 'slots' or 'assign_to' out"
    assert "Training('digits').reward: reward 0.000001 UNIT is below" in refused(
        lambda: client.check(training(reward="0.000001"))
    )
    (warning,) = client.check(training(slots=2))
    assert warning.startswith("Training('digits').slots: 2 results are accepted without a look")


def test_a_document_refers_to_others_as_objects() -> None:
    measure = client.Objective(name="digits", metric="metric", opener="opener.py", samples=["test-0"])
    train = training(objectives=[measure])
    score = scoring(train, objective=measure)
    assert train.arguments.value["objectives"] == ["digits"]
    assert score.arguments.value["model"] == {"task": "digits"}
    assert client.check(measure, train, score) == ()
    again = scoring({"task": train}, name="again", objective=measure)
    assert again.arguments.value["model"] == {"task": "digits"}


def test_what_is_on_chain_is_referred_to_by_its_number_or_key() -> None:
    objective = Objective(
        id=ObjectiveId(3), owner=ALICE, name="digits", metric=Digest("0" * 64), opener=Digest("1" * 64),
        direction=Direction.HIGHER, tolerance=Decimal(0), samples=(),
    )  # fmt: skip
    sample = AssetRef(owner=ALICE, digest=Digest("2" * 64))
    made = training(data=[sample], objectives=[objective], models=[OnChain(12)])
    assert made.arguments.value["objectives"] == [3]
    assert made.arguments.value["models"] == [{"task": 12}]
    assert made.arguments.value["data"] == [f"{ALICE}/{'2' * 64}"]


def test_a_reference_to_a_document_that_is_not_given_before_is_told_with_its_argument() -> None:
    train = training(objectives=["digits"])
    assert refused(lambda: client.check(scoring(train))) == (
        "Scoring('score').model: no task 'digits' among these documents; "
        "name an earlier document's task, or a task's number"
    )
    assert refused(lambda: client.check(scoring(train), train)) == (
        "Scoring('score').model: the task 'digits' does not come before this one; "
        "move it up, unless it waits for this one"
    )
    assert "the name 'digits' is taken at Training('digits').name" in refused(lambda: client.check(train, train))


def test_what_is_no_document_is_refused() -> None:
    with pytest.raises(InputError, match=r"'digits' is a str, not a document; make one"):
        client.check("digits")  # type: ignore[arg-type]


def test_values_that_go_round_in_circles_are_refused() -> None:
    inside: list[object] = []
    inside.append(inside)
    found = refused(lambda: training(parameters={"inside": inside}))
    assert found == "Training('digits'): nested too deeply, at most 64 levels are read"


def test_a_sweep_makes_a_task_of_each_combination() -> None:
    file = spec_file([training(sweep={"depth": [4, 6]})])
    assert [spec.name for _, spec in file.tasks] == ["digits-depth-4", "digits-depth-6"]


def test_a_document_takes_no_positional_argument_and_no_other_kind() -> None:
    with pytest.raises(TypeError):
        client.Training("digits")  # type: ignore[call-arg]
    assert refused(lambda: training(kind="scoring")) == "Training('digits').kind: must be 'training', not 'scoring'"


def test_a_document_is_pickled() -> None:
    made = training()
    again = pickle.loads(pickle.dumps(made))
    assert (type(again), again, again.arguments) == (type(made), made, made.arguments)


def test_the_messages_in_the_documentation_are_these() -> None:
    (shown,) = re.findall(r"^```\n(Training.*?)^```$", DOCUMENTATION, re.DOTALL | re.MULTILINE)
    found = refused(lambda: training(name="train", rewrad=1, limits={"memory": "1MiB"}))
    assert found.splitlines() == shown.splitlines()
