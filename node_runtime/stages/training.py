"""Which containers does a training task need? One, that writes ``model/model``."""

from node_runtime.document import Document
from node_runtime.stages import sandbox
from node_runtime.stages.inputs import Inputs
from node_runtime.stages.stage import Stage, Writable

MODEL = Writable(name="model", target=sandbox.MODEL, output="model", entry="model")


def training_stages(document: Document, inputs: Inputs) -> tuple[Stage, ...]:
    image = sandbox.image_source(document.algo, inputs.algo, part="algo")
    keys = [model.digest for model in inputs.models]
    train = Stage(
        name="train",
        image=image,
        entrypoint=document.algo.entrypoint if document.algo else None,
        arguments=("train", *keys, *sandbox.rank_arguments(document)),
        environment=sandbox.ENVIRONMENT,
        reads=(
            *sandbox.data_mounts(inputs),
            *sandbox.opener_mounts(inputs),
            *sandbox.model_mounts(inputs.models),
            *sandbox.local_mounts(inputs, document, writable=True),
        ),
        writes=(MODEL,),
        limits=document.limits,
    )
    return (train,)
