"""Parameters reach the document, the containers of the task's own program, and result.json."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from node_runtime.domain.assets import Digest
from node_runtime.domain.document import Document
from node_runtime.domain.parameters import MOST_BYTES, check_parameters, describe_parameters
from node_runtime.domain.task import Kind, TaskId
from node_runtime.engines.memory import MemoryEngine, MemorySettings
from node_runtime.engines.memory_host import MemoryHost
from node_runtime.kinds import KINDS, read_document, stages_of
from node_runtime.kinds.scoring import ScoringDocument
from node_runtime.runner.result_document import Collected, ResultDocument, describe
from node_runtime.runner.workspace import AttemptId, Workspaces
from tests.fixtures.make_documents import documents
from tests.unit.kinds.room import WORKER, inputs_in
from tests.unit.kinds.test_registry import example, sources_of

GIVEN: dict[str, Any] = {"rate": 0.1, "layers": [64, {"width": 8, "bias": None}], "depth": 6, "name": "größe"}
CANONICAL = '{"depth":6,"layers":[64,{"bias":null,"width":8}],"name":"größe","rate":0.1}'


def with_given(kind: str, folder: Path) -> dict[str, Document]:
    """Return the documents of the kind's examples, with parameters."""
    file = example(kind, folder)
    parts = file.read_text().split("\n---\n")
    given = [
        part
        if "kind: objective" in part or "name: measured" in part  # an objective's metric is given none
        else f"{part.rstrip()}\nparameters: {json.dumps(GIVEN)}"
        for part in parts
    ]
    file.write_text("\n---\n".join(given))
    made = {name: read_document(one["document"].encode()) for name, one in documents(file).items()}
    return {name: document for name, document in made.items() if name != "measured"}


def inputs_for(document: Document, folder: Path) -> Any:
    return inputs_in(folder, document, sources_of(document))


ROOTS = {"sandbox": "sandbox", "bundle": "task", "substra": "substra_internal"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_own_program_of_every_kind_finds_them_as_a_read_only_file(kind: str, tmp_path: Path) -> None:
    for name, document in with_given(kind, tmp_path / "yaml").items():
        assert document.parameters == GIVEN
        place = f"/{ROOTS[document.layout]}/parameters.json"
        engine = MemoryEngine(MemorySettings(host=MemoryHost(), node="unit"))
        workspaces = Workspaces(tmp_path / name / "work", engine=engine, node="unit")
        stages = stages_of(document, inputs_for(document, tmp_path / name / "cache"))
        given = [stage for stage in stages if place in {one.target for one in stage.gives}]
        assert given == [stage for stage in stages if stage.own_program]
        with workspaces.open(AttemptId(task=TaskId(1), epoch=1)) as workspace:
            for stage in given:
                for _ in range(2):  # again after a restart
                    (mount,) = (one for one in workspace.prepare(stage, image="i").mounts if one.target == place)
                assert mount.quota is None
                assert mount.source.read_text() == CANONICAL
                assert stat.S_IMODE(mount.source.stat().st_mode) == 0o444


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_without_parameters_has_no_such_mount(kind: str, tmp_path: Path) -> None:
    for name, one in documents(example(kind, tmp_path / "yaml")).items():
        document = read_document(one["document"].encode())
        stages = stages_of(document, inputs_for(document, tmp_path / name / "cache"))
        assert not [one for stage in stages for one in stage.gives if one.target.endswith("parameters.json")]
        assert b"parameters" not in document.encode()


def test_the_metric_of_a_certified_score_is_given_none(tmp_path: Path) -> None:
    certified = [one for one in with_given("scoring", tmp_path).values() if isinstance(one, ScoringDocument)]
    for document in certified:
        predict, metrics = stages_of(document, inputs_for(document, tmp_path / document.name))
        assert (len(predict.gives), metrics.gives) == (1, ())


def test_the_order_in_the_yaml_does_not_change_a_documents_digest(tmp_path: Path) -> None:
    made = {
        next(iter(documents_with(tmp_path / str(turn), one).values()))["digest"]
        for turn, one in enumerate((GIVEN, dict(reversed(GIVEN.items()))))
    }
    assert len(made) == 1


def documents_with(folder: Path, parameters: dict[str, Any]) -> dict[str, Any]:
    file = example("training", folder)
    first = file.read_text().split("\n---\n")[0]
    file.write_text(f"{first.rstrip()}\nparameters: {json.dumps(parameters)}\n")
    return documents(file)


def test_they_stand_in_result_json_with_their_nulls(tmp_path: Path) -> None:
    document = next(iter(with_given("training", tmp_path / "yaml").values()))
    written = describe(
        task=TaskId(1),
        epoch=1,
        worker=WORKER,
        kind=Kind.TRAINING,
        inputs=inputs_for(document, tmp_path / "cache"),
        runs=[],
        outputs=[],
        perf=None,
        log=Collected(name="logs", source=tmp_path, digest=Digest("0" * 64)),
        parameters=document.parameters,
    ).encode()
    assert f'"parameters":{CANONICAL}' in written.decode()
    assert ResultDocument.decode(written).parameters == GIVEN


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"a": float("nan")}, "nan is not a finite number"),
        ({"a": [float("inf")]}, "inf is not a finite number"),
        ({"a": 1 << 63}, "more than 64 bits"),
        ({"a": "x" * MOST_BYTES}, f"{MOST_BYTES + 8:,} bytes as JSON"),
        ({"a": "\ud800"}, "surrogates not allowed"),
    ],
)
def test_what_a_program_could_not_read_is_refused(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_parameters(values)


@pytest.mark.parametrize("hostile", ["1e999", "NaN", "[" * 20 + "]" * 20, "1" * 30])
def test_a_hostile_document_with_such_values_is_refused(hostile: str, tmp_path: Path) -> None:
    document = next(iter(documents_with(tmp_path, {"a": 1}).values()))["document"]
    with pytest.raises(ValueError, match="at parameters"):
        read_document(document.replace('"parameters":{"a":1}', f'"parameters":{{"a":{hostile}}}').encode())


def test_deep_nesting_is_refused_without_recursion() -> None:
    nested: Any = 1
    for _ in range(5000):
        nested = [nested]
    with pytest.raises(ValueError, match="nested too deeply"):
        check_parameters({"a": nested})


def test_they_are_described_in_a_line_of_bounded_length() -> None:
    assert describe_parameters({"depth": 4, "rate": 0.1, "name": "a"}) == 'depth 4, rate 0.1, name "a"'
    assert len(describe_parameters({"a": "x" * 1000})) < 310
