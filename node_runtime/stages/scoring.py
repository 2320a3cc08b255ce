"""Which containers does a scoring task need? Predict writes ``pred/pred``, then metrics reads it and writes a score."""

from node_runtime.document import Document
from node_runtime.perf import FILE_NAME as PERF
from node_runtime.ports import Mount
from node_runtime.stages import sandbox
from node_runtime.stages.inputs import Input, Inputs
from node_runtime.stages.stage import Carried, Keeps, Stage, Writable

PRED = Writable(name="pred", target=sandbox.PRED, output="pred", entry="pred", keeps=Keeps.ENTRY)
SCORE = Writable(name="pred", target=sandbox.PRED, output=PERF, entry=PERF, keeps=Keeps.ENTRY)


def scoring_stages(document: Document, inputs: Inputs) -> tuple[Stage, ...]:
    if len(inputs.models) != 1:
        raise sandbox.mismatch(
            f"a scoring task scores one model, this one names {len(inputs.models)}", remedy="name one under 'model'"
        )
    if inputs.opener is None:
        raise sandbox.mismatch("the scoring task has no opener", remedy="name the opener's file as 'opener'")
    return (_predict(document, inputs, inputs.models[0]), _metrics(document, inputs))


def _predict(document: Document, inputs: Inputs, model: Input) -> Stage:
    return Stage(
        name="predict",
        image=sandbox.image_source(document.algo, inputs.algo, part="algo"),
        entrypoint=document.algo.entrypoint if document.algo else None,
        arguments=("predict", model.digest),
        environment=sandbox.ENVIRONMENT,
        reads=(
            *sandbox.data_mounts(inputs),
            *sandbox.opener_mounts(inputs),
            *sandbox.model_mounts((model,)),
            *sandbox.local_mounts(inputs, document, writable=False),
        ),
        writes=(PRED,),
        limits=document.limits,
    )


def _metrics(document: Document, inputs: Inputs) -> Stage:
    image = sandbox.image_source(document.metric, inputs.metric, part="metric")
    return Stage(
        name="metrics",
        image=image,
        entrypoint=document.metric.entrypoint if document.metric else None,
        environment=sandbox.ENVIRONMENT,
        reads=(
            *sandbox.data_mounts(inputs),
            *sandbox.opener_mounts(inputs),
            Mount(source=image.folder, target=sandbox.METRICS),
        ),
        writes=(SCORE,),
        # only the predictions move on: whatever else predict wrote, e.g. a score, stays where it is
        carries=(Carried(stage="predict", name=PRED.name, entry=PRED.entry, target=f"{sandbox.PRED}/{PRED.entry}"),),
        limits=document.limits,
    )
