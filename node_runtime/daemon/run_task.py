"""The journey of one task: from its assets to a result on the finalised chain, in named steps, each timed."""

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress

import structlog
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_exponential_jitter,
)

from node_runtime.daemon.attempt import Attempt, Ending, Stopped, StopReason
from node_runtime.daemon.audit import Deed
from node_runtime.daemon.build_log import build_log
from node_runtime.daemon.deliver import TROUBLE, Undelivered, Unwanted
from node_runtime.daemon.fetch import fetch_inputs
from node_runtime.daemon.node import Node
from node_runtime.daemon.outbox import Parcel, Step, is_of
from node_runtime.daemon.pack import pack_failure, pack_result
from node_runtime.daemon.timings import Stopwatch
from node_runtime.errors import (
    ChainError,
    ChainUnavailable,
    EngineUnavailable,
    FailureCategory,
    HostError,
    NodeRuntimeError,
    StorageError,
    TaskFailed,
)
from node_runtime.ports import ContainerRun
from node_runtime.stages import Inputs, Stage, stages_of
from node_runtime.task import AssignmentState
from node_runtime.workspace import AttemptId, Workspace

log = structlog.get_logger()

TRIES = 3  # of the whole journey, when this machine is in trouble


def run_task(attempt: Attempt, node: Node) -> None:
    """Take one claimed task from its assets to a result on chain. Every step may run twice.

    The task's own failure is a result too. Raises what keeps the attempt for the next start of the daemon.
    """
    watch = Stopwatch(seen=attempt.seen, observe=node.metrics.step)
    outcome = "left"
    try:
        parcel = deliver(work(attempt, node, watch), node, watch, ending=attempt.ending)
        outcome = parcel.category or "done"
    except Stopped as stopped:
        outcome = stopped.reason
        give_up(attempt, node, stopped.reason)
    except Unwanted as unwanted:
        outcome = "unwanted"
        log.warning("result_unwanted", reason=unwanted.message)
        node.workspaces.remove(attempt.id)
    finally:
        timings = watch.done(
            task=attempt.task.id, epoch=attempt.assignment.epoch, kind=attempt.document.kind, outcome=outcome
        )
        node.metrics.ended(outcome)
        node.timings.append(timings)
        log.info("attempt_ended", outcome=str(outcome), seconds=timings.steps)


def work(attempt: Attempt, node: Node, watch: Stopwatch) -> Parcel:
    """Run the task; what comes of it is in the outbox afterwards, be it a result or a failure's category and log."""
    try:
        return patience(attempt)(journey, attempt, node, watch)
    except TaskFailed as failure:
        log.warning("task_failed", category=failure.category.value, reason=str(failure))
        return pack_failure(attempt.assignment, attempt.task, failure, attempt.document, node)
    except (Stopped, ChainUnavailable):
        raise
    except Exception as error:
        stopped_by = attempt.ending.reason
        if stopped_by not in (None, StopReason.OUT_OF_TIME):
            raise Stopped(stopped_by) from error
        log.exception("node_failed", remedy="see the reason above; the chain lets this node try again later")
        unable = TaskFailed(FailureCategory.NODE_ERROR, f"the node was not able: {error}")
        return packed(attempt, node) or pack_failure(attempt.assignment, attempt.task, unable, attempt.document, node)


def journey(attempt: Attempt, node: Node, watch: Stopwatch) -> Parcel:
    """Fetch, prepare, run, collect. Raises `TaskFailed` for the task's own fault and anything else for ours."""
    done = packed(attempt, node)
    if done is not None:
        return done
    with ExitStack() as held:
        with watch.step("fetch_inputs"):
            inputs = fetch_inputs(attempt, node, held)
        stages = stages_of(attempt.document, inputs)
        with watch.step("open_workspace"):
            workspace = node.workspaces.open(attempt.id)
        with watch.step("prepare_images"):
            images = {stage.name: prepare_image(stage, workspace, attempt, node) for stage in stages}
        runs = [(stage, run_stage(stage, images[stage.name], workspace, attempt, node, watch)) for stage in stages]
        with watch.step("collect_outputs"):
            return collect_result(attempt, inputs, runs, workspace, node)


