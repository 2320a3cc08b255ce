"""The layout ``sandbox`` (Substra 0.x): mounts at ``/sandbox/{data,opener,model,local,pred,metrics,export}``.

Keys are the digests' hexadecimal digits. Every stage has every folder, since substratools creates those that are
missing, which the read-only root forbids.
"""

from dataclasses import replace

from node_runtime.domain.document import Document, Image
from node_runtime.domain.parameters import FILE_NAME
from node_runtime.kinds.base import mismatch
from node_runtime.kinds.stage import Input, Inputs, Local, Stage, Writable, model_entry, once
from node_runtime.ports.engine import ImageSource, Mount

ROOT = "/sandbox"
DATA = f"{ROOT}/data"
OPENER = f"{ROOT}/opener"
MODEL = f"{ROOT}/model"
LOCAL = f"{ROOT}/local"
PRED = f"{ROOT}/pred"
METRICS = f"{ROOT}/metrics"
EXPORT = f"{ROOT}/export"
_DEFAULTS = (f"{ROOT}/input_models", f"{ROOT}/output_models")  # of a composite algo that is given no such folder
FOLDERS = (DATA, OPENER, MODEL, LOCAL, PRED, METRICS, EXPORT, *_DEFAULTS)
PARAMETERS = f"{ROOT}/{FILE_NAME}"

ENVIRONMENT = (("HOME", "/tmp"), ("PYTHONPATH", ROOT))
WRITTEN_MODEL = Writable(name="model", target=MODEL, output="model", entry="model")


def image_source(image: Image, folder: Input | None, *, part: str) -> ImageSource:
    if folder is None:
        raise mismatch(f"the task has no {part}", remedy=f"name a folder with a Dockerfile as '{part}'")
    return ImageSource(folder=folder.folder, digest=folder.digest, image=image.image)


def data_mounts(inputs: Inputs) -> tuple[Mount, ...]:
    """Return the mounts of the data samples, in the same order for every stage."""
    return tuple(Mount(source=sample.folder, target=f"{DATA}/{sample.digest}") for sample in once(inputs.data))


def opener_mounts(inputs: Inputs, *, folder: str = OPENER) -> tuple[Mount, ...]:
    """Return the mount that makes the opener the package ``folder``: of a single file, or of a package's folder."""
    opener = inputs.opener
    if opener is None:
        return ()
    if "__init__.py" in opener.files:
        return (Mount(source=opener.folder, target=folder),)
    if len(opener.files) == 1 and not opener.folders:
        return (Mount(source=opener.folder / opener.files[0], target=f"{folder}/__init__.py"),)
    found = ", ".join([*opener.files, *(f"{name}/" for name in opener.folders)][:5]) or "nothing"
    raise mismatch(
        f"opener {opener.digest} is neither a single file nor a folder with __init__.py: it holds {found}",
        remedy="register the opener's .py file, or a folder whose __init__.py it is",
    )


def model_mounts(models: tuple[Input, ...]) -> tuple[Mount, ...]:
    return tuple(Mount(source=model_entry(model), target=f"{MODEL}/{model.digest}") for model in once(models))


def written_local(inputs: Inputs, document: Document) -> Local | None:
    """Return the plan's local folder for a stage that writes it."""
    if inputs.local is None or document.limits.local is None:
        return None
    return Local(target=LOCAL, before=inputs.local, quota=document.limits.local)


def read_local(inputs: Inputs) -> tuple[Mount, ...]:
    """Return the mount of the plan's local folder for a stage that only reads it."""
    return () if inputs.local is None else (Mount(source=inputs.local, target=LOCAL),)


def with_every_folder(stage: Stage) -> Stage:
    """Return the stage with the layout's other folders, empty and read-only."""
    used = (*stage.targets, *stage.scratch)
    empty = (folder for folder in FOLDERS if not any(f"{one}/".startswith(f"{folder}/") for one in used))
    return replace(stage, empty=tuple(empty))


def fake_arguments(inputs: Inputs, *, metric: bool = False) -> tuple[str, ...]:
    """Return what substratools takes for data that the opener makes up; a metric's predictions are still the file's."""
    if inputs.fake is None:
        return ()
    mode = ("--fake-data-mode", "FAKE_Y") if metric else ("--fake-data",)
    return (*mode, "--n-fake-samples", str(inputs.fake))


def rank_arguments(rank: int | None) -> tuple[str, ...]:
    return () if rank is None else ("--rank", str(rank))
