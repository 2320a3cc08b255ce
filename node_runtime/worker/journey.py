"""The steps of one attempt: fetch, prepare, run, collect; each named, timed and repeatable.

What follows, delivery or release, is in `ending`.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import structlog
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
)

from node_runtime.errors import (
    ChainUnavailable,
    EngineUnavailable,
    FailureCategory,
    StorageError,
    TaskFailed,
)
from node_runtime.kinds import Inputs, Stage, stages_of
from node_runtime.platform.files import host_errors
from node_runtime.ports.engine import ContainerRun, ReadyImage
from node_runtime.runner.live_chunk import INPUTS, OUTPUTS, image_stage
from node_runtime.runner.workspace import Workspace

from .attempt import Attempt, Stopped, StopReason
from .audit import AuditEvent
from .delivery import TRANSIENT, Unwanted
from .ending import deliver, release
from .inputs import fetch_inputs
from .logging import build_log, error_fields, logged_steps
from .metrics import DONE, INTERRUPTED, UNWANTED
from .node import Node
from .outbox import Delivery, Step, is_of
from .packaging import RUN, pack_failure, pack_result
from .plans import begin_in_plan, hand_in_local
from .rights import kept_here, stays_by_inputs
from .times import backoff
from .timings import Stopwatch
from .traces import ATTEMPT, Attributes

log = structlog.get_logger()

UNABLE = "an error of the node, not of the task, prevented the run; the log on the node's machine names it"
MAX_ENGINE_MESSAGE = 600  # characters of the engine's message in one log event
TRIES = 3  # of the whole journey, when errors of this machine end it


def run_task(attempt: Attempt, node: Node) -> None:
    """Run one claimed task and deliver its result. Every step is idempotent.

    A failure of the task is delivered too. An error raised here leaves the attempt for a later resume.
    """
    watch = Stopwatch(seen=attempt.seen, observe=node.metrics.step, begins=attempt.progress.begin)
    watch.claimed()
    outcome: str = INTERRUPTED
    try:
        with host_errors(node.work):
            delivery = deliver(produce_delivery(attempt, node, watch), node, watch, cancellation=attempt.cancellation)
        outcome = delivery.category or DONE
    except Stopped as stopped:
        outcome = stopped.reason
        release(attempt, node, stopped.reason)
    except Unwanted as unwanted:
        outcome = UNWANTED
        log.warning("result_unwanted", reason=unwanted.message)
        node.workspaces.remove(attempt.id)
        node.live.end(attempt.id)
    finally:
        timings = watch.done(
            task=attempt.task.id, epoch=attempt.assignment.epoch, kind=attempt.document.kind, outcome=outcome
        )
        node.metrics.ended(outcome)
        node.timings.append(timings)
        log.info("attempt_ended", outcome=str(outcome), steps=timings.summary())
        ended: Attributes = timings.model_dump(include={"task", "epoch", "kind", "outcome"})
        node.traces.record(ATTEMPT, watch.spans, ended, error="" if outcome == DONE else outcome)


def produce_delivery(attempt: Attempt, node: Node, watch: Stopwatch) -> Delivery:
    """Run the task and put its result, or its failure with category and log, into the outbox."""
    try:
        return journey_retries(attempt, node)(_journey_once, attempt, node, watch)
    except TaskFailed as failure:
        log.warning("task_failed", category=failure.category.value, reason=str(failure))
        return _pack_failure(failure, attempt, node, watch)
    except (Stopped, ChainUnavailable):
        raise
    except Exception as error:
        stopped_by = attempt.cancellation.reason
        if stopped_by not in (None, StopReason.OUT_OF_TIME):
            raise Stopped(stopped_by) from error
        log.error(
            "node_failed",
            **{"remedy": "correct the cause; the chain lets this node try again later", **error_fields(error)},
        )
        unable = TaskFailed(FailureCategory.NODE_ERROR, UNABLE)
        return packed_earlier(attempt, node) or _pack_failure(unable, attempt, node, watch)


def _pack_failure(failure: TaskFailed, attempt: Attempt, node: Node, watch: Stopwatch) -> Delivery:
    kept = kept_here(attempt, node)
    return pack_failure(attempt.assignment, attempt.task, failure, node, kept=kept, steps=watch.steps)


def _journey_once(attempt: Attempt, node: Node, watch: Stopwatch) -> Delivery:
    """Run the journey without a retry; translate any `OSError` into a retryable `HostError`."""
    with host_errors(node.work):
        return journey(attempt, node, watch)


def journey(attempt: Attempt, node: Node, watch: Stopwatch) -> Delivery:
    """Fetch, prepare, run, collect. Raises `TaskFailed` for the task's own faults, other errors for the node's."""
    done = packed_earlier(attempt, node)
    if done is not None:
        return done
    node.live.begin(attempt.id, shows_logs=lambda: not kept_here(attempt, node).live_logs)
    with ExitStack() as held:
        publish_stage(INPUTS, attempt, node)
        workspace = node.workspaces.open(attempt.id)
        workspace.note(stays_by_inputs(attempt, node))
        with watch.step("fetch_inputs"):
            inputs = fetch_inputs(attempt, node, held)
        with watch.step("open_workspace"):
            if begin_in_plan(attempt, workspace, node):
                inputs = replace(inputs, local=workspace.local)
        stages = stages_of(attempt.document, inputs)
        with watch.step("prepare_images"):
            images = {stage.name: prepare_image(stage, workspace, attempt, node) for stage in stages}
        runs = [(stage, run_stage(stage, images[stage.name].id, workspace, attempt, node, watch)) for stage in stages]
        publish_stage(OUTPUTS, attempt, node)
        with watch.step("collect_outputs"):
            hand_in_local(attempt, stages, workspace, node)
            return collect_result(attempt, inputs, images, runs, workspace, node, watch)


def publish_stage(name: str, attempt: Attempt, node: Node, *, log: Path | None = None, age: float = 0.0) -> None:
    """Publish in the live channel that a stage began ``age`` seconds ago, within the attempt's time."""
    began = node.time.now() - int(age * 1000)
    held = attempt.assignment
    node.live.stage(attempt.id, name, began=min(max(began, held.since), held.due), log=log)


