"""The daemon's main loop: poll the chain, claim tasks, supervise running attempts, shut down gracefully."""

import random
import threading
import time
from collections.abc import Callable, Sequence

import structlog

from node_runtime.domain.task import AssignmentState
from node_runtime.errors import NodeRuntimeError
from node_runtime.platform.files import host_errors
from node_runtime.runner.plan_folders import PlanKey
from node_runtime.runner.workspace import AttemptId

from .attempt import Attempt, StopReason
from .claims import Claims
from .delivery import Reviews
from .ending import deliver_again
from .journey import run_task
from .logging import ErrorThrottle, error_fields
from .node import Node
from .plans import remove_ended, settle_turns, written_plan
from .recovery import recover
from .reporting import Reporter
from .selection import TaskSelector
from .times import Pace, Times

log = structlog.get_logger()


class Daemon:
    """One account's daemon. `run` blocks; `stop` may be called from any other thread.

    A separate thread polls the chain: a poll may block on a chain or an engine that doesn't answer, and shutdown has
    to end the running attempts all the same.
    """

    def __init__(self, node: Node, selector: TaskSelector, pace: Pace) -> None:
        self._node = node
        self._selector = selector
        self._pace = pace
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._stop_now = threading.Event()
        self._running: dict[Attempt, threading.Thread] = {}
        self._deliverers: dict[AttemptId, threading.Thread] = {}
        self._claims = Claims(node, selector)
        self._reporter = Reporter(node, selector, self._claims)
        self._reviews = Reviews(chain=node.chain, outbox=node.outbox, audit=node.audit, metrics=node.metrics)
        self._head: int | None = None
        self._last_full_poll = 0.0
        self._plan_looked_at = 0
        self._fault: BaseException | None = None

    def stop(self) -> None:
        """Request a graceful stop; a second call skips the grace period."""
        if self._stopping.is_set():
            self._stop_now.set()
        self._stopping.set()
        self._wake.set()

    def run(self, ready: Callable[[], None]) -> None:
        """Run until `stop`. Call ``ready`` once the chain has answered and recovery is done."""
        poller = threading.Thread(target=self._poll_loop, args=(ready,), daemon=True, name="poll")
        poller.start()
        self._stopping.wait()
        self._drain(poller)
        if self._fault is not None:
            raise self._fault

    def _poll_loop(self, ready: Callable[[], None]) -> None:
        try:
            self._poll_until_stopped(ready)
        except BaseException as error:  # `run` raises it: without polls the daemon is useless
            self._fault = error
            self._stopping.set()

    def _poll_until_stopped(self, ready: Callable[[], None]) -> None:
        ready_called = False
        errors = ErrorThrottle()
        while not self._stopping.is_set():
            self._node.health.turned()
            fault: Exception | None = None
            try:
                with host_errors(self._node.work):
                    if not ready_called:
                        self._recover()
                        ready()
                        self._node.health.ready()
                        ready_called = True
                        self._wake.wait(random.uniform(0, self._pace.poll))  # nodes may start at the same moment
                    self._poll()
                errors.over()
                self._node.metrics.polled()
                self._node.health.polled("its clock is off" if self._claims.clock_wrong is not None else None)
            except Exception as error:
                fault = error
                if ready_called:
                    self._node.health.polled("its last poll failed")
                self._node.metrics.poll_failed()
                errors.again(error)
                self._head = None
            self._wake.wait(self._node.times.settle)  # an attempt that this poll started goes first
            self._reporter.report(self._running, fault)
            self._pause(errors.count)

    def _pause(self, errors: int) -> None:
        """Wait for the poll interval, jittered against lockstep, doubled for each consecutive error up to 30 s."""
        seconds = min(self._pace.poll * 2 ** min(errors, 10), max(30.0, self._pace.poll)) * random.uniform(0.8, 1.2)
        self._node.health.turned(pause=seconds)
        self._wake.wait(seconds)
        if not self._stopping.is_set():
            self._wake.clear()

    def _recover(self) -> None:
        left = recover(self._node)
        for task in left.live:
            self._claims.pending.add(task, wait=0)
        for task in left.unconfirmed:
            self._claims.pending.mark_unconfirmed(task)
        self._resume_deliveries()

    def _poll(self) -> None:
        """Poll once. While the chain's head stays the same, read nothing else of it until the next full poll is due."""
        self._node.audit.check_file()
        self._reap()
        self._stop_overdue()
        self._resume_pending()
        head = self._node.chain.now()
        self._node.time.saw_head(head)
        self._node.metrics.head(head)
        if head == self._head and time.monotonic() < self._last_full_poll + self._node.times.full_poll:
            return
        self._stop_ended_on_chain()
        self._reviews.check()
        self._resume_deliveries()
        self._claim()
        self._remove_leftovers()
        # when the selector has more to check, the next poll continues even if the head stays the same
        self._head, self._last_full_poll = None if self._selector.has_more else head, time.monotonic()

    def _reap(self) -> None:
        ended = [attempt for attempt, thread in self._running.items() if not thread.is_alive()]
        for attempt in ended:
            del self._running[attempt]
        if ended:
            self._head = None
            self._selector.retry_no_room()
            self._note_bonds()
        self._deliverers = {attempt: thread for attempt, thread in self._deliverers.items() if thread.is_alive()}

    def _stop_overdue(self) -> None:
        """Cancel attempts at their report deadline, by the steady clock: the chain's may stand still between blocks."""
        now = self._node.time.clock.steady()
        for attempt in self._running:
            if now > attempt.report_deadline:
                attempt.cancellation.request(StopReason.OUT_OF_TIME)

    def _stop_ended_on_chain(self) -> None:
        running = tuple(self._running)
        tasks = [attempt.task.id for attempt in running]
        assignments = self._node.chain.assignments_of(self._node.chain.account, tasks) if tasks else ()
        for attempt, known in zip(running, assignments, strict=True):
            mine = known is not None and known.epoch == attempt.assignment.epoch
            if not mine or known is None or known.state not in (AssignmentState.LIVE, AssignmentState.SUBMITTED):
                attempt.cancellation.request(StopReason.ENDED_ON_CHAIN)

    def _claim(self) -> None:
        """Claim until no slot is free: to look for one more candidate would cost reads of the chain."""
        if not self._may_claim():
            return
        busy = frozenset(attempt.task for attempt in (*self._attempts_running(), *self._deliverers))
        for candidate in self._selector.candidates(busy=busy):
            if not self._may_claim():
                return
            self._node.health.turned()  # each claim waits for finality
            attempt = self._claims.take(candidate, written=self._plans_written())
            if attempt is not None:
                self._start(attempt)
            if not self._may_claim():
                return

    def _may_claim(self) -> bool:
        return not self._stopping.is_set() and self._claims.may_claim()

    def _plans_written(self) -> frozenset[PlanKey]:
        """Return the plans whose local folders are being written, or will be by what has been claimed."""
        claimed = (written_plan(attempt.task, attempt.document) for attempt in self._running)
        return frozenset(self._node.workspaces.plans.turns()) | frozenset(key for key in claimed if key is not None)

    def _resume_pending(self) -> None:
        busy = {attempt.task for attempt in (*self._attempts_running(), *self._deliverers)}
        for attempt in self._claims.resumed(busy=busy):
            self._node.health.turned()
            self._start(attempt)

    def _start(self, attempt: Attempt) -> None:
        thread = threading.Thread(target=self._run_attempt, args=(attempt,), name=str(attempt.id), daemon=True)
        self._running[attempt] = thread
        self._note_bonds()
        thread.start()

    def _note_bonds(self) -> None:
        self._node.metrics.bonds(sum(attempt.assignment.bond for attempt in self._running))

    def _run_attempt(self, attempt: Attempt) -> None:
        with structlog.contextvars.bound_contextvars(task=attempt.task.id, epoch=attempt.assignment.epoch):
            try:
                run_task(attempt, self._node)
            except NodeRuntimeError as error:
                log.error("attempt_interrupted", reason=error.message, remedy=error.remedy)
                self._claims.pending.add(attempt.task.id)
            except Exception as error:
                remedy = "report this bug of the daemon; it resumes the attempt by itself"
                log.error("attempt_interrupted", **{"remedy": remedy, **error_fields(error)})
                self._claims.pending.add(attempt.task.id)
            finally:
                self._node.pool.release(attempt.reservation)
                self._wake.set()

    def _resume_deliveries(self) -> None:
        """Start a thread for each pending delivery of an earlier process or of an attempt that couldn't deliver."""
        at_work = {*self._attempts_running(), *self._deliverers}
        for delivery in self._node.outbox.undelivered():
            if delivery.attempt in at_work:
                continue
            name = f"delivery-{delivery.attempt}"
            thread = threading.Thread(target=deliver_again, args=(delivery, self._node), name=name, daemon=True)
            self._deliverers[delivery.attempt] = thread
            thread.start()

    def _remove_leftovers(self) -> None:
        """Remove folders and containers of ended attempts whose removal failed before, and a plan's folder at its end.

        One plan is looked at a time, in rotation: all tasks of its creator are read.
        """
        needed = {*self._attempts_running(), *self._deliverers}
        needed |= {delivery.attempt for delivery in self._node.outbox.undelivered()}
        for attempt in self._node.workspaces.attempts():
            if attempt not in needed and not self._claims.pending.knows(attempt.task):
                log.info("workspace_removed", attempt=str(attempt))
                self._node.workspaces.remove(attempt)
                self._node.live.end(attempt)
        settle_turns(self._node, needed)
        plans = self._node.workspaces.plans.keys()
        self._plan_looked_at = (self._plan_looked_at + 1) % max(1, len(plans))
        remove_ended(self._node, plans[self._plan_looked_at : self._plan_looked_at + 1])

    def _attempts_running(self) -> list[AttemptId]:
        return [attempt.id for attempt in self._running]

    def _drain(self, poller: threading.Thread) -> None:
        """Let running attempts finish within the grace period, then hand them back; undelivered results stay queued."""
        log.info("stopping", running=len(self._running), grace_seconds=self._pace.grace)
        self._node.health.stopping()
        end = time.monotonic() + self._pace.grace
        while any(thread.is_alive() for thread in tuple(self._running.values())) and time.monotonic() < end:
            if self._stop_now.wait(0.05):
                break
        self._node.quitting.set()
        wait_for_threads(self._at_work, poller, self._node.times, ask=self._request_hand_back)
        log.info("stopped")

    def _request_hand_back(self) -> None:
        for attempt in tuple(self._running):  # includes one that a concurrent poll has just started
            attempt.cancellation.request(StopReason.HAND_BACK)

    def _at_work(self) -> list[threading.Thread]:
        return [*self._running.values(), *self._deliverers.values()]


