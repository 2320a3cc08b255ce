"""A result reaches the chain exactly once, wherever its delivery was interrupted."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from structlog.testing import capture_logs

from node_runtime.domain.clock import ChainTime, Clock
from node_runtime.domain.task import UNIT, Assignment, AssignmentState, Output, Result
from node_runtime.errors import FailureCategory
from node_runtime.stores.tree.walk import manifest_of
from node_runtime.substrate.client import SubstrateChain, connect
from node_runtime.worker.audit import Audit
from node_runtime.worker.delivery import DeliveryService, Undelivered, Unwanted
from node_runtime.worker.outbox import Delivery, Outbox, Step, Upload
from tests.background import LIMIT, in_background
from tests.e2e.daemon_world import REWARD, World, wait_for

EXISTENTIAL = UNIT // 1000  # the existential deposit, see images/chain/runtime/src/configs.rs


@pytest.fixture
def worker(world: World) -> Iterator[SubstrateChain]:
    with closing(connect(world.devnet.url, "//Bob")) as chain:
        yield chain


class Box:
    """An outbox and its delivery service; `again` returns those of a restarted process."""

    def __init__(self, world: World, worker: SubstrateChain) -> None:
        self.world, self.worker = world, worker
        self.quitting = threading.Event()
        self.outbox = Outbox(world.folder / "outbox.sqlite")
        self.service = DeliveryService(
            chain=worker,
            time=ChainTime(Clock(), slot=worker.slot_duration()),
            store=world.store,
            outbox=self.outbox,
            audit=Audit(world.folder / "audit.jsonl", worker),
            quitting=self.quitting,
        )

    def again(self) -> "Box":
        return Box(self.world, self.worker)

    def delivery(self) -> Delivery:
        (delivery,) = self.outbox.undelivered()
        return delivery

    def deliver(self) -> Delivery:
        return self.service.send(self.service.upload(self.delivery()))


def packed(world: World, worker: SubstrateChain, *, category: FailureCategory | None = None) -> tuple[Box, Assignment]:
    """A claimed task with a packed result or failure."""
    assignment = worker.assign_task(world.train())
    model = world.folder / "made" / "model"
    model.parent.mkdir()
    model.write_text(f"a model {time.time_ns()}\n")
    digest = manifest_of(model.parent).digest
    result = Result(digest=digest, outputs=(Output(name="model", digest=digest),), uri="cas:")
    box = Box(world, worker)
    box.outbox.pack(
        Delivery(
            task=assignment.task,
            epoch=assignment.epoch,
            worker=assignment.worker,
            due=assignment.due,
            reward=REWARD,
            log=digest,
            uploads=(Upload(path=model.parent, digest=digest),),
            result=None if category else result,
            category=category,
        )
    )
    return box, assignment


def test_cut_off_after_any_step_the_next_process_sends_one_result(world: World, worker: SubstrateChain) -> None:
    box, assignment = packed(world, worker)
    delivery = box.delivery()
    world.store.put(delivery.uploads[0].path)  # interrupted before it was recorded as uploaded

    box = box.again()
    assert box.service.upload(box.delivery()).step is Step.UPLOADED

    box = box.again()
    result = box.delivery().result
    assert result is not None
    first = worker.send_task_result(
        assignment.task, assignment.epoch, result
    )  # interrupted before it was recorded as sent

    box = box.again()
    assert box.deliver().submission == first
    assert box.outbox.undelivered() == ()
    assert [one.id for one in world.chain.submissions(assignment.task)] == [first]


def test_a_failure_that_was_told_but_not_noted_is_told_once(world: World, worker: SubstrateChain) -> None:
    box, assignment = packed(world, worker, category=FailureCategory.NODE_ERROR)
    worker.report_failure(assignment.task, assignment.epoch, FailureCategory.NODE_ERROR, box.delivery().log)
    box.again().deliver()
    assert box.outbox.undelivered() == ()
    known = worker.assignment(worker.account, assignment.task)
    assert known is not None
    assert known.state is AssignmentState.FAILED


def test_a_result_of_an_attempt_that_ended_is_dropped_and_said(world: World, worker: SubstrateChain) -> None:
    box, assignment = packed(world, worker)
    world.chain.cancel_task(assignment.task, abort=True)
    with pytest.raises(Unwanted, match="the chain doesn't take the result"):
        box.deliver()
    assert box.outbox.undelivered() == ()
    assert world.chain.submissions(assignment.task) == ()


def test_while_the_chain_is_away_the_parcel_stays_and_quitting_does_not_wait(
    world: World, worker: SubstrateChain
) -> None:
    box, assignment = packed(world, worker)

    def fail_to_deliver() -> None:
        box.quitting.set()
        with pytest.raises(Undelivered, match="the daemon stops"):
            box.deliver()

    world.restart_chain(fail_to_deliver)
    delivered = box.again().deliver()
    assert [one.id for one in world.chain.submissions(assignment.task)] == [delivered.submission]


def test_a_result_whose_fee_the_account_cannot_pay_waits_for_its_operator(world: World, worker: SubstrateChain) -> None:
    box, assignment = packed(world, worker)
    worker.pay(world.chain.account, 1)
    free = worker.balance(worker.account).free
    worker.pay(world.chain.account, 1)
    fee = free - worker.balance(worker.account).free
    worker.pay(world.chain.account, free - 3 * fee - EXISTENTIAL)
    assert worker.balance(worker.account).free - EXISTENTIAL < fee
    with capture_logs() as events:
        delivering = in_background(box.deliver)
        try:
            wait_for(lambda: any(line["event"] == "delivery_retried" for line in events), "the result to wait")
            world.chain.pay(worker.account, UNIT)
            delivered = delivering.result(LIMIT)
        finally:
            box.quitting.set()
    assert "balance doesn't cover" in next(line["reason"] for line in events if line["event"] == "delivery_retried")
    assert [one.id for one in world.chain.submissions(assignment.task)] == [delivered.submission]


def test_bytes_that_changed_after_packing_are_never_sent_but_told_as_a_failure(
    world: World, worker: SubstrateChain
) -> None:
    box, assignment = packed(world, worker)
    (box.delivery().uploads[0].path / "model").write_text("changed after it was packed\n")
    assert box.deliver().category is FailureCategory.NODE_ERROR
    known = worker.assignment(assignment.worker, assignment.task)
    assert known is not None
    assert known.state is AssignmentState.FAILED
    assert box.outbox.undelivered() == ()
