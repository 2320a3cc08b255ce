"""Which containers does a task need? Pure: a document and where its inputs lie → stages, in the order they run."""

from collections.abc import Callable

from node_runtime.document import Document
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.stages.aggregation import aggregation_stages
from node_runtime.stages.bundle import bundle_stages
from node_runtime.stages.inputs import Input, Inputs, inputs_of
from node_runtime.stages.scoring import scoring_stages
from node_runtime.stages.stage import Carried, Keeps, Stage, Writable
from node_runtime.stages.training import training_stages
from node_runtime.task import Kind

__all__ = ["Carried", "Input", "Inputs", "Keeps", "Stage", "Writable", "can_run", "inputs_of", "stages_of"]

# one line for each kind and layout this version can run
_STAGES: dict[tuple[Kind, str], Callable[[Document, Inputs], tuple[Stage, ...]]] = {
    (Kind.TRAINING, "sandbox"): training_stages,
    (Kind.SCORING, "sandbox"): scoring_stages,
    (Kind.AGGREGATION, "sandbox"): aggregation_stages,
    (Kind.ANNOTATION, "bundle"): bundle_stages,
    (Kind.RESTRUCTURING, "bundle"): bundle_stages,
    (Kind.TRAINING, "bundle"): bundle_stages,
}


def can_run(document: Document) -> bool:
    """Whether this version knows the stages of such a task."""
    return (document.kind, document.layout) in _STAGES


def stages_of(document: Document, inputs: Inputs) -> tuple[Stage, ...]:
    """The stages of the task. Raises `TaskFailed`: input_mismatch for inputs that are not what the kind needs."""
    stages = _STAGES.get((document.kind, document.layout))
    if stages is None:
        raise TaskFailed(
            FailureCategory.POLICY,
            f"this version does not run tasks of kind {document.kind} with layout {document.layout}",
            remedy="leave it to nodes with a newer version",
        )
    return stages(document, inputs)
