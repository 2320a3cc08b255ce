"""The layout ``substra`` (Substra 1.0): one container whose program is told its inputs and outputs as JSON.

Keys are the digests' hexadecimal digits. Every folder of the layout is there, also below the working directory, since
substratools creates those that are missing, which the read-only root forbids.
"""

import json
from collections.abc import Iterator
from typing import Any

from node_runtime.domain.document import Document
from node_runtime.domain.function import FunctionInput, InputKind, Signature
from node_runtime.domain.parameters import FILE_NAME
from node_runtime.domain.task import OutputKind
from node_runtime.kinds.base import mismatch
from node_runtime.kinds.layouts import sandbox
from node_runtime.kinds.perf import FILE_NAME as PERF
from node_runtime.kinds.perf import performance_file
from node_runtime.kinds.stage import Given, Input, Inputs, Keeps, Stage, Writable, model_entry, once
from node_runtime.ports.engine import ImageSource, Mount

ROOT = "/substra_internal"
ARGUMENTS = f"{ROOT}/cli-args/arguments.txt"
OPENERS = f"{ROOT}/openers"
DATA = f"{ROOT}/data_samples"
IN_MODELS = f"{ROOT}/in_models"
OUT_MODELS = f"{ROOT}/out_models"
PERFORMANCES = f"{ROOT}/perf"
EXPORT = f"{ROOT}/export"
PARAMETERS = f"{ROOT}/{FILE_NAME}"

GROUP = 1001  # of Substra's own containers: images may give files to it
ENVIRONMENT = (("HOME", "/tmp"), ("PYTHONUNBUFFERED", "1"))
_FOLDERS = (OPENERS, DATA, IN_MODELS, OUT_MODELS, PERFORMANCES, EXPORT)
_WRITTEN_BY_SUBSTRATOOLS = ("model", "chainkeys")  # below the working directory
_READ_BY_SUBSTRATOOLS = ("data", "pred")


def stage(document: Document, signature: Signature, takes: tuple[str, ...], rank: int, inputs: Inputs) -> Stage:
    """Return the container of a function. ``takes`` are the identifiers of the inputs that its models are."""
    if inputs.algo is None:
        raise mismatch("the task has no function", remedy="name a folder with a Dockerfile as 'function'")
    reads = tuple(_mounts(inputs))
    writes = tuple(_writes(signature))
    used = [*(mount.target for mount in reads), *(one.target for one in writes), EXPORT]
    return Stage(
        name="function",
        image=ImageSource(
            folder=inputs.algo.folder, digest=inputs.algo.digest, image=document.algo.image, exec_form=True
        ),
        arguments=(f"@{ARGUMENTS}",),
        environment=ENVIRONMENT,
        reads=reads,
        writes=writes,
        gives=(Given(target=ARGUMENTS, content=_arguments(signature, takes, rank, inputs)),),
        scratch=(EXPORT, *_WRITTEN_BY_SUBSTRATOOLS),
        empty=(*(one for one in _FOLDERS if not _is_used(one, used)), *_READ_BY_SUBSTRATOOLS),
        group=GROUP,
        limits=document.limits,
    )


def _is_used(folder: str, targets: list[str]) -> bool:
    return any(f"{target}/".startswith(f"{folder}/") for target in targets)


def _mounts(inputs: Inputs) -> Iterator[Mount]:
    if inputs.opener is not None:
        yield from sandbox.opener_mounts(inputs, folder=_opener_folder(inputs.opener))
    for sample in once(inputs.data):
        yield Mount(source=sample.folder, target=f"{DATA}/{sample.digest}")
    for model in once(inputs.models):
        entry = model_entry(model)
        if entry == model.folder or entry.name not in model.files:
            raise mismatch(
                f"model {model.digest} is a folder, and a function takes a file",
                remedy="name a model that is one regular file, e.g. an archive",
            )
        yield Mount(source=entry, target=f"{IN_MODELS}/{model.digest}")


def _opener_folder(opener: Input) -> str:
    return f"{OPENERS}/{opener.digest}"


def _writes(signature: Signature) -> Iterator[Writable]:
    for one in signature.models:
        yield Writable(name="out_models", target=OUT_MODELS, output=one, entry=f"{one}.model", keeps=Keeps.FILE)
    if signature.performances:
        yield Writable(
            name="perf",
            target=PERFORMANCES,
            output=PERF,
            entry=performance_file(signature.performances[0]),
            keeps=Keeps.NUMBERS,
            performances=signature.performances,
        )


def _arguments(signature: Signature, takes: tuple[str, ...], rank: int, inputs: Inputs) -> bytes:
    """Return arguments.txt, from which substratools reads one argument a line."""
    items = [item for one in signature.inputs for item in _items(one, takes, inputs)]
    lines = (
        *("--task-properties", json.dumps({"rank": rank})),
        *("--inputs", json.dumps(items)),
        *("--outputs", json.dumps([_item(one.id, _made(one.id, one.kind)) for one in signature.outputs])),
        *sandbox.fake_arguments(inputs),
    )
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def _items(one: FunctionInput, takes: tuple[str, ...], inputs: Inputs) -> Iterator[dict[str, Any]]:
    """Yield an item for each file or folder of the input, none for an optional one that is absent."""
    match one.kind:
        case InputKind.DATA_MANAGER:
            if inputs.opener is not None:
                yield _item(one.id, f"{_opener_folder(inputs.opener)}/__init__.py")
        case InputKind.DATA_SAMPLE:
            for sample in inputs.data:
                yield _item(one.id, f"{DATA}/{sample.digest}", multiple=one.multiple)
        case InputKind.MODEL:
            for identifier, model in zip(takes, inputs.models, strict=True):
                if identifier == one.id:
                    yield _item(one.id, f"{IN_MODELS}/{model.digest}", multiple=one.multiple)


def _made(identifier: str, kind: OutputKind) -> str:
    if kind is OutputKind.MODEL:
        return f"{OUT_MODELS}/{identifier}.model"
    return f"{PERFORMANCES}/{performance_file(identifier)}"


def _item(identifier: str, value: str, *, multiple: bool = False) -> dict[str, Any]:
    return {"id": identifier, "value": value, "multiple": multiple}
