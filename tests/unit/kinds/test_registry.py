"""Each registered kind passes every step without a container: example YAML, document, stages, outputs, checks."""

import shutil
from pathlib import Path

import pytest
import yaml

from node_runtime.domain.document import Document
from node_runtime.domain.task import Kind
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.kinds import (
    KINDS,
    Keeps,
    Stage,
    annotation_of,
    can_run,
    check_outputs,
    models_made,
    read_document,
    stages_of,
)
from node_runtime.kinds.perf import FILE_NAME as PERF
from node_runtime.runner.result_document import Collected, collect, perf_of
from node_runtime.runner.workspace import Workspace
from node_runtime.spec.read import read_specs
from tests.fixtures.make_documents import documents
from tests.unit.kinds.room import inputs_in, leave, workspace_in

EXAMPLES = Path(__file__).parent / "examples"
FILES = Path(__file__).parents[2] / "scenarios" / "spec" / "files"
FUNCTION = {"function.yaml": (FILES / "function" / "function.yaml").read_text()}
BUNDLE = {"start_task.sh": "exit 0\n", "annotation_files/a.txt": "Ada Lovelace\n"}


def example(kind: str, folder: Path) -> Path:
    shutil.copytree(FILES, folder, dirs_exist_ok=True)
    return Path(shutil.copy(EXAMPLES / f"{kind}.yaml", folder / "task.yaml"))


def files_of(document: Document, output: str) -> dict[str, str]:
    """Return the files that the example's container leaves at the output's entry, from ``KIND.outputs.yaml``."""
    messages = EXAMPLES / f"{document.kind}.outputs.yaml"
    if messages.exists():
        files: dict[str, str] = yaml.safe_load(messages.read_text())[document.name]
        return files
    if document.layout == "substra":
        return {"": "weights"}
    return {"": '{"all": 0.5, "beside": 2}'} if output == PERF else {"weights.bin": "10", "structure.json": "{}"}


def sources_of(document: Document) -> dict[str, str]:
    return {"bundle": BUNDLE, "substra": FUNCTION}.get(document.layout, {"opener.py": ""})


def worked(document: Document, folder: Path) -> tuple[tuple[Stage, ...], Workspace, tuple[Collected, ...]]:
    """Write each stage's outputs; return the stages, the workspace and the collected and checked outputs."""
    inputs = inputs_in(folder / "cache", document, sources_of(document))
    stages, workspace = stages_of(document, inputs), workspace_in(folder / "work")
    for stage in stages:
        for writable in stage.writes:
            leave(workspace, stage, writable, files_of(document, writable.output))
    outputs = collect(stages, workspace)
    check_outputs(document, inputs, [one.source for one in outputs])
    return stages, workspace, outputs


def test_every_registered_kind_is_one_of_the_chains_under_its_name() -> None:
    assert set(KINDS) == {kind.value for kind in Kind}
    assert all(name == kind.name == kind.spec.kind_name for name, kind in KINDS.items())


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_goes_from_its_yaml_to_outputs_that_pass_its_checks(kind: str, tmp_path: Path) -> None:
    file = example(kind, tmp_path / "yaml")
    known = KINDS[kind]
    specs = {spec.name: spec for _, spec in read_specs(file).tasks}
    written = documents(file)
    assert written.keys() == specs.keys()
    layouts = set()
    for name, one in written.items():
        document = read_document(one["document"].encode())
        assert isinstance(specs[name], known.spec)
        assert isinstance(document, known.document)
        assert can_run(document)
        assert (annotation_of(document) is not None) == (kind == Kind.ANNOTATION)
        stages, workspace, outputs = worked(document, tmp_path / name)
        layouts.add(document.layout)
        assert len(stages) == known.spec.stages
        folders = [one for stage in stages for one in stage.folders if one.keeps is not Keeps.NUMBERS]
        assert len(folders) == known.spec.stages, "the pool reckons one folder a stage"
        names = {output.name for output in outputs}
        made = models_made(specs[name])
        assert bool(made) == known.makes_model
        assert set(made) <= names
        assert known.may_leave_node <= names
        assert (perf_of(stages, workspace) is not None) == (PERF in names)
        assert document.layout != "bundle" or names == {known.output}
    assert layouts == set(known.layouts), "an example for each layout"


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_whose_containers_leave_nothing_fails_by_output_invalid(kind: str, tmp_path: Path) -> None:
    for name, one in documents(example(kind, tmp_path / "yaml")).items():
        document = read_document(one["document"].encode())
        stages = stages_of(document, inputs_in(tmp_path / name / "cache", document, sources_of(document)))
        with pytest.raises(TaskFailed) as failed:
            collect(stages, workspace_in(tmp_path / name / "work"))
        assert failed.value.category is FailureCategory.OUTPUT_INVALID


@pytest.mark.parametrize("kind", ["annotation"])
def test_a_kind_that_checks_its_outputs_refuses_invalid_ones(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "files_of", lambda document, output: {"odd.txt": f"{document.name} {output}"})
    for name, one in documents(example(kind, tmp_path / "yaml")).items():
        with pytest.raises(TaskFailed) as failed:
            worked(read_document(one["document"].encode()), tmp_path / name)
        assert failed.value.category is FailureCategory.OUTPUT_INVALID
