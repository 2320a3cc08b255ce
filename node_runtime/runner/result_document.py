"""The result of an attempt: collection of its outputs, its score, and the document that describes them.

Outputs are untrusted. An invalid one raises `TaskFailed` (output_invalid, output_too_large) with place and reason.
"""

import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError

from node_runtime.domain.assets import Account, Digest
from node_runtime.domain.parameters import Parameters
from node_runtime.domain.task import Kind, Output, Result, TaskId
from node_runtime.errors import FailureCategory, InputError, TaskFailed
from node_runtime.kinds import Inputs, Keeps, Stage, Writable
from node_runtime.kinds.perf import FILE_NAME as PERF
from node_runtime.kinds.perf import PerfFile, read_perf, read_performances, written_numbers
from node_runtime.platform.files import host_errors, write_atomically
from node_runtime.ports.engine import ContainerRun
from node_runtime.stores.tree.folders import remove_tree
from node_runtime.stores.tree.walk import FOUND_AFTER_RUN, manifest_of

from .untrusted import check_entry, output_refused, parse_json
from .workspace import Workspace

FILE_NAME = "result.json"
MOST_FILES = FOUND_AFTER_RUN.entries  # of an output: the limit for senders and receivers alike
NUMBERS = "numbers"  # folder of a perf.json that this node wrote
FAILURE_FILE = "failure.txt"  # why an attempt failed; uploaded with its logs
STEPS_FILE = "steps.json"  # `ReachedSteps`, beside it

Hexadecimal = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Word = Annotated[str, StringConstraints(max_length=128, pattern=r"^[ -~]*$")]
"""A stage, an image or an account; printable ASCII, because documents are untrusted and shown on terminals."""
MOST_STAGES = 64
MOST_IMAGES = 256  # named by a Dockerfile
Seconds = Annotated[float, Field(ge=0, le=1e9)]  # thirty years at most


class _ResultPart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class StageRun(_ResultPart):
    """How one container ended. ``peak_memory`` in bytes is the largest sample, absent when there was none.

    ``built_on`` are the ids of the images that its Dockerfile names, absent where the image wasn't built.
    """

    name: Word
    image: Word  # image id
    built_on: Annotated[tuple[Word, ...], Field(min_length=1, max_length=MOST_IMAGES)] | None = None
    exit_code: int | None = None
    seconds: Seconds
    peak_memory: Annotated[int, Field(ge=0, lt=1 << 63)] | None = None
    adopted: bool = False


class StepSeconds(_ResultPart):
    """Seconds of a node's steps: fetching the inputs, building or pulling images, the containers, the outputs."""

    inputs: Seconds
    image: Seconds
    run: Seconds
    outputs: Seconds


class ReachedSteps(_ResultPart):
    """steps.json, beside the logs of an attempt that failed: the seconds of the steps that it reached."""

    format: Literal["node-runtime/steps/1"] = "node-runtime/steps/1"
    inputs: Seconds | None = None
    image: Seconds | None = None
    run: Seconds | None = None
    outputs: Seconds | None = None

    @property
    def seconds(self) -> Mapping[str, float]:
        return self.model_dump(exclude={"format"}, exclude_none=True)


class ResultDocument(_ResultPart):
    """result.json: an attempt's stages, inputs and outputs. Digests are tree digests, see `stores.tree.manifest`.

    ``steps`` came with format 2; a person's result has none.
    """

    format: Literal["node-runtime/result/1", "node-runtime/result/2"] = "node-runtime/result/2"
    task: int
    epoch: int
    worker: Word
    kind: Kind
    inputs: tuple[Hexadecimal, ...]  # algo, bundle, metric, opener, data, models: each once, in this order
    stages: Annotated[tuple[StageRun, ...], Field(max_length=MOST_STAGES)]
    steps: StepSeconds | None = None
    parameters: Parameters | None = None  # as the task document has them
    perf: dict[str, JsonValue] | None = None  # content of perf.json
    outputs: dict[str, Hexadecimal]
    log: Hexadecimal
    outputs_stay: tuple[Word, ...] | None = None  # outputs that stay with the worker, as the log does
    log_stays: bool = False  # the log may contain private data: it stays with the worker, not in storage

    def encode(self) -> bytes:
        """Canonical JSON: sorted keys, no spaces, UTF-8, no final newline."""
        values = self.model_dump(mode="json", exclude_none=True)
        for own in ("parameters", "perf"):
            if (given := getattr(self, own)) is not None:
                values[own] = given  # keep its own nulls
        return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()

    @classmethod
    def decode(cls, encoded: bytes) -> "ResultDocument":
        """Decode a result.json. Raises `InputError` for anything else."""
        remedy = "reject the submission, or ask its worker"
        try:
            parse_json(encoded)  # refuse numbers and nesting that other readers can't handle
            found = cls.model_validate_json(encoded)
            canonical = found.encode() == encoded
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the document"
            raise InputError(f"{FILE_NAME}: {place}: {first['msg']}", remedy=remedy) from error
        except ValueError as error:  # NaN or infinity, invalid UTF-8
            raise InputError(f"{FILE_NAME}: {error}", remedy=remedy) from error
        if not canonical:  # e.g. a duplicate key, which readers resolve differently
            raise InputError(f"{FILE_NAME} is not canonical JSON", remedy=remedy)
        return found


