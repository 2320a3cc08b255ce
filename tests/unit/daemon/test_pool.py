"""Does the pool admit what fits, and nothing more?"""

import pytest

from node_runtime.daemon.pool import Demand, Pool, Reservation, Shortage, demand_of
from node_runtime.document import Document, Limits
from node_runtime.task import Kind
from tests.background import all_at_once

GIB = 1 << 30
ROOM = Demand(cpus=4, memory=8 * GIB, disk=20 * GIB)
SMALL = Demand(cpus=1, memory=GIB, disk=GIB)


def pool(*, slots: int = 4, free: int = 100 * GIB, floor: int = GIB) -> Pool:
    return Pool(slots=slots, room=ROOM, disk_floor=floor, free_disk=lambda: free)


def test_slots_are_handed_out_once_and_come_back() -> None:
    one = pool(slots=2)
    first, second = one.admit(SMALL), one.admit(SMALL)
    assert isinstance(first, Reservation)
    assert isinstance(second, Reservation)
    assert {first.slot, second.slot} == {0, 1}
    assert isinstance(one.admit(SMALL), Shortage)
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
    large = Demand(cpus=1, memory=5 * GIB, disk=GIB)
    assert isinstance(one.admit(large), Reservation)
    shortage = one.admit(large)
    assert isinstance(shortage, Shortage)
    assert not shortage.lasting
    assert shortage.message == "it asks for more than is left: 5 GiB memory of 3 GiB"


@pytest.mark.parametrize(
    ("demand", "told"),
    [
        (Demand(cpus=64, memory=GIB, disk=GIB), "64 CPUs of 4"),
        (Demand(cpus=4.5, memory=GIB, disk=1 << 44), "4.5 CPUs of 4, 16 TiB disk of 20 GiB"),
        (Demand(cpus=1, memory=9 * GIB, disk=GIB), "9 GiB memory of 8 GiB"),
    ],
)
def test_a_demand_above_the_whole_pool_is_refused_for_good_naming_what_and_how_much(demand: Demand, told: str) -> None:
    shortage = pool().admit(demand)
    assert isinstance(shortage, Shortage)
    assert shortage.lasting
    assert shortage.message == f"it asks for more than the whole pool: {told}"


def test_nothing_is_admitted_below_the_disk_floor() -> None:
    shortage = pool(free=3 * GIB, floor=5 * GIB).admit(SMALL)
    assert isinstance(shortage, Shortage)
    assert shortage.message == "it asks for more than is left: 1 GiB disk of 0 B, above the disk floor of 5 GiB"
    assert not shortage.lasting


def test_threads_never_share_a_slot() -> None:
    one = Pool(slots=3, room=Demand(cpus=99, memory=99 * GIB, disk=99 * GIB), disk_floor=0, free_disk=lambda: 99 * GIB)
    answers = all_at_once([lambda: one.admit(SMALL)] * 16)
    slots = [answer.slot for answer in answers if isinstance(answer, Reservation)]
    assert sorted(slots) == [0, 1, 2]


def test_scoring_asks_for_the_disk_of_both_its_stages() -> None:
    limits = Limits(outputs=GIB)
    training = demand_of(Document(kind=Kind.TRAINING, name="a", limits=limits))
    scoring = demand_of(Document(kind=Kind.SCORING, name="a", limits=limits))
    assert scoring.disk == 2 * training.disk
