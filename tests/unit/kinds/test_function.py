"""The layout `substra`: what a function's program is told, and what is refused before it runs."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from node_runtime.domain.assets import Account, Digest
from node_runtime.domain.document import Image, Limits, ModelOf
from node_runtime.domain.function import Signature
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.kinds import Input, Inputs, Keeps, Stage, read_document, stages_of
from node_runtime.kinds.function import FunctionDocument

OWNER = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
WORKER = Account("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")
TRAIN = """\
inputs:
  - {id: opener, kind: data_manager}
  - {id: datasamples, kind: data_sample, multiple: true}
  - {id: shared, kind: model, optional: true}
outputs:
  - {id: shared, kind: model}
"""
AGGREGATE = """\
inputs: [{id: first, kind: model}, {id: shared, kind: model, multiple: true}]
outputs: [{id: shared, kind: model}]
"""
TEST = """\
inputs:
  - {id: local, kind: model}
  - {id: datasamples, kind: data_sample}
  - {id: opener, kind: data_manager}
outputs: [{id: accuracy, kind: performance}, {id: f1, kind: performance}]
"""
INITIALISE = "outputs: [{id: local, kind: model, private: true}]\n"


def tree(name: str, *files: str, folders: tuple[str, ...] = ()) -> Input:
    digest = Digest(name.encode().hex().ljust(64, "0"))
    return Input(digest=digest, folder=Path("/cache") / digest, files=files, folders=folders)


OPENER = tree("opener", "opener.py")
DATA = (tree("two", "a.csv"), tree("one", "a.csv"))
MODELS = (tree("c", "shared.model"), tree("b", "model"), tree("a", "weights.bin"))


def key(item: Input) -> str:
    return f"{OWNER}/{item.digest}"


def document(signature: str, folder: Path, takes: tuple[str, ...] = (), **changes: object) -> FunctionDocument:
    """A task of the function that the folder declares."""
    folder.mkdir(exist_ok=True)
    (folder / "function.yaml").write_text(signature)
    declared: dict[str, Any] = yaml.safe_load(signature)
    kinds = {one["kind"] for one in declared.get("inputs", ())}
    fields: dict[str, Any] = {
        "name": "task",
        "algo": Image(source=key(tree("algo"))),
        "opener": key(OPENER) if "data_manager" in kinds else None,
        "data": tuple(map(key, DATA)) if "data_sample" in kinds else (),
        "models": tuple(ModelOf(task=number) for number, _ in enumerate(takes)),
        "takes": takes,
        "signature": Signature.model_validate(declared),
        "limits": Limits(outputs=8 << 20),
    }
    return FunctionDocument(**(fields | changes))


def staged(task: FunctionDocument, folder: Path, models: tuple[Input, ...] = (), opener: Input = OPENER) -> Stage:
    function = Input(digest=Digest("f" * 64), folder=folder, files=("Dockerfile", "function.yaml"), folders=())
    data = DATA[: len(task.data)]
    given = opener if task.opener is not None else None
    (stage,) = stages_of(task, Inputs(worker=WORKER, algo=function, opener=given, data=data, models=models))
    return stage


def told(stage: Stage) -> dict[str, Any]:
    """The arguments that substratools reads from the file."""
    (given,) = stage.gives
    assert stage.arguments == (f"@{given.target}",)
    lines = given.content.decode("ascii").split("\n")
    assert lines.pop() == ""
    assert len(lines) == 6
    return {name.removeprefix("--"): json.loads(value) for name, value in zip(lines[::2], lines[1::2], strict=True)}


def test_arguments_are_one_a_line_exactly_as_substra_writes_them(tmp_path: Path) -> None:
    stage = staged(document(TRAIN, tmp_path, ("shared",)), tmp_path, MODELS[:1])
    (given,) = stage.gives
    first, second = (sample.digest for sample in DATA)
    assert given.target == "/substra_internal/cli-args/arguments.txt"
    assert given.content.decode() == (
        "--task-properties\n"
        '{"rank": 0}\n'
        "--inputs\n"
        f'[{{"id": "opener", "value": "/substra_internal/openers/{OPENER.digest}/__init__.py", "multiple": false}}, '
        f'{{"id": "datasamples", "value": "/substra_internal/data_samples/{first}", "multiple": true}}, '
        f'{{"id": "datasamples", "value": "/substra_internal/data_samples/{second}", "multiple": true}}, '
        f'{{"id": "shared", "value": "/substra_internal/in_models/{MODELS[0].digest}", "multiple": false}}]\n'
        "--outputs\n"
        '[{"id": "shared", "value": "/substra_internal/out_models/shared.model", "multiple": false}]\n'
    )


def test_inputs_are_mounted_where_the_arguments_say_and_read_only(tmp_path: Path) -> None:
    stage = staged(document(TRAIN, tmp_path, ("shared",)), tmp_path, MODELS[:1])
    mounted = {mount.target: mount.source for mount in stage.reads}
    assert mounted == {
        f"/substra_internal/openers/{OPENER.digest}/__init__.py": OPENER.folder / "opener.py",
        **{f"/substra_internal/data_samples/{one.digest}": one.folder for one in DATA},
        f"/substra_internal/in_models/{MODELS[0].digest}": MODELS[0].folder / "shared.model",
    }
    assert all(mount.quota is None for mount in stage.reads)
    assert {item["value"] for item in told(stage)["inputs"]} == mounted.keys()


def test_an_absent_optional_input_has_no_item(tmp_path: Path) -> None:
    inputs = told(staged(document(TRAIN, tmp_path), tmp_path))["inputs"]
    assert [item["id"] for item in inputs] == ["opener", "datasamples", "datasamples"]


def test_models_keep_their_order_within_the_declared_one(tmp_path: Path) -> None:
    task = document(AGGREGATE, tmp_path, ("shared", "first", "shared"))
    inputs = told(staged(task, tmp_path, MODELS))["inputs"]
    assert [(item["id"], item["multiple"]) for item in inputs] == [("first", False), ("shared", True), ("shared", True)]
    assert [item["value"].rpartition("/")[2] for item in inputs] == [MODELS[index].digest for index in (1, 0, 2)]


def test_a_model_for_two_inputs_is_mounted_once(tmp_path: Path) -> None:
    stage = staged(document(AGGREGATE, tmp_path, ("first", "shared")), tmp_path, (MODELS[0], MODELS[0]))
    assert [item["id"] for item in told(stage)["inputs"]] == ["first", "shared"]
    assert len(stage.reads) == 1


def test_performances_have_files_of_their_own_and_one_perf_json(tmp_path: Path) -> None:
    task = document(TEST, tmp_path, ("local",), data=(key(DATA[0]),))
    stage = staged(task, tmp_path, MODELS[:1])
    assert [(item["id"], item["value"]) for item in told(stage)["outputs"]] == [
        ("accuracy", "/substra_internal/perf/accuracy-perf.json"),
        ("f1", "/substra_internal/perf/f1-perf.json"),
    ]
    (written,) = stage.writes
    assert (written.output, written.keeps, written.performances) == ("perf.json", Keeps.NUMBERS, ("accuracy", "f1"))
    assert told(stage)["inputs"][1]["multiple"] is False


def test_fake_data_is_asked_for_after_the_usual_arguments(tmp_path: Path) -> None:
    task = document(TRAIN, tmp_path).model_copy(update={"data": ()})
    function = Input(digest=Digest("f" * 64), folder=tmp_path, files=("Dockerfile", "function.yaml"), folders=())
    (stage,) = stages_of(task, Inputs(worker=WORKER, algo=function, opener=OPENER, fake=7))
    (given,) = stage.gives
    assert given.content.decode().splitlines()[6:] == ["--fake-data", "--n-fake-samples", "7"]
    assert "/substra_internal/data_samples" in stage.empty


def test_the_rank_is_told(tmp_path: Path) -> None:
    stage = staged(document(INITIALISE, tmp_path, rank=7), tmp_path)
    assert told(stage)["task-properties"] == {"rank": 7}
    assert told(stage)["inputs"] == []


FOLDERS = {f"/substra_internal/{name}" for name in ("openers", "data_samples", "in_models", "out_models", "perf")}


@pytest.mark.parametrize(
    ("signature", "takes", "used"),
    [
        (TRAIN, ("shared",), {"openers", "data_samples", "in_models", "out_models"}),
        (TRAIN, (), {"openers", "data_samples", "out_models"}),
        (AGGREGATE, ("first", "shared"), {"in_models", "out_models"}),
        (INITIALISE, (), {"out_models"}),
    ],
)
def test_every_folder_is_there_empty_where_it_is_unused(
    signature: str, takes: tuple[str, ...], used: set[str], tmp_path: Path
) -> None:
    stage = staged(document(signature, tmp_path, takes), tmp_path, MODELS[: len(takes)])
    assert {*stage.empty} - {"data", "pred"} == FOLDERS - {f"/substra_internal/{name}" for name in used}
    assert {"data", "pred"} <= {*stage.empty}
    assert {*stage.scratch} == {"/substra_internal/export", "model", "chainkeys"}
    assert {one.target for one in stage.writes} == {f"/substra_internal/{name}" for name in used & {"out_models"}}


def test_the_image_is_told_to_have_an_entrypoint_in_exec_form(tmp_path: Path) -> None:
    stage = staged(document(INITIALISE, tmp_path), tmp_path)
    assert stage.image.exec_form
    assert (stage.entrypoint, stage.group) == (None, 1001)
    assert dict(stage.environment) == {"HOME": "/tmp", "PYTHONUNBUFFERED": "1"}


@pytest.mark.parametrize(
    "model",
    [
        tree("m", folders=("model",)),
        tree("m", "model.json", folders=("model",)),
        tree("m", "config.json", "weights.h5"),
        tree("m", folders=("weights",)),
    ],
    ids=["folder", "folder beside a file", "several files", "one folder"],
)
def test_a_model_that_is_no_file_is_an_input_mismatch(model: Input, tmp_path: Path) -> None:
    with pytest.raises(TaskFailed, match="is a folder, and a function takes a file") as failed:
        staged(document(TRAIN, tmp_path, ("shared",)), tmp_path, (model,))
    assert failed.value.category is FailureCategory.INPUT_MISMATCH


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        (TRAIN.replace("optional", "multiple"), "declares other inputs or outputs than its function"),
        (TRAIN.replace("kind: model}\n", "kind: model, private: true}\n"), "declares other inputs or outputs"),
        ("outputs: [", "function.yaml:"),
        (TRAIN.replace("outputs", "output"), "unknown key 'output'"),
        (None, "has no function.yaml"),
    ],
    ids=["another input", "another output", "no YAML", "no outputs", "missing"],
)
def test_a_document_that_differs_from_its_functions_folder_is_an_input_mismatch(
    declared: str | None, reason: str, tmp_path: Path
) -> None:
    task = document(TRAIN, tmp_path)
    if declared is None:
        (tmp_path / "function.yaml").unlink()
    else:
        (tmp_path / "function.yaml").write_text(declared)
    with pytest.raises(TaskFailed, match=reason) as failed:
        staged(task, tmp_path)
    assert failed.value.category is FailureCategory.INPUT_MISMATCH


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"models": (ModelOf(task=1),)}, "1 models, but the inputs of 0"),
        ({"opener": None}, "key 'opener' is missing"),
        ({"data": ()}, "name at least one"),
        ({"takes": ("other",), "models": (ModelOf(task=1),)}, "takes no model 'other'"),
        ({"takes": ("shared", "shared"), "models": (ModelOf(task=1), ModelOf(task=2))}, "one model as 'shared', 2"),
    ],
)
def test_a_document_that_no_function_fits_is_refused(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=reason):
        document(TRAIN, tmp_path, **changes)


def test_a_stored_document_with_an_unsound_signature_is_refused(tmp_path: Path) -> None:
    stored = document(INITIALISE, tmp_path).encode()
    assert read_document(stored)
    with pytest.raises(ValueError, match="beside the outputs of a result"):
        read_document(stored.replace(b'"id":"local"', b'"id":"logs"'))
    with pytest.raises(ValueError, match=r"should match pattern"):
        read_document(stored.replace(b'"id":"local"', b'"id":"../x"'))


@pytest.mark.parametrize("replaced", [{"image": f"other@sha256:{'e' * 64}"}, {"entrypoint": ("sh", "-c", "true")}])
def test_a_metric_that_certifies_runs_as_it_is_registered(replaced: dict[str, Any], tmp_path: Path) -> None:
    algo = Image(source=key(tree("algo")), **replaced)
    one = {"algo": algo, "data": (key(DATA[0]),)}
    assert document(TEST, tmp_path, ("local",), **one)
    with pytest.raises(ValidationError, match="runs as it is registered, without image or entrypoint"):
        document(TEST, tmp_path, ("local",), **one, objective=1)
