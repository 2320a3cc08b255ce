"""Which container does a bundle need? One, in which its ``start_task.sh`` works in a copy of it (layout ``bundle``).

The copy is the working directory ``/task``; in-models lie at ``/task/models/<key>``, data samples at
``/task/data/<key>``, what is to be sent goes to ``/task/outputs``. Source: DecentralML's tutorials.
"""

import json

from node_runtime.document import Document
from node_runtime.ports import Mount
from node_runtime.stages import sandbox
from node_runtime.stages.inputs import Input, Inputs, model_entry, once
from node_runtime.stages.stage import Keeps, Stage, Writable
from node_runtime.task import Kind

ROOT = "/task"
OUTPUTS = "outputs"
START = "start_task.sh"
# made executable first: bundles that came through an archive or a web page have lost that
_ENTRYPOINT = ("/bin/sh", "-c", f"cd {ROOT} && chmod u+x {START} && exec ./{START}")


def bundle_stages(document: Document, inputs: Inputs) -> tuple[Stage, ...]:
    bundle = inputs.bundle
    if bundle is None:
        raise sandbox.mismatch("the task has no bundle", remedy="name a folder with a start_task.sh as 'bundle'")
    check_bundle(bundle, data=bool(inputs.data), models=bool(inputs.models))
    output = OUTPUTS if document.kind is Kind.ANNOTATION else "model"
    work = Stage(
        name="work",
        image=sandbox.image_source(document.algo, inputs.algo, part="algo"),
        entrypoint=_ENTRYPOINT,
        environment=environment(document, inputs),
        reads=(
            *(Mount(source=one.folder, target=f"{ROOT}/data/{one.digest}") for one in once(inputs.data)),
            *(Mount(source=model_entry(one), target=f"{ROOT}/models/{one.digest}") for one in once(inputs.models)),
        ),
        writes=(
            Writable(name="task", target=ROOT, output=output, entry=OUTPUTS, keeps=Keeps.INSIDE, copied=bundle.folder),
        ),
        limits=document.limits,
    )
    return (work,)


def check_bundle(bundle: Input, *, data: bool, models: bool) -> None:
    """Raise `TaskFailed` input_mismatch for one nobody can work with; ``data``, ``models``: whether a task has any."""
    if START not in bundle.files:
        raise sandbox.mismatch(f"the bundle has no {START}", remedy="put the script that does the work into it")
    for name, given in (("data", data), ("models", models)):
        if given and name in bundle.files:
            raise sandbox.mismatch(f"the bundle's file {name} is in the way of the task's {name}", remedy="rename it")


def environment(document: Document, inputs: Inputs) -> tuple[tuple[str, str], ...]:
    """What a bundle's scripts are told, in the sandbox and by hand."""
    told = [("HOME", "/tmp"), ("TASK_NAME", document.name), ("CONTRIBUTOR_ID", str(inputs.worker))]
    if document.question is not None:
        told.append(("QUESTION", document.question))
    asked = document.annotation
    if asked is not None:
        told += [
            ("ANNOTATION_TYPE", asked.type.value),
            ("QUESTION", asked.question),
            ("CLASS_LABELS", json.dumps(asked.labels, ensure_ascii=False)),
            ("CLASS_COORDINATES", json.dumps(asked.coordinates, ensure_ascii=False)),
            ("ANNOTATION_INFO", json.dumps(asked.info, ensure_ascii=False)),
        ]
    return tuple(told)