def packed_earlier(attempt: Attempt, node: Node) -> Delivery | None:
    """Return the delivery that an earlier process or try packed for this attempt; drop one of another chain."""
    delivery = node.outbox.find(attempt.id)
    if delivery is None or (delivery.step is not Step.SENT and is_of(delivery, attempt.assignment)):
        return delivery
    log.warning("stale_delivery", reason="it belongs to an attempt on a chain that was reset; it is dropped")
    node.outbox.forget(delivery)
    return None


def prepare_image(stage: Stage, workspace: Workspace, attempt: Attempt, node: Node) -> ReadyImage:
    """Build or pull the stage's image; log the build beside the stage's log. Cancelled with the attempt."""
    name = image_stage(stage.name)
    path = workspace.logs / f"{name}.log"
    with build_log(path, cap=node.log_cap) as say:
        publish_stage(name, attempt, node, log=path)
        try:
            image = node.engine.image(stage.image, log=logged_steps(say, stage.name), stop=attempt.cancellation.event)
        except TaskFailed:
            attempt.cancellation.check()  # a build stopped by this node is not the task's failure
            raise
    for alias, used in image.aliased:
        log.info("image_alias", stage=stage.name, alias=alias, image=used)
    return image


def run_stage(
    stage: Stage, image: str, workspace: Workspace, attempt: Attempt, node: Node, watch: Stopwatch
) -> ContainerRun:
    """Run or adopt one container. Raises `TaskFailed` when it fails, `Stopped` when the attempt is cancelled."""
    attempt.cancellation.check()
    with watch.step("prepare_container"):
        given = attempt.reservation
        container = workspace.prepare(stage, image=image, slot=given.slot, gpus=given.gpus)
    publish_stage(stage.name, attempt, node, log=container.log, age=workspace.age(stage))
    log.info("container_starts", stage=stage.name, container=container.name)
    with watch.step(f"{RUN}{stage.name}"):
        run = node.engine.run(container, stop=attempt.cancellation.event)
    watch.container_ended(seconds=run.seconds)
    failure = "stopped" if run.stopped else run.failure
    ended = f"{stage.name}: exit {run.exit_code}, {run.seconds:.3f} s, {failure or 'done'}"
    log.info("container_ended", stage=stage.name, exit_code=run.exit_code, failure=failure, adopted=run.adopted)
    node.audit.record(AuditEvent.RUN, task=attempt.task.id, epoch=attempt.assignment.epoch, detail=ended)
    if run.failure is None:
        return run
    if run.engine_said:
        log.warning("container_not_started", stage=stage.name, reason=run.engine_said[:MAX_ENGINE_MESSAGE])
    if run.stopped or attempt.cancellation.reason is not StopReason.OUT_OF_TIME:
        # a run stopped by this node is not the task's failure
        attempt.cancellation.check(missing=f"stage {stage.name} ended")
    raise TaskFailed(run.failure, f"stage {stage.name}: {run.message}", remedy=f"see {stage.name}.log in its logs")


def collect_result(
    attempt: Attempt,
    inputs: Inputs,
    images: Mapping[str, ReadyImage],
    runs: Sequence[tuple[Stage, ContainerRun]],
    workspace: Workspace,
    node: Node,
    watch: Stopwatch,
) -> Delivery:
    """Pack the result. Stop reading outputs at the report deadline: a failure report costs less than the bond."""
    try:
        return pack_result(attempt, inputs, images, runs, workspace, node, watch.steps)
    except StorageError:
        attempt.cancellation.check(missing="its outputs were read")
        raise


def journey_retries(attempt: Attempt, node: Node) -> Retrying:
    """Retry after the node's own errors: up to `TRIES` tries, or until the due time while chain or engine is away."""

    def over(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if attempt.cancellation.event.is_set():
            return True
        if isinstance(error, ChainUnavailable | EngineUnavailable):
            return node.time.clock.steady() > attempt.due
        return state.attempt_number >= TRIES

    return Retrying(
        retry=retry_if_exception_type(TRANSIENT),
        wait=backoff(node.times.journey),
        stop=over,
        sleep=sleep_using_event(attempt.cancellation.event),
        before_sleep=_log_retry,
        reraise=True,
    )


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("journey_retried", reason=str(error), attempt=state.attempt_number)