def packed(attempt: Attempt, node: Node) -> Parcel | None:
    """What was packed for this attempt and not delivered, by an earlier process or try: it is never made twice."""
    parcel = node.outbox.find(attempt.id)
    if parcel is None or (parcel.step is not Step.SENT and is_of(parcel, attempt.assignment)):
        return parcel
    log.warning("old_parcel", reason="it is of another attempt, on a chain that began anew; it is thrown away")
    node.outbox.forget(parcel)
    return None


def prepare_image(stage: Stage, workspace: Workspace, attempt: Attempt, node: Node) -> str:
    """The stage's image id; what building says goes to a log beside the stage's own. It ends with the attempt."""
    with build_log(workspace.logs / f"{stage.name}-image.log", cap=node.log_cap) as say:
        try:
            return node.engine.image(stage.image, log=say, stop=attempt.ending.event)
        except TaskFailed:
            attempt.ending.check()  # a build that we stopped is no fault of the task's
            raise


def run_stage(
    stage: Stage, image: str, workspace: Workspace, attempt: Attempt, node: Node, watch: Stopwatch
) -> ContainerRun:
    """Run one container, or adopt it. Raises `TaskFailed` when it didn't end well, `Stopped` when it was to end."""
    attempt.ending.check()
    with watch.step("prepare_container"):
        container = workspace.prepare(stage, image=image, slot=attempt.reservation.slot)
    log.info("container_starts", stage=stage.name, container=container.name)
    with watch.step(f"run_{stage.name}"):
        run = node.engine.run(container, stop=attempt.ending.event)
    watch.container_ended(seconds=run.seconds)
    ended = f"{stage.name}: exit {run.exit_code}, {run.seconds:.3f} s, {run.failure or 'done'}"
    log.info("container_ended", stage=stage.name, exit_code=run.exit_code, failure=run.failure, adopted=run.adopted)
    node.audit.record(Deed.RUN, task=attempt.task.id, epoch=attempt.assignment.epoch, detail=ended)
    if run.failure is None:
        return run
    if attempt.ending.reason is StopReason.OUT_OF_TIME:
        raise TaskFailed(
            FailureCategory.TIMEOUT,
            f"stage {stage.name} still ran when the attempt's time was over",
            remedy="give the task a longer timeout, or let it do less",
        )
    attempt.ending.check()
    raise TaskFailed(run.failure, f"stage {stage.name}: {run.message}", remedy=f"see {stage.name}.log in its logs")


def collect_result(
    attempt: Attempt, inputs: Inputs, runs: Sequence[tuple[Stage, ContainerRun]], workspace: Workspace, node: Node
) -> Parcel:
    """The result, packed. Reading large outputs ends with the attempt: a report costs less than the bond."""
    try:
        return pack_result(attempt, inputs, runs, workspace, node)
    except StorageError:
        attempt.ending.check(missing="its outputs were read")
        raise


def deliver(parcel: Parcel, node: Node, watch: Stopwatch, *, ending: Ending | None = None) -> Parcel:
    """Upload, tell the chain, close the workspace: nothing of the attempt is needed here any more.

    Answers what was told, a failure where the files of a result were spoiled, or not stored before the ``ending``.
    """
    with watch.step("upload"):
        parcel = upload(parcel, node, ending)
    removal = _Removal(parcel.attempt, node)  # what the containers wrote is in storage: nobody looks at them again
    try:
        with watch.step("submit"):
            node.courier.send(parcel)
        watch.on_chain()
    finally:
        removal.join()  # whatever comes next, one thread at a time is at the attempt's containers and folder
    with watch.step("close_workspace"):
        node.workspaces.remove(parcel.attempt)
    watch.meanwhile("remove_containers", removal.seconds)
    return parcel


