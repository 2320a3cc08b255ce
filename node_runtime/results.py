"""What did a task's attempt bring: which trees its stages left, which score, and the document that tells of it?

Everything a container left is taken as hostile; what is wrong with it ends in `TaskFailed` output_invalid or
output_too_large, with the place and the reason.
"""

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError

from node_runtime.annotations import check_annotations
from node_runtime.document import Document
from node_runtime.errors import FailureCategory, InputError, TaskFailed
from node_runtime.hostile_json import parse_json
from node_runtime.outputs import check_entry, output_refused
from node_runtime.perf import FILE_NAME as PERF
from node_runtime.perf import Perf, read_perf
from node_runtime.ports import ContainerRun
from node_runtime.stages import Inputs, Keeps, Stage, Writable
from node_runtime.storage.removal import remove_tree
from node_runtime.storage.walk import FOUND_AFTER_RUN, manifest_of
from node_runtime.task import Account, Digest, Kind, Output, Result, TaskId
from node_runtime.trouble import host_trouble
from node_runtime.workspace import Workspace

FILE_NAME = "result.json"
MOST_FILES = FOUND_AFTER_RUN.entries  # of an output: nodes and people send no more, and nobody has to take more
FAILURE_FILE = "failure.txt"  # why an attempt failed, beside its logs, where creators look for it

Hexadecimal = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Word = Annotated[str, StringConstraints(max_length=128, pattern=r"^[ -~]*$")]
"""A stage, an image or an account. People are shown what is in a document, and who wrote it may be hostile."""
MOST_STAGES = 64
MOST_SECONDS = 1e9  # thirty years


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class StageRun(_Part):
    """How one container ended. ``peak_memory`` in bytes is the largest sample, absent when there was none."""

    name: Word
    image: Word  # image id
    exit_code: int | None = None
    seconds: Annotated[float, Field(ge=0, le=MOST_SECONDS)]
    peak_memory: Annotated[int, Field(ge=0, lt=1 << 63)] | None = None
    adopted: bool = False


class ResultDocument(_Part):
    """result.json: what an attempt did and brought. Digests are tree digests, see `storage.manifest`."""

    format: Literal["node-runtime/result/1"] = "node-runtime/result/1"
    task: int
    epoch: int
    worker: Word
    kind: Kind
    inputs: tuple[Hexadecimal, ...]  # algo, bundle, metric, opener, data, models: each once, in this order
    stages: Annotated[tuple[StageRun, ...], Field(max_length=MOST_STAGES)]
    perf: dict[str, JsonValue] | None = None  # perf.json as it was
    outputs: dict[str, Hexadecimal]
    log: Hexadecimal
    log_stays: bool = False  # with the worker, because it may tell of private data: storage hasn't got it

    def encode(self) -> bytes:
        """Canonical JSON: sorted keys, no spaces, UTF-8, no final newline."""
        values = self.model_dump(mode="json", exclude_none=True)
        if self.perf is not None:
            values["perf"] = self.perf  # its nulls are the metric's own
        return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()

    @classmethod
    def decode(cls, encoded: bytes) -> "ResultDocument":
        """Raises `InputError` for anything else than a result.json."""
        remedy = "reject the submission, or ask its worker"
        try:
            parse_json(encoded)  # numbers and nesting that whoever shows them would choke on
            found = cls.model_validate_json(encoded)
            canonical = found.encode() == encoded
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the document"
            raise InputError(f"{FILE_NAME}: {place}: {first['msg']}", remedy=remedy) from error
        except ValueError as error:  # numbers that are none, text that is no UTF-8
            raise InputError(f"{FILE_NAME}: {error}", remedy=remedy) from error
        if not canonical:  # e.g. a key that is there twice, and read differently by others
            raise InputError(f"{FILE_NAME} is not canonical JSON", remedy=remedy)
        return found


@dataclass(frozen=True, kw_only=True)
class Collected:
    """Something to upload: storing ``source`` gives ``digest``. ``name`` is e.g. ``model``, ``pred``, ``perf.json``."""

    name: str
    source: Path
    digest: Digest


def collect(
    stages: Sequence[Stage], workspace: Workspace, *, stop: threading.Event | None = None
) -> tuple[Collected, ...]:
    """The outputs of the stages, which have all ended well. May be repeated.

    Raises `StorageError` soon after ``stop`` is set.
    """
    return tuple(_collect_one(writable, stage, workspace, stop) for stage in stages for writable in stage.writes)