@dataclass(frozen=True, kw_only=True)
class Collected:
    """An output to upload from ``source`` under ``digest``. ``name`` is e.g. ``model``, ``pred``, ``perf.json``."""

    name: str
    source: Path
    digest: Digest


def collect(
    stages: Sequence[Stage], workspace: Workspace, *, stop: threading.Event | None = None
) -> tuple[Collected, ...]:
    """Collect the outputs of stages that have all succeeded. Idempotent.

    Raises `StorageError` soon after ``stop`` is set.
    """
    return tuple(_collect_one(writable, stage, workspace, stop) for stage in stages for writable in stage.writes)


def perf_of(stages: Sequence[Stage], workspace: Workspace) -> PerfFile | None:
    """Read the score that a stage wrote; None when the task doesn't score."""
    for stage in stages:
        for writable in stage.writes:
            folder = workspace.output_folder(stage.name, writable.name)
            if writable.keeps is Keeps.NUMBERS:
                return read_performances(folder, writable.performances, stage=stage.name)
            if writable.output == PERF:
                return read_perf(folder, stage=stage.name)
    return None


def collect_logs(workspace: Workspace) -> Collected:
    """Collect the logs, after success and failure alike, once all containers have ended."""
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
    perf: PerfFile | None,
    log: Collected,
    parameters: Parameters | None = None,
    log_stays: bool = False,
    outputs_stay: Sequence[str] = (),
    built_on: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    steps: StepSeconds | None = None,
) -> ResultDocument:
    """Build the document of an attempt whose stages, in `runs`, have all succeeded. ``built_on`` by stage."""
    return ResultDocument(
        task=task,
        epoch=epoch,
        worker=worker,
        kind=kind,
        inputs=inputs.digests,
        stages=tuple(_stage_run(stage, run, built_on.get(stage.name, ())) for stage, run in runs),
        steps=steps,
        parameters=parameters,
        perf=perf.values if perf else None,
        outputs={one.name: one.digest for one in outputs},
        log=log.digest,
        log_stays=log_stays,
        outputs_stay=tuple(outputs_stay) or None,
    )


def write_result(document: ResultDocument, workspace: Workspace) -> Collected:
    """Write result.json into the workspace; return it with the digest of a tree of this one file. Idempotent."""
    path = workspace.folder / FILE_NAME
    write_atomically(path, document.encode())
    return Collected(name=path.name, source=path, digest=manifest_of(path).digest)


def result_of(written: Collected, outputs: Sequence[Collected], *, uri: str, perf: PerfFile | None) -> Result:
    """Build the on-chain result for a written result.json. ``uri`` is the trees' location in storage."""
    return Result(
        digest=written.digest,
        outputs=tuple(Output(name=one.name, digest=one.digest) for one in outputs),
        uri=uri,
        perfs=perf.numbers if perf else (),
    )


def _stage_run(stage: Stage, run: ContainerRun, built_on: tuple[str, ...]) -> StageRun:
    return StageRun(
        name=stage.name,
        image=run.image,
        built_on=built_on or None,
        exit_code=run.exit_code,
        seconds=round(run.seconds, 3),
        peak_memory=run.peak_memory,
        adopted=run.adopted,
    )


def _collect_one(writable: Writable, stage: Stage, workspace: Workspace, stop: threading.Event | None) -> Collected:
    folder = workspace.output_folder(stage.name, writable.name)
    if writable.keeps is Keeps.NUMBERS:
        return _numbers(read_performances(folder, writable.performances, stage=stage.name), workspace)
    check_entry(folder / writable.entry, stage=stage.name, bytes_allowed=stage.limits.outputs)
    if writable.keeps is Keeps.FILE:
        return _file(folder / writable.entry, writable, stage, stop)
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


def _file(file: Path, writable: Writable, stage: Stage, stop: threading.Event | None) -> Collected:
    if file.is_symlink() or not file.is_file():
        raise TaskFailed(
            FailureCategory.OUTPUT_INVALID,
            f"stage {stage.name} left a folder as {writable.entry}, not a file",
            remedy="let it write one regular file, e.g. an archive of the folder",
        )
    with output_refused(stage.name):
        digest = manifest_of(file, caps=FOUND_AFTER_RUN.with_bytes(stage.limits.outputs), stop=stop).digest
    return Collected(name=writable.output, source=file, digest=digest)


def _numbers(perf: PerfFile, workspace: Workspace) -> Collected:
    """Write the perf.json that stands for the files of a function's performances. Idempotent."""
    path = workspace.folder / NUMBERS / PERF
    with host_errors(path):
        path.parent.mkdir(exist_ok=True)
        path.write_text(written_numbers({one.name: one.value for one in perf.numbers}))
    return Collected(name=PERF, source=path, digest=manifest_of(path).digest)


def _surplus(folder: Path, writable: Writable, stage: Stage) -> list[str]:
    """Return the entries to remove before collecting: mount points, or all but the output's entry."""
    match writable.keeps:
        case Keeps.ALL:
            return [name for name in stage.mount_points(writable) if os.path.lexists(folder / name)]
        case Keeps.ENTRY:
            return [entry.name for entry in folder.iterdir() if entry.name != writable.entry]
        case _:
            return []
