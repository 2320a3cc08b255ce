"""Packaging of an attempt's result or failure for the outbox, with private outputs withheld.

From a task on private data only the model and bounded numbers leave, because the operator allowed its algo. Other
outputs of the untrusted program (predictions, annotations, logs) stay on this node for a limited time.
"""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from node_runtime.domain.document import Document
from node_runtime.domain.task import Assignment, Kind, Task
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.kinds import Inputs, Stage, check_outputs, leaving_outputs
from node_runtime.kinds.perf import FILE_NAME as PERF
from node_runtime.kinds.perf import PerfFile, bounded_numbers, read_perf
from node_runtime.platform.files import host_errors
from node_runtime.platform.paths import without_places
from node_runtime.ports.engine import ContainerRun, ReadyImage
from node_runtime.runner.result_document import (
    FAILURE_FILE,
    Collected,
    StepSeconds,
    collect,
    collect_logs,
    describe,
    perf_of,
    result_of,
    write_result,
)
from node_runtime.runner.workspace import AttemptId, Workspace
from node_runtime.stores.tree.folders import MONTH, Bound, copy_writable, prune, size_on_disk
from node_runtime.stores.tree.walk import manifest_of

from .inputs import uses_private_data
from .node import Node
from .outbox import Delivery, Upload
from .resources import Attempt

log = structlog.get_logger()

PRIVATE = "private-logs"  # in the work folder: withheld outputs and logs, by digest


@dataclass(frozen=True, kw_only=True)
class Withheld:
    """``outputs``: all outputs that the result names; ``stays``: the names of those that are not uploaded."""

    outputs: tuple[Collected, ...]
    perf: PerfFile | None
    stays: tuple[str, ...]

    @property
    def leaving(self) -> tuple[Collected, ...]:
        return tuple(one for one in self.outputs if one.name not in self.stays)


def withhold(outputs: Sequence[Collected], perf: PerfFile | None, workspace: Workspace, node: Node) -> Withheld:
    """Keep private outputs on this node, and reduce perf.json to its bounded numbers. Idempotent."""
    if perf is not None:
        made, perf = _numbers_alone(perf, workspace)
        outputs = [made if one.name == PERF else one for one in outputs]
    stays = tuple(one.name for one in outputs if one.name not in leaving_outputs())
    for one in outputs:
        if one.name in stays:
            keep_private(one, node.work / PRIVATE, now=node.time.now())
    return Withheld(outputs=tuple(outputs), perf=perf, stays=stays)


def keep_private(collected: Collected, folder: Path, *, now: int, bound: Bound = MONTH) -> None:
    """Copy the output into this node's ``folder`` and prune that to the bound. ``now`` in ms since 1970.

    An output larger than the whole bound is dropped without copying, which would cost time and evict all others.
    """
    if (size := size_on_disk(collected.source)) > bound.size:
        log.warning("private_output_dropped", output=collected.name, digest=collected.digest, bytes=size)
        return
    target = folder / collected.digest
    with host_errors(target):
        if collected.source.is_dir():
            copy_writable(collected.source, target)  # without modes: an untrusted file may be setuid
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(collected.source, target / collected.source.name)
    prune(folder, bound, now=now)


def _numbers_alone(perf: PerfFile, workspace: Workspace) -> tuple[Collected, PerfFile]:
    path: Path = workspace.folder / "numbers" / PERF
    with host_errors(path):
        path.parent.mkdir(exist_ok=True)
        path.write_text(bounded_numbers(perf))
    made = Collected(name=PERF, source=path, digest=manifest_of(path).digest)
    return made, read_perf(path.parent, stage="metrics")


NODE_SIDE = (FailureCategory.INPUT_UNAVAILABLE, FailureCategory.INPUT_MISMATCH, FailureCategory.NODE_ERROR)
"""Messages of these categories may contain the node's own paths, which are removed before the creator sees them."""


