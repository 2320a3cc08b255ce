"""What the daemon does all day: poll the chain, claim what fits, watch what runs, stop in good order."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from node_runtime.daemon.attempt import Attempt, StopReason, last_moment
from node_runtime.daemon.audit import Deed
from node_runtime.daemon.last_word import wait_for_last_words
from node_runtime.daemon.loose import LooseHolds
from node_runtime.daemon.node import Node
from node_runtime.daemon.outage import Outage
from node_runtime.daemon.outbox import Parcel, is_from
from node_runtime.daemon.policy import Reason, Refusal
from node_runtime.daemon.pool import Reservation, Shortage, demand_of
from node_runtime.daemon.recover import recover, take_up
from node_runtime.daemon.run_task import deliver_again, run_task
from node_runtime.daemon.seek import Find, Seeker
from node_runtime.errors import ChainRefused, ChainUnavailable, NodeRuntimeError
from node_runtime.task import UNIT, Assignment, AssignmentState, SubmissionState
from node_runtime.workspace import AttemptId

log = structlog.get_logger()

FULL_LOOK = 10.0  # seconds after which the chain is looked through although its head hasn't moved
REVIEWS_A_LOOK = 10


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Seconds between two polls, and how long running attempts may go on after a stop was asked for."""

    poll: float = 1.0
    grace: float = 10.0


