"""Packaging of an attempt's result or failure for the outbox, with private outputs withheld."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import structlog

from node_runtime.domain.task import Assignment, Kind, Task
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.kinds import Inputs, Stage, check_outputs
from node_runtime.kinds.perf import PerfFile
from node_runtime.platform.files import host_errors, write_atomically
from node_runtime.platform.paths import without_places
from node_runtime.ports.engine import ContainerRun, ReadyImage
from node_runtime.runner.result_document import (
    FAILURE_FILE,
    STEPS_FILE,
    Collected,
    ReachedSteps,
    StepSeconds,
    collect,
    collect_logs,
    describe,
    perf_of,
    result_of,
    write_result,
)
from node_runtime.runner.workspace import AttemptId, Workspace

from .attempt import Attempt
from .node import Node
from .outbox import Delivery, Upload
from .rights import Kept, kept_here
from .withholding import Withheld, coarse_run, coarse_steps, keep, withhold

log = structlog.get_logger()

RUN = "run_"  # of the names of the steps in which containers run
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
    perf, outputs = _collected(attempt, inputs, stages, workspace)
    seconds = _step_seconds(steps, runs, outputs=time.monotonic() - started)
    made = Withheld(outputs=outputs, perf=perf, stays=())
    kept = kept_here(attempt, node)
    if kept.outputs:
        made = withhold(outputs, perf, attempt.document, workspace, node, models_too=kept.models)
        runs, seconds = [(stage, coarse_run(run)) for stage, run in runs], coarse_steps(seconds)
    logs, shared = packed_logs(workspace, node, keeps=kept.logs)
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
        steps=seconds,
    )
    written = write_result(document, workspace)
    delivery = replace(
        _delivery(assignment, attempt.task, logs, uploads=[written, *made.leaving, *shared]),
        result=result_of(written, made.outputs, uri=node.store.uri(written.digest), perf=made.perf),
    )
    node.outbox.pack(delivery)
    return delivery


def _collected(
    attempt: Attempt, inputs: Inputs, stages: Sequence[Stage], workspace: Workspace
) -> tuple[PerfFile | None, tuple[Collected, ...]]:
    """Return the numbers and the checked outputs of the stages."""
    perf = perf_of(stages, workspace)
    if perf is not None and perf.vanished:
        log.warning("numbers_round_to_zero", task=attempt.id.task, epoch=attempt.id.epoch, names=perf.vanished)
    outputs = collect(stages, workspace, stop=attempt.cancellation.over)
    check_outputs(attempt.document, inputs, [one.source for one in outputs])
    return perf, outputs


def _step_seconds(
    steps: Mapping[str, float], runs: Sequence[tuple[Stage, ContainerRun]], *, outputs: float
) -> StepSeconds:
    return StepSeconds(
        inputs=round(steps["fetch_inputs"], 3),
        image=round(steps["prepare_images"], 3),
        run=round(sum(run.seconds for _, run in runs), 3),
        outputs=round(outputs, 3),
    )


def _reached(steps: Mapping[str, float]) -> ReachedSteps:
    """Return the seconds of a failed attempt's steps as a result names them."""

    def seconds(*names: str) -> float | None:
        reached = [steps[name] for name in names if name in steps]
        return round(sum(reached), 3) if reached else None

    return ReachedSteps(
        inputs=seconds("fetch_inputs"),
        image=seconds("prepare_images"),
        run=seconds(*(name for name in steps if name.startswith(RUN))),
        outputs=seconds("collect_outputs"),
    )


def pack_failure(
    assignment: Assignment,
    task: Task,
    failure: TaskFailed,
    node: Node,
    *,
    kept: Kept,
    steps: Mapping[str, float] = MappingProxyType({}),
) -> Delivery:
    """Pack the failure's reason and logs into a delivery and add it to the outbox. Idempotent.

    ``kept`` is what stays on this node, ``steps`` are the seconds of the steps that were reached.
    """
    workspace = node.workspaces.open(AttemptId(task=assignment.task, epoch=assignment.epoch))
    file = workspace.logs / FAILURE_FILE
    message = without_places(str(failure), known="") if failure.category in NODE_SIDE else str(failure)
    reason = f"{failure.category}: {message}\n"
    with host_errors(file):
        file.write_text(reason, encoding="utf-8", errors="replace")
    reached = _reached(steps)
    if reached.seconds:
        told = coarse_steps(reached) if kept.outputs else reached
        write_atomically(workspace.logs / STEPS_FILE, told.model_dump_json(exclude_none=True).encode())
    logs, shared = packed_logs(workspace, node, keeps=kept.logs)
    delivery = replace(
        _delivery(assignment, task, logs, uploads=shared), category=failure.category, message=str(failure)
    )
    node.outbox.pack(delivery)
    return delivery


def _delivery(assignment: Assignment, task: Task, logs: Collected, *, uploads: Sequence[Collected]) -> Delivery:
    """Build what the deliveries of results and failures have in common."""
    return Delivery(
        task=assignment.task,
        epoch=assignment.epoch,
        worker=assignment.worker,
        due=assignment.due,
        reward=task.terms.reward,
        log=logs.digest,
        uploads=uploads_of(uploads),
    )


def packed_logs(workspace: Workspace, node: Node, *, keeps: bool) -> tuple[Collected, tuple[Collected, ...]]:
    """Return the logs as the delivery names them, and those to upload: none where they stay on this node."""
    logs = collect_logs(workspace)
    if keeps:
        return keep(logs, workspace, node), ()
    return logs, (logs,)


def uploads_of(collected: Sequence[Collected]) -> tuple[Upload, ...]:
    return tuple(Upload(path=one.source, digest=one.digest) for one in collected)
