"""What does a container of the layout ``sandbox`` (Substra 0.x) see, and where?

``/sandbox/{data,opener,model,local,pred,metrics}``, keys are the digests' hexadecimal digits.
"""

from node_runtime.document import Document, Image
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.ports import ImageSource, Mount
from node_runtime.stages.inputs import Input, Inputs, model_entry, once

ROOT = "/sandbox"
DATA = f"{ROOT}/data"
OPENER = f"{ROOT}/opener"
MODEL = f"{ROOT}/model"
LOCAL = f"{ROOT}/local"
PRED = f"{ROOT}/pred"
METRICS = f"{ROOT}/metrics"

ENVIRONMENT = (("HOME", "/tmp"), ("PYTHONPATH", ROOT))


def image_source(image: Image | None, folder: Input | None, *, part: str) -> ImageSource:
    if image is None or folder is None:
        raise mismatch(f"the task has no {part}", remedy=f"name a folder with a Dockerfile as '{part}'")
    return ImageSource(folder=folder.folder, digest=folder.digest, image=image.image)


def data_mounts(inputs: Inputs) -> tuple[Mount, ...]:
    """The same mounts in the same order for every stage, so that all of them list the samples alike."""
    return tuple(Mount(source=sample.folder, target=f"{DATA}/{sample.digest}") for sample in once(inputs.data))


def opener_mounts(inputs: Inputs) -> tuple[Mount, ...]:
    """The opener is importable as ``opener``: one file of any name, or a folder that is a Python package."""
    opener = inputs.opener
    if opener is None:
        return ()
    if "__init__.py" in opener.files:
        return (Mount(source=opener.folder, target=OPENER),)
    if len(opener.files) == 1 and not opener.folders:
        return (Mount(source=opener.folder / opener.files[0], target=f"{OPENER}/__init__.py"),)
    found = ", ".join([*opener.files, *(f"{name}/" for name in opener.folders)][:5]) or "nothing"
    raise mismatch(
        f"opener {opener.digest} is neither a single file nor a folder with __init__.py: it holds {found}",
        remedy="register the opener's .py file, or a folder whose __init__.py it is",
    )


def model_mounts(models: tuple[Input, ...]) -> tuple[Mount, ...]:
    return tuple(Mount(source=model_entry(model), target=f"{MODEL}/{model.digest}") for model in once(models))


def local_mounts(inputs: Inputs, document: Document, *, writable: bool) -> tuple[Mount, ...]:
    if inputs.local is None:
        return ()
    return (Mount(source=inputs.local, target=LOCAL, quota=document.limits.outputs if writable else None),)


def rank_arguments(document: Document) -> tuple[str, ...]:
    return () if document.rank is None else ("--rank", str(document.rank))


def mismatch(message: str, *, remedy: str) -> TaskFailed:
    return TaskFailed(FailureCategory.INPUT_MISMATCH, message, remedy=remedy)
