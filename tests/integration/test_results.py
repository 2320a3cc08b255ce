"""Untrusted outputs are collected exactly, or refused with place and reason."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from node_runtime.domain.assets import Account, Digest
from node_runtime.domain.task import Kind, Perf
from node_runtime.errors import FailureCategory, InputError, TaskFailed
from node_runtime.kinds import Inputs, Stage
from node_runtime.kinds.perf import PerfFile
from node_runtime.ports.engine import ContainerRun
from node_runtime.runner.result_document import (
    Collected,
    ResultDocument,
    collect,
    collect_logs,
    describe,
    perf_of,
    result_of,
    write_result,
)
from node_runtime.runner.workspace import Workspace, Workspaces
from node_runtime.stores.local import LocalStore
from node_runtime.stores.tree.walk import manifest_of
from tests.integration.workspace_room import ATTEMPT, MODEL, OWNER, QUOTA, scoring_stages, train_stage
from tests.integration.workspace_room import docker_engine as docker_engine
from tests.integration.workspace_room import engine as engine
from tests.integration.workspace_room import inputs as inputs
from tests.integration.workspace_room import node as node
from tests.integration.workspace_room import workspaces as workspaces

pytestmark = pytest.mark.docker

HALF = (Perf(name="all", value=Decimal("0.5")),)


@pytest.fixture
def workspace(workspaces: Workspaces) -> Workspace:
    return workspaces.open(ATTEMPT)


@pytest.fixture
def trained(workspace: Workspace, inputs: Inputs) -> tuple[Stage, Path]:
    """An ended training stage and its output folder."""
    train = train_stage(inputs)
    workspace.prepare(train, image="sha256:0")
    return train, workspace.output_folder("train", "model")


@pytest.fixture
def scored(workspace: Workspace, inputs: Inputs) -> tuple[tuple[Stage, Stage], Path, Path]:
    """Both scoring stages, ended, with valid outputs."""
    predict, metrics = scoring_stages(inputs)
    workspace.prepare(predict, image="sha256:0")
    predicted = workspace.output_folder("predict", "pred")
    (predicted / "pred").write_text("1,2,3")
    workspace.prepare(metrics, image="sha256:0")
    measured = workspace.output_folder("metrics", "pred")
    (measured / "perf.json").write_text('{"all": 0.5}')
    return (predict, metrics), predicted, measured


def paths(collected: Collected) -> list[str]:
    return [entry.path for entry in manifest_of(collected.source).entries]


def test_a_model_is_collected_with_other_files_but_without_input_models(
    workspace: Workspace, trained: tuple[Stage, Path]
) -> None:
    train, folder = trained
    (folder / "model").write_text("weights")
    (folder / "history.json").write_text("{}")
    (model,) = collect([train], workspace)
    assert model.name == "model"
    assert paths(model) == ["history.json", "model"]
    assert not (folder / MODEL).exists()


def test_a_model_may_be_a_folder(workspace: Workspace, trained: tuple[Stage, Path]) -> None:
    train, folder = trained
    (folder / "model" / "variables").mkdir(parents=True)
    (folder / "model" / "variables" / "0").write_text("weights")
    (model,) = collect([train], workspace)
    assert paths(model) == ["model/variables/0"]


def test_collecting_again_gives_the_same(workspace: Workspace, scored: tuple[tuple[Stage, Stage], Path, Path]) -> None:
    stages, _, _ = scored
    assert collect(stages, workspace) == collect(stages, workspace)


def test_storing_a_collected_output_yields_its_digest(
    workspace: Workspace, scored: tuple[tuple[Stage, Stage], Path, Path], tmp_path: Path
) -> None:
    stages, _, _ = scored
    store = LocalStore(tmp_path / "store")
    for output in (*collect(stages, workspace), collect_logs(workspace)):
        assert store.put(output.source) == output.digest


def test_a_score_written_by_predict_is_ignored(
    workspace: Workspace, scored: tuple[tuple[Stage, Stage], Path, Path]
) -> None:
    stages, predicted, _ = scored
    (predicted / "perf.json").write_text('{"all": 1.0}')
    (predicted / "deep" / "er").mkdir(parents=True)
    pred, score = collect(stages, workspace)
    assert (pred.name, paths(pred)) == ("pred", ["pred"])
    assert (score.name, paths(score)) == ("perf.json", ["perf.json"])
    perf = perf_of(stages, workspace)
    assert perf is not None
    assert perf.score == Decimal("0.5")


def test_a_score_by_predict_alone_is_none(workspace: Workspace, scored: tuple[tuple[Stage, Stage], Path, Path]) -> None:
    stages, predicted, measured = scored
    (measured / "perf.json").unlink()
    (predicted / "perf.json").write_text('{"all": 1.0}')
    with pytest.raises(TaskFailed, match=r"perf\.json"):
        perf_of(stages, workspace)
    with pytest.raises(TaskFailed, match=r"stage metrics ended well but left no pred/perf\.json"):
        collect(stages, workspace)


def test_training_has_no_score(workspace: Workspace, trained: tuple[Stage, Path]) -> None:
    assert perf_of([trained[0]], workspace) is None


def test_training_that_leaves_no_model_is_invalid(workspace: Workspace, trained: tuple[Stage, Path]) -> None:
    (trained[1] / "weights").write_text("in the wrong place")
    with pytest.raises(TaskFailed, match="left no model/model") as failed:
        collect([trained[0]], workspace)
    assert failed.value.category is FailureCategory.OUTPUT_INVALID
    assert "model/model" in failed.value.remedy


@pytest.mark.parametrize("name", ["model/passwd", "passwd"])
def test_a_link_anywhere_in_the_output_is_invalid(workspace: Workspace, trained: tuple[Stage, Path], name: str) -> None:
    train, folder = trained
    (folder / "model").mkdir()
    (folder / "model" / "weights").write_text("1")
    (folder / name).symlink_to("/etc/passwd")
    with pytest.raises(TaskFailed, match="passwd is a symbolic link") as failed:
        collect([train], workspace)
    assert failed.value.category is FailureCategory.OUTPUT_INVALID


def test_an_output_that_claims_more_than_the_limit_is_too_large(
    workspace: Workspace, trained: tuple[Stage, Path]
) -> None:
    train, folder = trained
    (folder / "model").write_text("1")
    with (folder / "hole").open("wb") as file:
        file.truncate(QUOTA)
    with pytest.raises(TaskFailed) as failed:
        collect([train], workspace)
    assert failed.value.category is FailureCategory.OUTPUT_TOO_LARGE


def test_a_tree_too_deep_to_be_walked_is_refused(workspace: Workspace, trained: tuple[Stage, Path]) -> None:
    train, folder = trained
    (folder / "model").write_text("1")
    deep = folder / "deep"
    for _ in range(70):
        deep.mkdir()
        deep = deep / "d"
    with pytest.raises(TaskFailed, match="deeper than 64") as failed:
        collect([train], workspace)
    assert failed.value.category is FailureCategory.OUTPUT_TOO_LARGE


RUN = ContainerRun(image="sha256:1", exit_code=0, seconds=1.23456, peak_memory=None, failure=None, message="")
LOG = Collected(name="logs", source=Path("/logs"), digest=Digest("e" * 64))
PRED = Collected(name="pred", source=Path("/pred"), digest=Digest("d" * 64))


def document_of(inputs: Inputs, perf: PerfFile | None) -> ResultDocument:
    return describe(
        task=ATTEMPT.task,
        epoch=ATTEMPT.epoch,
        worker=Account(OWNER),
        kind=Kind.SCORING,
        inputs=inputs,
        runs=[(stage, RUN) for stage in scoring_stages(inputs)],
        outputs=[PRED],
        perf=perf,
        log=LOG,
    )


def test_the_document_is_canonical_json_and_reads_back(inputs: Inputs) -> None:
    written = document_of(inputs, PerfFile(numbers=HALF, values={"z": None, "all": 0.5, "größe": [[1, 2]]}))
    encoded = written.encode()
    values = json.loads(encoded)
    assert encoded.decode() == json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert ResultDocument.decode(encoded) == written
    assert values["perf"] == {"z": None, "all": 0.5, "größe": [[1, 2]]}
    assert values["inputs"] == list(inputs.digests)
    assert values["outputs"] == {"pred": PRED.digest}
    assert [stage["name"] for stage in values["stages"]] == ["predict", "metrics"]
    assert values["stages"][0]["seconds"] == 1.235


def test_a_document_of_format_1_reads_back_without_steps(inputs: Inputs) -> None:
    values = json.loads(document_of(inputs, None).encode())
    earlier = json.dumps({**values, "format": "node-runtime/result/1"}, sort_keys=True, separators=(",", ":")).encode()
    read = ResultDocument.decode(earlier)
    assert read.steps is None
    assert read.encode() == earlier


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"steps": {"inputs": 0.0, "image": 0.0, "run": -1.0, "outputs": 0.0}}, "steps.run"),
        ({"more": 1}, "more"),
        ({"outputs": {"model": "no digest"}}, "outputs.model"),
        ({"task": "12"}, "task"),
        ({"kind": "cooking"}, "kind"),
        ({"format": "something else"}, "format"),
        ({"worker": "5C\x1b[2J"}, "worker"),
        ({"stages": [{"name": "x" * 129, "image": "", "seconds": 1.0}]}, "stages.0.name"),
        ({"stages": [{"name": "train", "image": "", "seconds": 1e308}]}, "stages.0.seconds"),
        ({"stages": [{"name": "train", "image": "", "seconds": 1.0}] * 65}, "stages"),
    ],
)
def test_another_document_is_refused_with_the_place(inputs: Inputs, change: dict[str, object], place: str) -> None:
    values = json.loads(document_of(inputs, None).encode())
    with pytest.raises(InputError, match=rf"result\.json: {place}: "):
        ResultDocument.decode(json.dumps({**values, **change}).encode())


@pytest.mark.parametrize("encoded", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_an_invalid_document_is_refused(encoded: bytes) -> None:
    with pytest.raises(InputError, match=r"result\.json"):
        ResultDocument.decode(encoded)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"all":0.5', '"all":NaN'),
        ('"all":0.5', '"all":1,"all":0.5'),
        ('"all":0.5', '"all":0.50'),
        ('"epoch":3', '"epoch": 3'),
        ('"x":1', '"x":"\\ud800"'),
        ('"x":1', '"x":1' + "0" * 400),
    ],
)
def test_ambiguous_json_is_refused(inputs: Inputs, old: str, new: str) -> None:
    encoded = document_of(inputs, PerfFile(numbers=HALF, values={"all": 0.5, "x": 1})).encode().decode()
    assert old in encoded
    with pytest.raises(InputError, match=r"result\.json"):
        ResultDocument.decode(encoded.replace(old, new).encode())


@pytest.mark.parametrize("number", [10**39, -(10**39), 1e22, 5e-324, 0.1, 1e-7, 123456789.123456789, -0.0])
def test_any_number_of_a_metric_reads_back(inputs: Inputs, number: float) -> None:
    written = document_of(inputs, PerfFile(numbers=HALF, values={"all": 0.0, "more": [number]}))
    assert ResultDocument.decode(written.encode()).perf == written.perf


def test_the_on_chain_result_names_the_stored_tree_of_result_json(
    workspace: Workspace, inputs: Inputs, tmp_path: Path
) -> None:
    perf = PerfFile(numbers=HALF, values={"all": 0.5})
    written = write_result(document_of(inputs, perf), workspace)
    assert write_result(document_of(inputs, perf), workspace) == written
    result = result_of(written, [PRED], uri="cas:", perf=perf)
    store = LocalStore(tmp_path / "store")
    store.put(written.source)
    store.fetch(result.digest, tmp_path / "back")
    assert ResultDocument.decode((tmp_path / "back" / "result.json").read_bytes()).worker == OWNER
    assert (result.perfs, result.output("pred"), result.uri) == (HALF, PRED.digest, "cas:")