def pack_result(
    attempt: Attempt,
    inputs: Inputs,
    images: Mapping[str, ReadyImage],
    runs: Sequence[tuple[Stage, ContainerRun]],
    workspace: Workspace,
    node: Node,
    steps: Mapping[str, float],
) -> Delivery:
    """Pack everything the stages left into a delivery and add it to the outbox. Idempotent. ``images`` by stage.

    ``steps`` are the seconds of the steps so far.

    Raises `TaskFailed` (output_invalid, output_too_large), or `StorageError` soon after the attempt is over.
    """
    started = time.monotonic()
    assignment, stages = attempt.assignment, [stage for stage, _ in runs]
    perf = perf_of(stages, workspace)
    if perf is not None and perf.vanished:
        log.warning("numbers_round_to_zero", task=assignment.task, epoch=assignment.epoch, names=perf.vanished)
    outputs = collect(stages, workspace, stop=attempt.cancellation.over)
    check_outputs(attempt.document, inputs, [one.source for one in outputs])
    made = Withheld(outputs=outputs, perf=perf, stays=())
    if uses_private_data(attempt.task, attempt.document, node):
        made = withhold(outputs, perf, workspace, node)
    logs = collect_logs(workspace)
    shared = shared_logs(logs, attempt.task, attempt.document, node)
    document = describe(
        task=assignment.task,
        epoch=assignment.epoch,
        worker=assignment.worker,
        kind=Kind(attempt.document.kind),
        inputs=inputs,
        runs=runs,
        built_on={name: image.built_on for name, image in images.items()},
        outputs=made.outputs,
        parameters=attempt.document.parameters,
        perf=made.perf,
        log=logs,
        log_stays=not shared,
        outputs_stay=made.stays,
        steps=_step_seconds(steps, runs, outputs=time.monotonic() - started),
    )
    written = write_result(document, workspace)
    delivery = Delivery(
        task=assignment.task,
        epoch=assignment.epoch,
        worker=assignment.worker,
        due=assignment.due,
        reward=attempt.task.terms.reward,
        log=logs.digest,
        uploads=uploads_of([written, *made.leaving, *shared]),
        result=result_of(written, made.outputs, uri=node.store.uri(written.digest), perf=made.perf),
    )
    node.outbox.pack(delivery)
    return delivery


def _step_seconds(
    steps: Mapping[str, float], runs: Sequence[tuple[Stage, ContainerRun]], *, outputs: float
) -> StepSeconds:
    return StepSeconds(
        inputs=round(steps["fetch_inputs"], 3),
        image=round(steps["prepare_images"], 3),
        run=round(sum(run.seconds for _, run in runs), 3),
        outputs=round(outputs, 3),
    )


def pack_failure(
    assignment: Assignment, task: Task, failure: TaskFailed, document: Document | None, node: Node
) -> Delivery:
    """Pack the failure's reason and logs into a delivery and add it to the outbox. Idempotent."""
    workspace = node.workspaces.open(AttemptId(task=assignment.task, epoch=assignment.epoch))
    file = workspace.logs / FAILURE_FILE
    message = without_places(str(failure), known="") if failure.category in NODE_SIDE else str(failure)
    reason = f"{failure.category}: {message}\n"
    with host_errors(file):
        file.write_text(reason, encoding="utf-8", errors="replace")
    logs = collect_logs(workspace)
    delivery = Delivery(
        task=assignment.task,
        epoch=assignment.epoch,
        worker=assignment.worker,
        due=assignment.due,
        reward=task.terms.reward,
        log=logs.digest,
        uploads=uploads_of(shared_logs(logs, task, document, node)),
        category=failure.category,
        message=str(failure),
    )
    node.outbox.pack(delivery)
    return delivery


def shared_logs(logs: Collected, task: Task, document: Document | None, node: Node) -> tuple[Collected, ...]:
    """Return the logs to upload; keep them on this node instead when they may contain private data.

    Without a ``document`` the task's inputs are unknown, so its logs are kept too.
    """
    if node.share_private_logs or (document is not None and not uses_private_data(task, document, node)):
        return (logs,)
    keep_private(logs, node.work / PRIVATE, now=node.time.now())
    return ()


def uploads_of(collected: Sequence[Collected]) -> tuple[Upload, ...]:
    return tuple(Upload(path=one.source, digest=one.digest) for one in collected)