def check_outputs(outputs: Sequence[Collected], *, document: Document, inputs: Inputs) -> None:
    """Raise `TaskFailed` output_invalid where an output isn't what the task asks for, as far as the files show that."""
    if document.annotation is not None and inputs.bundle is not None:
        for one in outputs:
            check_annotations(one.source, inputs.bundle.folder, document.annotation)


def perf_of(stages: Sequence[Stage], workspace: Workspace) -> Perf | None:
    """The score that one of the stages left; None when the task is not one that scores."""
    for stage in stages:
        for writable in stage.writes:
            if writable.output == PERF:
                return read_perf(workspace.output_folder(stage.name, writable.name), stage=stage.name)
    return None


def collect_logs(workspace: Workspace) -> Collected:
    """The logs as they are now: kept after success and failure alike. Nobody writes to them any more."""
    return Collected(name="logs", source=workspace.logs, digest=manifest_of(workspace.logs).digest)


def describe(
    *,
    task: TaskId,
    epoch: int,
    worker: Account,
    kind: Kind,
    inputs: Inputs,
    runs: Sequence[tuple[Stage, ContainerRun]],
    outputs: Sequence[Collected],
    perf: Perf | None,
    log: Collected,
    log_stays: bool = False,
) -> ResultDocument:
    """The document of an attempt whose stages, in `runs`, have all ended well."""
    return ResultDocument(
        task=task,
        epoch=epoch,
        worker=worker,
        kind=kind,
        inputs=inputs.digests,
        stages=tuple(_stage_run(stage, run) for stage, run in runs),
        perf=perf.values if perf else None,
        outputs={one.name: one.digest for one in outputs},
        log=log.digest,
        log_stays=log_stays,
    )


def write_result(document: ResultDocument, workspace: Workspace) -> Collected:
    """Write result.json into the workspace. The digest is that of the tree whose one entry it is. May be repeated."""
    path = workspace.folder / FILE_NAME
    beside = path.with_suffix(".new")
    with host_trouble(workspace.folder):
        beside.write_bytes(document.encode())
        beside.replace(path)
    return Collected(name=path.name, source=path, digest=manifest_of(path).digest)


def result_of(written: Collected, outputs: Sequence[Collected], *, uri: str, perf: Perf | None) -> Result:
    """What goes on chain for a written result.json. ``uri`` is where storage says the trees are."""
    return Result(
        digest=written.digest,
        outputs=tuple(Output(name=one.name, digest=one.digest) for one in outputs),
        uri=uri,
        perf=perf.micro_units if perf else None,
    )


def _stage_run(stage: Stage, run: ContainerRun) -> StageRun:
    return StageRun(
        name=stage.name,
        image=run.image,
        exit_code=run.exit_code,
        seconds=round(run.seconds, 3),
        peak_memory=run.peak_memory,
        adopted=run.adopted,
    )


def _collect_one(writable: Writable, stage: Stage, workspace: Workspace, stop: threading.Event | None) -> Collected:
    folder = workspace.output_folder(stage.name, writable.name)
    check_entry(folder / writable.entry, stage=stage.name, bytes_allowed=stage.limits.outputs)
    source = folder / writable.entry if writable.keeps is Keeps.INSIDE else folder
    if not source.is_dir():
        raise TaskFailed(
            FailureCategory.OUTPUT_INVALID,
            f"stage {stage.name} left a file as {writable.entry}, not a folder",
            remedy=f"let it write into the folder {writable.entry}/",
        )
    for name in _surplus(folder, writable, stage):
        remove_tree(folder / name)
    with output_refused(stage.name):
        caps = FOUND_AFTER_RUN.with_bytes(stage.limits.outputs)
        digest = manifest_of(source, caps=caps, stop=stop).digest
    return Collected(name=writable.output, source=source, digest=digest)


def _surplus(folder: Path, writable: Writable, stage: Stage) -> list[str]:
    """What must not be collected with the rest."""
    match writable.keeps:
        case Keeps.ALL:
            return [name for name in stage.mount_points(writable) if os.path.lexists(folder / name)]
        case Keeps.ENTRY:
            return [entry.name for entry in folder.iterdir() if entry.name != writable.entry]
        case Keeps.INSIDE:
            return []
