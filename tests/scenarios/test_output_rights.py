"""`check` and `submit` warn of models that nobody may use, by the permissions on what a task makes and takes."""

import secrets
import shutil
from pathlib import Path

import pytest

from node_runtime.domain.assets import Asset, AssetKind, AssetRef, Digest, Label, Visibility
from node_runtime.domain.permissions import Permissions
from node_runtime.spec.read import read_specs
from tests.scenarios.conftest import FILES, Desk, Nrt

ONE, OTHER = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty", "5FLSigC9HGRKVhB9FiEo4Y3koPsNmBmLJbpXg2mp1hXcS59Y"
TRAINING = "kind: training\nname: round-1\nalgo: algo/\nopener: opener.py\ndata: [train-0]\nreward: 10\n"
FUNCTION = TRAINING.replace("training", "function").replace("algo: algo/", "function: function/")
YOURS = (
    " stays on the node that makes it, and nobody but you may process it: no task can take it unless that node is "
    "yours; name the node's account in 'process', or yours in 'assign_to'"
)
STAYS, HEAD = "what not everyone may download" + YOURS, "the private model '{}'" + YOURS
THEIRS = (
    " stays on the node that makes it, and its account, {}, may not process it: no task can take it; name that account "
    "in 'process'"
)
NOBODY = (
    "no account in 'process' may process all inputs of the task, so nobody but you may use what it makes; name "
    "accounts that every input names, or [] for yourself alone"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A creator's folder, the working directory."""
    shutil.copytree(FILES, tmp_path / "files")
    monkeypatch.chdir(tmp_path / "files")


def warnings(text: str) -> list[str]:
    Path("task.yaml").write_text(text)
    return list(read_specs(Path("task.yaml")).warnings)


def permissions(**keys: str) -> str:
    return "permissions:\n" + "".join(f"  {key}: {{{rights}}}\n" for key, rights in keys.items())


@pytest.mark.usefixtures("folder")
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


@pytest.mark.usefixtures("folder")
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


@pytest.mark.usefixtures("folder")
def test_a_private_model_of_a_function_is_told_of_where_its_node_may_not_take_it() -> None:
    assert warnings(FUNCTION + permissions(outputs="process: []")) == [f"task.yaml:8:12: {HEAD.format('local')}"]


@pytest.mark.usefixtures("folder")
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


def sample_of_worker(desk: Desk, permissions: Permissions, visibility: Visibility = Visibility.PRIVATE) -> AssetRef:
    """Register a sample of the worker's account, as its node does."""
    ref = AssetRef(owner=desk.worker.account, digest=Digest(secrets.token_hex(32)))
    uri = "private:" if visibility is Visibility.PRIVATE else "cas:"
    asset = Asset(ref=ref, kind=AssetKind.DATA_SAMPLE, label=Label.TRAIN, visibility=visibility, uri=uri)
    desk.worker.register_assets([asset], permissions)
    return ref


def told(desk: Desk, text: str) -> list[str]:
    before = len(desk.said)
    desk.submit(text)
    return [one for one in desk.said[before:] if one.startswith("warning: ")]


def test_submit_tells_of_a_model_of_somebodys_private_sample_that_its_owner_may_not_process(desk: Desk) -> None:
    kept, leaving = (sample_of_worker(desk, Permissions(download=rights)) for rights in ((), None))
    text = TRAINING.replace("train-0", str(kept)) + permissions(outputs="process: []")
    place = f"warning: {desk.folder / 'task.yaml'}:8:12"
    assert told(desk, text) == [f"{place}: what not everyone may download{THEIRS.format(desk.worker.account)}"]
    assert told(desk, text.replace("process: []", f"process: [{desk.worker.account}]")) == []
    assert told(desk, text.replace(str(kept), str(leaving))) == []
    composite = text.replace(str(kept), str(leaving)) + "composite: {}\n"
    assert told(desk, composite) == [f"{place}: the private model 'head'{THEIRS.format(desk.worker.account)}"]


def test_submit_knows_the_creators_own_account(desk: Desk) -> None:
    own = f"assign_to: {desk.chain.account}\n" + TRAINING + permissions(outputs="process: [], download: []")
    assert told(desk, own) == []
    place = f"warning: {desk.folder / 'task.yaml'}:9:12"
    others = own.replace(desk.chain.account, desk.worker.account)
    assert told(desk, others) == [f"{place}: what not everyone may download{THEIRS.format(desk.worker.account)}"]


def test_submit_knows_the_rights_on_registered_inputs_and_on_models(desk: Desk) -> None:
    shared = sample_of_worker(desk, Permissions(process=(desk.chain.account,)), Visibility.SHARED)
    first = TRAINING.replace("train-0", str(shared))
    (task,) = desk.submit(first).tasks
    later = TRAINING.replace("round-1", "round-2") + f"models: [{{task: {task.id}}}]\n"
    place = f"warning: {desk.folder / 'task.yaml'}"
    assert told(desk, first + permissions(outputs=f"process: [{OTHER}]")) == [f"{place}:8:12: {NOBODY}"]
    assert told(desk, later + permissions(outputs=f"process: [{OTHER}]")) == [f"{place}:9:12: {NOBODY}"]


def test_the_warning_is_on_standard_error_and_told_once(desk: Desk, nrt: Nrt) -> None:
    (desk.folder / "task.yaml").write_text(TRAINING + permissions(outputs="process: [], download: []"))
    submitted = nrt("submit", "task.yaml", "--json")
    assert submitted.stderr.count("warning: ") == 1
    kept = sample_of_worker(desk, Permissions(download=()))
    (desk.folder / "task.yaml").write_text(TRAINING.replace("train-0", str(kept)) + permissions(outputs="process: []"))
    submitted = nrt("submit", "task.yaml", "--json")
    assert submitted.stderr.count("warning: task.yaml:8:12: what not everyone may download") == 1
