"""The resource pool admits requests that fit and refuses all others."""

import json

import pytest

from node_runtime.domain.document import Image, Limits
from node_runtime.kinds import read_document
from node_runtime.kinds.scoring import ScoringDocument
from node_runtime.kinds.training import TrainingDocument
from node_runtime.worker.resources import Insufficient, Reservation, ResourcePool, ResourceRequest, demand_of
from tests.background import all_at_once

GIB = 1 << 30
ROOM = ResourceRequest(cpus=4, memory=8 * GIB, disk=20 * GIB)
SMALL = ResourceRequest(cpus=1, memory=GIB, disk=GIB)
KEY = f"{'5' * 48}/{'a' * 64}"
IMAGE = Image(source=KEY)


def pool(*, slots: int = 4, free: int = 100 * GIB, floor: int = GIB) -> ResourcePool:
    return ResourcePool(slots=slots, room=ROOM, disk_floor=floor, free_disk=lambda: free)


def test_slots_are_handed_out_once_and_come_back() -> None:
    one = pool(slots=2)
    first, second = one.admit(SMALL), one.admit(SMALL)
    assert isinstance(first, Reservation)
    assert isinstance(second, Reservation)
    assert {first.slot, second.slot} == {0, 1}
    assert isinstance(one.admit(SMALL), Insufficient)
    one.release(first)
    one.release(first)
    again = one.admit(SMALL)
    assert isinstance(again, Reservation)
    assert again.slot == first.slot
    assert not one.has_free_slot


def test_a_slot_that_is_asked_for_is_given_unless_it_is_taken() -> None:
    one = pool(slots=3)
    answers = [one.admit(SMALL, slot=slot) for slot in (2, 2, 9)]
    assert [answer.slot for answer in answers if isinstance(answer, Reservation)] == [2, 0, 1]


def test_memory_of_running_tasks_is_not_promised_twice() -> None:
    one = pool()
    large = ResourceRequest(cpus=1, memory=5 * GIB, disk=GIB)
    assert isinstance(one.admit(large), Reservation)
    shortage = one.admit(large)
    assert isinstance(shortage, Insufficient)
    assert not shortage.lasting
    assert shortage.message == "5 GiB of memory asked, 3 GiB free now"


@pytest.mark.parametrize(
    ("demand", "told"),
    [
        (ResourceRequest(cpus=64, memory=GIB, disk=GIB), "64 CPUs asked, the whole pool has 4"),
        (
            ResourceRequest(cpus=4.5, memory=GIB, disk=1 << 44),
            "4.5 CPUs asked, the whole pool has 4; 16 TiB of disk asked, the whole pool has 20 GiB",
        ),
        (ResourceRequest(cpus=1, memory=9 * GIB, disk=GIB), "9 GiB of memory asked, the whole pool has 8 GiB"),
    ],
)
def test_a_request_above_the_whole_pool_is_refused_for_good_with_the_amounts(
    demand: ResourceRequest, told: str
) -> None:
    shortage = pool().admit(demand)
    assert isinstance(shortage, Insufficient)
    assert shortage.lasting
    assert shortage.message == told


def test_nothing_is_admitted_below_the_disk_floor() -> None:
    shortage = pool(free=3 * GIB, floor=5 * GIB).admit(SMALL)
    assert isinstance(shortage, Insufficient)
    assert shortage.message == "1 GiB of disk asked, 0 B free now, above the disk floor of 5 GiB"
    assert not shortage.lasting


def test_threads_never_share_a_slot() -> None:
    one = ResourcePool(
        slots=3, room=ResourceRequest(cpus=99, memory=99 * GIB, disk=99 * GIB), disk_floor=0, free_disk=lambda: 99 * GIB
    )
    answers = all_at_once([lambda: one.admit(SMALL)] * 16)
    slots = [answer.slot for answer in answers if isinstance(answer, Reservation)]
    assert sorted(slots) == [0, 1, 2]


def test_scoring_asks_for_the_disk_of_both_its_stages() -> None:
    limits = Limits(outputs=GIB)
    training = demand_of(TrainingDocument(name="a", algo=IMAGE, limits=limits))
    scoring = demand_of(ScoringDocument(name="a", algo=IMAGE, metric=IMAGE, opener=KEY, limits=limits))
    assert scoring.disk == 2 * training.disk


def test_a_bundles_scratch_is_disk_and_that_of_every_task_is_within_its_memory() -> None:
    limits = Limits(memory=GIB, outputs=GIB, scratch=GIB)
    training = demand_of(TrainingDocument(name="a", algo=IMAGE, limits=limits))
    bundle = demand_of(TrainingDocument(name="a", algo=IMAGE, limits=limits, bundle=KEY))
    assert (training.memory, bundle.memory) == (GIB, GIB)
    assert bundle.disk == training.disk + GIB


def test_a_plans_local_folder_counts_twice_where_it_is_written_as_it_is_copied_back() -> None:
    limits = Limits(outputs=GIB, local=GIB)
    training = demand_of(TrainingDocument(name="a", algo=IMAGE, limits=limits))
    scoring = demand_of(ScoringDocument(name="a", algo=IMAGE, metric=IMAGE, opener=KEY, limits=limits))
    assert (training.disk, scoring.disk) == (4 * GIB, 4 * GIB)


def test_a_document_that_says_nothing_of_scratch_has_the_default() -> None:
    stored = TrainingDocument(name="a", algo=IMAGE).model_dump(mode="json")
    del stored["limits"]["scratch"]
    assert read_document(json.dumps(stored).encode()).limits.scratch == 256 << 20


def test_private_and_other_attempts_never_run_at_the_same_time_and_take_turns() -> None:
    one = pool()
    public = [one.admit(SMALL), one.admit(SMALL)]
    refused = one.admit(SMALL, private=True)
    assert isinstance(refused, Insufficient)
    assert not refused.lasting
    assert refused.message == "tasks on private data don't run beside tasks on other data, which run now"
    waits = one.admit(SMALL)
    assert isinstance(waits, Insufficient)
    assert waits.message == "tasks on other data don't run beside tasks on private data, which are next"
    for taken in public:
        assert isinstance(taken, Reservation)
        one.release(taken)
    first, second = one.admit(SMALL, private=True), one.admit(SMALL, private=True)
    assert isinstance(first, Reservation)
    assert isinstance(second, Reservation)
    assert isinstance(one.admit(SMALL), Insufficient)
    assert isinstance(one.admit(SMALL, private=True), Insufficient)
    one.release(first)
    one.release(second)
    assert isinstance(one.admit(SMALL), Reservation)


def test_an_empty_pool_waits_for_nobody() -> None:
    one = pool()
    taken = one.admit(SMALL)
    assert isinstance(taken, Reservation)
    assert isinstance(one.admit(SMALL, private=True), Insufficient)  # and its task is gone then
    one.release(taken)
    assert isinstance(one.admit(SMALL), Reservation)


def test_private_and_other_attempts_run_together_where_the_operator_lets_them() -> None:
    one = ResourcePool(slots=2, room=ROOM, disk_floor=0, free_disk=lambda: 100 * GIB, private_alone=False)
    assert isinstance(one.admit(SMALL), Reservation)
    assert isinstance(one.admit(SMALL, private=True), Reservation)
