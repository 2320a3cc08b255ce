"""Registry of task kinds and dispatch to them; the only module that distinguishes kinds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, reduce
from importlib import import_module
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from node_runtime.domain.document import Document
from node_runtime.domain.parameters import encode_parameters
from node_runtime.domain.task import OutputKind
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.kinds.base import Resolved, TaskKind, TaskSpec
from node_runtime.kinds.layouts import bundle, sandbox, substra
from node_runtime.kinds.stage import Carried, Given, Input, Inputs, Keeps, Stage, Writable, inputs_of

if TYPE_CHECKING:
    from node_runtime.kinds.annotation.definition import Annotation

__all__ = [
    "KINDS",
    "AnyKind",
    "Carried",
    "Given",
    "Input",
    "Inputs",
    "Keeps",
    "Resolved",
    "Stage",
    "TaskKind",
    "TaskSpec",
    "Writable",
    "annotation_of",
    "can_run",
    "check_outputs",
    "document_of",
    "inputs_of",
    "kind_of",
    "leaving_outputs",
    "makes_model",
    "may_leave",
    "models_in",
    "models_made",
    "private_models",
    "private_outputs",
    "read_document",
    "register",
    "stages_of",
]

_PARAMETERS = {  # where a program finds them
    "sandbox": sandbox.PARAMETERS,
    "bundle": bundle.PARAMETERS,
    "substra": substra.PARAMETERS,
}

AnyKind: TypeAlias = TaskKind[Any, Any]

KINDS: dict[str, AnyKind] = {}
"""The kinds by name, as on chain."""


def register(kind: AnyKind) -> None:
    KINDS[kind.name] = kind


def kind_of(task: TaskSpec | Document) -> AnyKind:
    return KINDS[task.kind_name if isinstance(task, TaskSpec) else task.kind]


def makes_model(kind: str) -> bool:
    """Return whether tasks of the kind make a model that other tasks can use."""
    return kind in KINDS and KINDS[kind].makes_model


def models_made(spec: TaskSpec) -> Mapping[str, int | None]:
    """Return the outputs that other tasks can take as models, with their places among those that the task declares."""
    kind = kind_of(spec)
    if kind.declared_models is not None:
        return dict(kind.declared_models(spec))
    return {"model": None} if kind.makes_model else {}


def private_models(spec: TaskSpec) -> frozenset[str]:
    """Return the models that stay on the node that makes them, whatever they are made from."""
    return frozenset(kind_of(spec).private_models(spec))


def leaving_outputs(kind: str) -> frozenset[str]:
    """Return the names of the kind's outputs that leave a node even when made from private data."""
    return KINDS[kind].may_leave_node if kind in KINDS else frozenset()


def private_outputs(document: Document) -> frozenset[str]:
    """Return the names of the outputs that stay on the node that made them, whatever they were made from."""
    return frozenset(one.name for one in document.declared_outputs() if one.private)


def models_in(document: Document) -> frozenset[str]:
    """Return the names of the outputs that become models."""
    declared = document.declared_outputs()
    if not declared:
        return frozenset({"model"}) if makes_model(document.kind) else frozenset()
    return frozenset(one.name for one in declared if one.kind is OutputKind.MODEL)


def may_leave(document: Document) -> frozenset[str]:
    """Return the names of the outputs that may leave a node even when made from private data."""
    declared = {one.name for one in document.declared_outputs()}
    return (leaving_outputs(document.kind) | declared) - private_outputs(document)


def document_of(spec: TaskSpec, resolved: Resolved) -> Document:
    """Build the task document from a document of the YAML."""
    document: Document = kind_of(spec).compose(spec, resolved)
    return document if spec.parameters is None else document.model_copy(update={"parameters": spec.parameters})


@cache
def _union(variants: tuple[type[Document], ...]) -> TypeAdapter[Document]:
    """Return the tagged union of these kinds' documents, discriminated by ``kind``."""
    union: Any = Annotated[reduce(or_, variants), Field(discriminator="kind")]
    return TypeAdapter(union)


def read_document(content: bytes) -> Document:
    """Parse a task document. Raises `ValueError` with place and reason, worded to follow "is wrong"."""
    try:
        return _union(tuple(kind.document for kind in KINDS.values())).validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        match first["type"]:
            case "union_tag_not_found":
                place, reason = "kind", "Field required"
            case "union_tag_invalid":
                place, reason = "kind", f"Input should be one of {first['ctx']['expected_tags']}"
            case _:
                place, reason = ".".join(str(part) for part in first["loc"][1:]), first["msg"]
        raise ValueError(f"at {place[:200]}: {reason[:200]}") from error


def can_run(document: Document) -> bool:
    """Return whether this version implements the task's kind and layout."""
    return document.layout in kind_of(document).layouts


def stages_of(document: Document, inputs: Inputs) -> tuple[Stage, ...]:
    """Return the stages of the task, in order of execution. Pure.

    Raises `TaskFailed` input_mismatch for inputs that don't fit the kind.
    """
    stages = kind_of(document).layouts.get(document.layout)
    if stages is None:
        raise TaskFailed(
            FailureCategory.NODE_ERROR,
            f"this version does not run tasks of kind {document.kind} with layout {document.layout}",
            remedy="leave it to nodes with a newer version",
        )
    return _with_parameters(document, stages(document, inputs))


def _with_parameters(document: Document, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Add the file with the task's parameters to each stage that runs its own program."""
    if document.parameters is None:
        return stages
    given = Given(target=_PARAMETERS[document.layout], content=encode_parameters(document.parameters))
    return tuple(replace(one, gives=(*one.gives, given)) if one.own_program else one for one in stages)


def check_outputs(document: Document, inputs: Inputs, outputs: Sequence[Path]) -> None:
    """Raise `TaskFailed` output_invalid where an output's files don't meet the task's requirements."""
    check = kind_of(document).check_outputs
    if check is not None:
        check(document, inputs, outputs)


def annotation_of(document: Document) -> "Annotation | None":
    """Return what the task asks annotators; None for a kind whose results aren't annotations."""
    asked = kind_of(document).annotation
    return asked(document) if asked is not None else None


# one line per kind: its module
for _module in (
    "annotation",
    "training",
    "restructuring",
    "scoring",
    "aggregation",
    "function",
):
    register(import_module(f"{__name__}.{_module}").KIND)