def upload(parcel: Parcel, node: Node, ending: Ending | None) -> Parcel:
    """Everything into storage, as long as the attempt goes on; what isn't there at its end is told as a failure."""
    try:
        return node.courier.upload(parcel, ending)
    except Undelivered as error:
        if ending is None or ending.reason is not StopReason.OUT_OF_TIME:
            raise
        return node.courier.give_up(parcel, error)


class _Removal(threading.Thread):
    """Removes an attempt's containers while the chain is waited for. ``seconds`` is how long it took."""

    def __init__(self, attempt: AttemptId, node: Node) -> None:
        super().__init__(daemon=True, name=f"remove-{attempt}")
        self.seconds = 0.0
        self._attempt = attempt
        self._node = node
        self.start()

    def run(self) -> None:
        started = time.monotonic()
        with suppress(HostError):  # closing the workspace tries again, and says what is wrong
            self._node.workspaces.remove_containers(self._attempt)
        self.seconds = time.monotonic() - started


def deliver_again(parcel: Parcel, node: Node) -> None:
    """Deliver what an earlier process packed."""
    watch = Stopwatch(seen=time.monotonic(), observe=node.metrics.step)
    with structlog.contextvars.bound_contextvars(task=parcel.task, epoch=parcel.epoch):
        try:
            parcel = deliver(parcel, node, watch)
            log.info("parcel_delivered", category=parcel.category)
        except Unwanted as unwanted:
            log.warning("result_unwanted", reason=unwanted.message)
            node.workspaces.remove(parcel.attempt)
        except NodeRuntimeError as error:
            log.error("parcel_kept", reason=error.message, remedy=error.remedy)


def give_up(attempt: Attempt, node: Node, reason: StopReason) -> None:
    """Remove what runs; the slot goes back to the task unless the chain has ended the attempt itself."""
    node.workspaces.remove(attempt.id)
    hold = attempt.assignment
    if reason is StopReason.HAND_BACK:
        try:
            node.chain.hand_back(hold.task, hold.epoch)
        except ChainError as error:
            log.warning("not_handed_back", reason=error.message, remedy="the next start takes the attempt up again")
            return
        node.audit.record(Deed.HAND_BACK, task=hold.task, epoch=hold.epoch)
        return
    known = once_the_chain_answers(node)(node.chain.assignment, hold.worker, hold.task)
    if known is not None and known.state is AssignmentState.ABORTED:
        log.info("aborted", remedy="the chain paid the reward at once")
        node.audit.record(Deed.PAYMENT, task=hold.task, epoch=hold.epoch, detail="aborted, paid in full")
        node.metrics.paid(attempt.task.terms.reward)
        return
    log.warning("attempt_over", reason="the chain has ended it", state=known.state.value if known else "gone")
    node.audit.record(Deed.ENDED, task=hold.task, epoch=hold.epoch, detail=known.state if known else "gone")


def patience(attempt: Attempt) -> Retrying:
    """Our own trouble is waited out: while chain or engine don't answer up to the attempt's due, else a few tries."""

    def over(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if attempt.ending.event.is_set():
            return True
        if isinstance(error, ChainUnavailable | EngineUnavailable):
            return time.time() * 1000 > attempt.assignment.due
        return state.attempt_number >= TRIES

    return Retrying(
        retry=retry_if_exception_type(TROUBLE),
        wait=wait_exponential_jitter(multiplier=0.5, max=10),
        stop=over,
        sleep=sleep_using_event(attempt.ending.event),
        before_sleep=_tell,
        reraise=True,
    )


def once_the_chain_answers(node: Node) -> Retrying:
    """How an attempt ended is asked until it is known, else its payment would be in no book; or the daemon ends."""
    return Retrying(
        retry=retry_if_exception_type(ChainUnavailable),
        wait=wait_exponential_jitter(multiplier=0.5, max=10),
        stop=stop_when_event_set(node.quitting),
        sleep=sleep_using_event(node.quitting),
        reraise=True,
    )


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("journey_repeats", reason=str(error), attempt=state.attempt_number)
