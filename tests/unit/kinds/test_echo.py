"""A new kind takes one module and one line: `echo`, defined in this file, passes check, document and outputs."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import Field

from node_runtime.cli.check import check
from node_runtime.domain.assets import Account, AssetKind, AssetRef, Digest
from node_runtime.domain.document import Document
from node_runtime.errors import FailureCategory, SpecError, TaskFailed
from node_runtime.kinds import (
    KINDS,
    Inputs,
    Resolved,
    Stage,
    TaskKind,
    TaskSpec,
    can_run,
    check_outputs,
    document_of,
    leaving_outputs,
    makes_model,
    read_document,
    register,
    stages_of,
)
from node_runtime.kinds.base import image_asset, limits_of
from node_runtime.kinds.layouts import sandbox
from node_runtime.runner.result_document import collect
from node_runtime.spec.common import AssetSpec, Conflicts, ImageField
from node_runtime.spec.read import SpecFile, read_specs
from node_runtime.worker.resources import demand_of
from tests.unit.kinds.room import WORKER, inputs_in, leave, workspace_in

# the module of the new kind -------------------------------------------------------------------------------------------


class EchoSpec(TaskSpec):
    kind_name: ClassVar[str] = "echo"

    kind: Literal["echo"]
    algo: ImageField
    words: Annotated[tuple[str, ...], Field(min_length=1)]

    def assets(self) -> tuple[AssetSpec, ...]:
        return tuple(image_asset(self.algo, AssetKind.ALGO))

    def conflicts(self) -> Conflicts:
        if "silence" in self.words:
            yield ("words",), "silence has no echo; name other words"


class EchoDocument(Document):
    kind: Literal["echo"] = "echo"
    words: tuple[str, ...]

    @property
    def asked(self) -> str:
        return " ".join(self.words)


def compose(spec: EchoSpec, resolved: Resolved) -> EchoDocument:
    algo, limits = resolved.image(spec.algo), limits_of(spec.limits)
    return EchoDocument(name=spec.name, algo=algo, words=spec.words, limits=limits)


def stages(document: EchoDocument, inputs: Inputs) -> tuple[Stage, ...]:
    image = sandbox.image_source(document.algo, inputs.algo, part="algo")
    writes = (sandbox.WRITTEN_MODEL,)
    return (Stage(name="echo", image=image, arguments=document.words, writes=writes, limits=document.limits),)


def check_echo(document: EchoDocument, _: Inputs, outputs: Sequence[Path]) -> None:
    heard = [(folder / "model").read_text() for folder in outputs]
    if heard != [document.asked]:
        raise TaskFailed(FailureCategory.OUTPUT_INVALID, f"{heard} is no echo of {document.asked!r}")


KIND = TaskKind(
    name="echo",
    spec=EchoSpec,
    document=EchoDocument,
    compose=compose,
    layouts={"sandbox": stages},
    makes_model=True,
    may_leave_node=frozenset({"echo"}),
    check_outputs=check_echo,
)

# ----------------------------------------------------------------------------------------------------------------------

OWNER = Account("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
YAML = "kind: echo\nname: hill\nalgo: algo/\nwords: [who, there]\nreward: 2\n"


@pytest.fixture(autouse=True)
def echo() -> Iterator[None]:
    register(KIND)  # the registration
    yield
    del KINDS["echo"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "algo").mkdir()
    (tmp_path / "algo" / "Dockerfile").write_text('FROM scratch\nENTRYPOINT ["/run"]\n')
    (tmp_path / "task.yaml").write_text(YAML)
    return tmp_path / "task.yaml"


def stored(read: SpecFile) -> Document:
    resolved = Resolved(
        ref_of=lambda _: AssetRef(owner=OWNER, digest=Digest("a" * 64)),
        environment_of=lambda _: AssetRef(owner=OWNER, digest=Digest("b" * 64)),
        models=(),
    )
    ((_, spec),) = read.tasks
    return document_of(spec, resolved)


def test_check_reads_its_yaml_and_tells_its_mistakes_at_their_place(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(file)
    assert re.search(r"^echo +hill +1 × 2 +– +2 ", capsys.readouterr().out, re.MULTILINE)
    file.write_text(YAML.replace("[who, there]", "[silence]") + "volume: 3\n")
    with pytest.raises(SpecError, match=r"task\.yaml:6:1: unknown key 'volume'"):
        read_specs(file)
    file.write_text(YAML.replace("[who, there]", "[silence]"))
    with pytest.raises(SpecError, match=r"task\.yaml:4:8: silence has no echo"):
        read_specs(file)


def test_its_document_is_a_variant_of_its_own_with_its_key_before_the_limits(file: Path) -> None:
    document = stored(read_specs(file))
    encoded = document.encode()
    assert list(json.loads(encoded))[-3:] == ["models", "words", "limits"]
    assert read_document(encoded) == document
    assert isinstance(document, EchoDocument)
    with pytest.raises(ValueError, match=r"at words: Field required"):
        read_document(encoded.replace(b'"words"', b'"rank"'))
    with pytest.raises(ValueError, match=r"at words: Extra inputs"):
        read_document(encoded.replace(b'"echo"', b'"training"'))


def test_its_containers_run_and_its_outputs_are_checked(file: Path, tmp_path: Path) -> None:
    document = stored(read_specs(file))
    inputs = inputs_in(tmp_path / "cache", document, {"Dockerfile": ""})
    assert can_run(document)
    (stage,) = stages_of(document, inputs)
    assert (stage.name, stage.arguments, inputs.worker) == ("echo", ("who", "there"), WORKER)
    for messages, fits in (("who there", True), ("who?", False)):
        workspace = workspace_in(tmp_path / messages)
        leave(workspace, stage, stage.writes[0], {"": messages})
        outputs = [one.source for one in collect((stage,), workspace)]
        if fits:
            check_outputs(document, inputs, outputs)
        else:
            with pytest.raises(TaskFailed, match="is no echo of 'who there'"):
                check_outputs(document, inputs, outputs)


def test_other_modules_find_the_kind_in_the_registry(file: Path) -> None:
    document = stored(read_specs(file))
    assert demand_of(document).disk == 2 * document.limits.outputs
    assert [role.name for role in document.roles()] == ["algo"]
    assert "echo" in leaving_outputs("echo")
    assert makes_model("echo")
    file.write_text(YAML + "---\n" + "kind: aggregation\nname: both\nmodels: [{task: hill}]\nreward: 1\n")
    assert len(read_specs(file).tasks) == 2
