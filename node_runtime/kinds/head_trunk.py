"""Composite models: a head, which stays on the node that trained it, and a trunk, which moves on.

A composite training takes both of earlier tasks or neither, and makes both; a scoring takes those of one result.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from node_runtime.domain.task import OutputKind, OutputRole
from node_runtime.kinds.base import TaskSpec, mismatch
from node_runtime.kinds.layouts import sandbox
from node_runtime.kinds.stage import Input, Inputs, Keeps, Writable, model_entry
from node_runtime.ports.engine import Mount
from node_runtime.spec.common import Conflicts, ModelField, ModelSpec, TakenSpec

HEAD, TRUNK = "head", "trunk"
# the trunk first: a task that names no output of a composite takes it
OUTPUTS = (
    OutputRole(name=TRUNK, kind=OutputKind.MODEL),
    OutputRole(name=HEAD, kind=OutputKind.MODEL, private=True),
)
MODELS = {one.name: place for place, one in enumerate(OUTPUTS)}
Parts: TypeAlias = Mapping[Literal["head", "trunk"], ModelSpec]
CompositeField = Annotated[dict[Literal["head", "trunk"], ModelField], Field(max_length=2)]
PARTS = (HEAD, TRUNK)  # in the order of a task's models


def needed(parts: Parts | None) -> tuple[ModelSpec, ...]:
    """Return head and trunk, or nothing where the document has mistakes or the composite is a plan's first."""
    if parts is None or "head" not in parts or "trunk" not in parts:
        return ()
    head = parts["head"]
    output = MODELS[HEAD] if head.submission is not None else HEAD
    return (TakenSpec.model_construct(task=head.task, submission=head.submission, output=output), parts["trunk"])


def conflicts(parts: Parts) -> Conflicts:
    missing = [name for name in PARTS if name not in parts]
    if len(missing) == 1:
        yield ("composite",), f"'{missing[0]}' is missing; a composite takes a head and a trunk, or neither"
    for name, model in parts.items():
        if model.source is not None:
            yield ("composite", name), f"a {name} is a task's: name it by {{task: …}} or {{submission: …}}"


def unfit_trunk(parent: TaskSpec, made: Mapping[str, int | None]) -> str:
    """Return why a task of the file can't be a trunk's parent; empty where it can."""
    if parent.kind_name == "aggregation" or TRUNK in made:
        return ""
    return "makes no trunk: name a composite training, or an aggregation of trunks"


def check_models(inputs: Inputs, *, both: bool) -> None:
    """Raise `TaskFailed` input_mismatch unless there are head and trunk, or neither where not ``both``."""
    if len(inputs.models) == len(PARTS) or (not inputs.models and not both):
        return
    raise mismatch(f"a composite takes a head and a trunk, this task names {len(inputs.models)} models")


def mounts(inputs: Inputs) -> tuple[Mount, ...]:
    return tuple(
        Mount(source=model_entry(model), target=f"{sandbox.MODEL}/{_file(part, model)}")
        for part, model in zip(PARTS, inputs.models, strict=False)
    )


def input_arguments(inputs: Inputs) -> tuple[str, ...]:
    if not inputs.models:
        return ()
    named = zip(PARTS, inputs.models, strict=True)
    files = (each for part, model in named for each in (f"--input-{part}-model-filename", _file(part, model)))
    return ("--input-models-path", sandbox.MODEL, *files)


def output_arguments() -> tuple[str, ...]:
    files = (each for part in PARTS for each in (f"--output-{part}-model-filename", f"{part}_model"))
    return ("--output-models-path", sandbox.MODEL, *files)


def writes() -> tuple[Writable, ...]:
    return tuple(
        Writable(name="model", target=sandbox.MODEL, output=one.name, entry=f"{one.name}_model", keeps=Keeps.FILE)
        for one in OUTPUTS
    )


def _file(part: str, model: Input) -> str:
    return f"{part}_{model.digest}"