def wait_for_threads(
    work: Callable[[], Sequence[threading.Thread]], poller: threading.Thread, times: Times, *, ask: Callable[[], None]
) -> None:
    """Wait until the threads of ``work`` and the polling thread ``poller``, which may add some, end or time out.

    ``ask`` requests all of the work to end; it is idempotent and called repeatedly.
    """
    begun = logged_at = time.monotonic()
    while True:
        ask()
        left = _still_alive(work(), poller, times, seconds=time.monotonic() - begun)
        if not left:
            break
        left[0].join(0.05)
        if time.monotonic() > logged_at + times.log_interval:
            logged_at = time.monotonic()
            log.info("stopping", waits_for=[thread.name for thread in left])
    abandoned = [thread.name for thread in work() if thread.is_alive()]
    if abandoned:
        remedy = "start the daemon again before the attempts are due: it resumes them"
        log.warning("threads_abandoned", threads=abandoned, remedy=remedy)


def _still_alive(
    work: Sequence[threading.Thread], poller: threading.Thread, times: Times, *, seconds: float
) -> list[threading.Thread]:
    """Return the live threads that have not exceeded their timeout after ``seconds``."""
    wanted = [*(work if seconds < times.drain_timeout else ()), *([poller] if seconds < times.poll_timeout else ())]
    return [thread for thread in wanted if thread.is_alive()]