class Daemon:
    """One account's daemon. `run` blocks; `stop` may be called from any other thread.

    The chain is looked at in a thread of its own, because a look may wait for a chain or an engine that doesn't answer:
    to stop, what runs is ended all the same.
    """

    def __init__(self, node: Node, seeker: Seeker, pace: Pace) -> None:
        self._node = node
        self._seeker = seeker
        self._pace = pace
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._running: dict[Attempt, threading.Thread] = {}
        self._couriers: dict[AttemptId, threading.Thread] = {}
        self._loose = LooseHolds()
        self._head: int | None = None
        self._looked = 0.0
        self._turn = 0
        self._fault: BaseException | None = None

    def stop(self) -> None:
        """Stop in good order; asked a second time, without waiting for what runs."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()
        self._wake.set()

    def run(self, ready: Callable[[], None]) -> None:
        """Until `stop`. ``ready`` is called once the chain has answered and it is known what was left over."""
        looking = threading.Thread(target=self._look, args=(ready,), daemon=True, name="look at the chain")
        looking.start()
        self._stopping.wait()
        self._drain(looking)
        if self._fault is not None:
            raise self._fault

    def _look(self, ready: Callable[[], None]) -> None:
        try:
            self._look_until_stopped(ready)
        except BaseException as error:  # told where `run` is; without looks nothing would happen any more
            self._fault = error
            self._stopping.set()

    def _look_until_stopped(self, ready: Callable[[], None]) -> None:
        told = False
        outage = Outage()
        while not self._stopping.is_set():
            try:
                if not told:
                    self._recover()
                    ready()
                    told = True
                self._poll()
                outage.over()
            except Exception as error:
                outage.again(error)
                self._head = None
            self._pause(outage.times)

    def _pause(self, waits: int) -> None:
        """The poll interval, jittered so that many nodes don't ask in step; longer while the chain doesn't answer."""
        seconds = min(self._pace.poll * 2 ** min(waits, 10), max(30.0, self._pace.poll))
        self._wake.wait(seconds * random.uniform(0.8, 1.2))
        if not self._stopping.is_set():
            self._wake.clear()

    def _recover(self) -> None:
        left = recover(self._node)
        for task in left.live:
            self._loose.add(task, wait=0)
        for task in left.doubtful:
            self._loose.doubt(task)
        self._deliver_what_is_left()

    def _poll(self) -> None:
        """One look at the chain; when its head hasn't moved nothing can have changed, and one read is all it costs."""
        self._reap()
        self._stop_what_would_lapse()
        self._take_up_loose()
        head = self._node.chain.now()
        if head == self._head and time.monotonic() < self._looked + FULL_LOOK:
            return
        self._stop_what_ended()
        self._notice_reviews()
        self._deliver_what_is_left()
        self._claim()
        # with more to judge the next look goes on where this one ended, whether or not the head moves
        self._head, self._looked = None if self._seeker.has_more else head, time.monotonic()

    def _reap(self) -> None:
        ended = [attempt for attempt, thread in self._running.items() if not thread.is_alive()]
        for attempt in ended:
            del self._running[attempt]
        if ended:
            self._head = None
            self._seeker.room_was_freed()
            self._node.metrics.running(len(self._running))
        self._couriers = {attempt: courier for attempt, courier in self._couriers.items() if courier.is_alive()}

    def _stop_what_would_lapse(self) -> None:
        """By this machine's clock, because the chain's stands still while nothing happens there."""
        for attempt in self._running:
            if time.time() * 1000 > last_moment(attempt.assignment):
                attempt.ending.request(StopReason.OUT_OF_TIME)

    def _stop_what_ended(self) -> None:
        for attempt in self._running:
            known = self._node.chain.assignment(self._node.chain.account, attempt.task.id)
            mine = known is not None and known.epoch == attempt.assignment.epoch
            if not mine or known is None or known.state not in (AssignmentState.LIVE, AssignmentState.SUBMITTED):
                attempt.ending.request(StopReason.ENDED_ON_CHAIN)

    def _notice_reviews(self) -> None:
        """Payments and rejections of results that were under review, some of them at each look in turn."""
        waiting = self._node.outbox.undecided()
        first = self._turn % max(1, len(waiting))
        some = (*waiting[first:], *waiting[:first])[:REVIEWS_A_LOOK]
        self._turn = first + len(some)
        for parcel in some:
            submissions = self._node.chain.submissions(parcel.task)
            found = next((one for one in submissions if is_from(one, parcel)), None)
            if found is not None and found.state is SubmissionState.UNDER_REVIEW:
                continue
            if found is None:
                log.info("review_unknown", task=parcel.task, submission=parcel.submission)
            elif found.state is SubmissionState.ACCEPTED:
                self._note_payment(parcel)
            else:
                detail = f"submission {found.id}: {found.reason}"
                log.warning("result_rejected", task=parcel.task, epoch=parcel.epoch, reason=found.reason)
                self._node.audit.record(Deed.REJECTION, task=parcel.task, epoch=parcel.epoch, detail=detail)
            self._node.outbox.forget(parcel)

    def _note_payment(self, parcel: Parcel) -> None:
        amount = f"{parcel.reward / UNIT:g} UNIT"
        log.info("paid", task=parcel.task, epoch=parcel.epoch, submission=parcel.submission, amount=amount)
        self._node.audit.record(Deed.PAYMENT, task=parcel.task, epoch=parcel.epoch, detail=amount)
        self._node.metrics.paid(parcel.reward)

    def _claim(self) -> None:
        if not self._node.pool.has_free_slot:
            return
        busy = frozenset(attempt.task for attempt in (*self._attempts_running(), *self._couriers))
        for find in self._seeker.finds(busy=busy):
            if self._stopping.is_set() or not self._node.pool.has_free_slot:
                return
            room = self._node.pool.admit(demand_of(find.document))
            if isinstance(room, Shortage):
                reason = Reason.TOO_LARGE if room.lasting else Reason.NO_ROOM
                self._seeker.refuse(find.task.id, Refusal(reason=reason, message=room.message, lasting=room.lasting))
                continue
            self._take(find, room)

    def _take_up_loose(self) -> None:
        """Put what the chain shows as held by us, and nobody works on, to work again."""
        busy = {attempt.task for attempt in (*self._attempts_running(), *self._couriers)}
        for task in self._loose.ready():
            if task in busy:
                continue
            hold = self._node.chain.assignment(self._node.chain.account, task)
            if hold is None or hold.state is not AssignmentState.LIVE:
                self._loose.not_held(task)
                continue
            try:
                self._note_claim(hold)
                attempt = take_up(hold, self._node, self._seeker)
            except ChainUnavailable:
                raise
            except Exception as error:
                log.warning("not_taken_up", task=task, epoch=hold.epoch, reason=str(error), remedy="it is tried again")
                self._loose.add(task)
                continue
            self._loose.forget(task)
            if attempt is not None:
                self._start(attempt)

    def _take(self, find: Find, room: Reservation) -> None:
        """Claim a task and start it, but only on a hold which the finalised chain shows."""
        chain = self._node.chain
        try:
            self._node.outbox.claim(find.task.id)
            chain.assign_task(find.task.id)
            hold = chain.assignment(chain.account, find.task.id)
            if hold is None or hold.state is not AssignmentState.LIVE:
                self._node.pool.release(room)
                return
            self._note_claim(hold)
        except ChainRefused as error:
            self._node.pool.release(room)
            if not self._loose.in_doubt(find.task.id):  # else what is refused is to claim it a second time
                self._node.outbox.unclaim(find.task.id)
            self._seeker.refuse(find.task.id, Refusal(reason=Reason.CLAIM_REFUSED, message=str(error), lasting=False))
            return
        except BaseException:
            self._node.pool.release(room)
            self._loose.doubt(find.task.id)
            raise
        self._loose.forget(find.task.id)
        self._start(
            Attempt(
                task=find.task,
                spec=find.spec,
                document=find.document,
                assignment=hold,
                reservation=room,
                seen=find.seen,
            )
        )

    def _note_claim(self, hold: Assignment) -> None:
        """Once for each hold, however often it is taken up."""
        if not self._node.outbox.claimed(hold):
            return
        log.info("task_claimed", task=hold.task, epoch=hold.epoch, due=hold.due)
        bond = f"bond {hold.bond / UNIT:g} UNIT"
        self._node.audit.record(Deed.CLAIM, task=hold.task, epoch=hold.epoch, detail=bond)

    def _start(self, attempt: Attempt) -> None:
        thread = threading.Thread(target=self._attend, args=(attempt,), name=str(attempt.id), daemon=True)
        self._running[attempt] = thread
        self._node.metrics.running(len(self._running))
        thread.start()

    def _attend(self, attempt: Attempt) -> None:
        with structlog.contextvars.bound_contextvars(task=attempt.task.id, epoch=attempt.assignment.epoch):
            try:
                run_task(attempt, self._node)
            except NodeRuntimeError as error:
                log.error("attempt_left", reason=error.message, remedy=error.remedy)
                self._loose.add(attempt.task.id)
            except Exception:
                log.exception("attempt_left", remedy="this is a fault of the daemon; the attempt is taken up again")
                self._loose.add(attempt.task.id)
            finally:
                self._node.pool.release(attempt.reservation)
                self._wake.set()

    def _deliver_what_is_left(self) -> None:
        """Parcels of an earlier process, and those whose attempt's thread could not deliver them in time."""
        at_work = {*self._attempts_running(), *self._couriers}
        for parcel in self._node.outbox.undelivered():
            if parcel.attempt in at_work:
                continue
            name = f"parcel-{parcel.attempt}"
            thread = threading.Thread(target=deliver_again, args=(parcel, self._node), name=name, daemon=True)
            self._couriers[parcel.attempt] = thread
            thread.start()

    def _attempts_running(self) -> list[AttemptId]:
        return [attempt.id for attempt in self._running]

    def _drain(self, looking: threading.Thread) -> None:
        """Let what runs finish within the grace, then hand it back; what can't be delivered stays in the outbox."""
        log.info("stopping", running=len(self._running), grace_seconds=self._pace.grace)
        end = time.monotonic() + self._pace.grace
        while any(thread.is_alive() for thread in tuple(self._running.values())) and time.monotonic() < end:
            if self._hurry.wait(0.05):
                break
        self._node.quitting.set()
        wait_for_last_words(self._at_work, looking, ask=self._ask_to_hand_back)
        log.info("stopped")

    def _ask_to_hand_back(self) -> None:
        for attempt in tuple(self._running):  # also one that a look under way has only just begun
            attempt.ending.request(StopReason.HAND_BACK)

    def _at_work(self) -> list[threading.Thread]:
        return [*self._running.values(), *self._couriers.values()]
