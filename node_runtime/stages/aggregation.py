"""Which containers does an aggregation task need? One, that makes ``model/model`` of the in-models without data."""

from node_runtime.document import Document
from node_runtime.stages import sandbox
from node_runtime.stages.inputs import Inputs
from node_runtime.stages.stage import Stage
from node_runtime.stages.training import MODEL


def aggregation_stages(document: Document, inputs: Inputs) -> tuple[Stage, ...]:
    if not inputs.models:
        raise sandbox.mismatch("the aggregation has no models", remedy="name at least one under 'models'")
    aggregate = Stage(
        name="aggregate",
        image=sandbox.image_source(document.algo, inputs.algo, part="algo"),
        entrypoint=document.algo.entrypoint if document.algo else None,
        arguments=("aggregate", *(model.digest for model in inputs.models), *sandbox.rank_arguments(document)),
        environment=sandbox.ENVIRONMENT,
        reads=(*sandbox.model_mounts(inputs.models), *sandbox.local_mounts(inputs, document, writable=True)),
        writes=(MODEL,),
        limits=document.limits,
    )
    return (aggregate,)
