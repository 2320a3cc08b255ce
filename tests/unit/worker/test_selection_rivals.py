"""Selection beside other nodes: what they claim meanwhile is not claimed again, and a lost race ends the pass."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from node_runtime.domain.task import TaskId
from node_runtime.substrate.client import SubstrateChain
from node_runtime.substrate.memory import MemoryNetwork
from node_runtime.worker.assembly import selector_of
from node_runtime.worker.policy import taken_by_others
from node_runtime.worker.selection import TaskSelector
from tests.background import LIMIT, in_background, wait_until
from tests.unit.worker.faults_room import Room


@pytest.fixture
def shared(room: Room, monkeypatch: pytest.MonkeyPatch) -> Callable[[], TaskId]:
    """Return a function that creates a task which any node may claim."""
    terms = Room._terms
    monkeypatch.setattr(Room, "_terms", lambda self, window: replace(terms(self, window), assignee=None))
    return room.task


@pytest.fixture
def shared_by_two(shared: Callable[[], TaskId], monkeypatch: pytest.MonkeyPatch) -> Callable[[], TaskId]:
    """Return a function that creates a task of two slots which any nodes may claim."""
    terms = Room._terms
    monkeypatch.setattr(Room, "_terms", lambda self, window: replace(terms(self, window), slots=2))
    return shared


@pytest.fixture
def rival(room: Room) -> SubstrateChain:
    return room.network.connect("//Charlie")


@contextmanager
def selecting(room: Room) -> Iterator[TaskSelector]:
    with room.node() as (node, _process):
        yield selector_of(node, room.config)


def left_open(selector: TaskSelector) -> list[TaskId]:
    """Return what the selector yields to a caller that claims nothing."""
    return [candidate.task.id for candidate in selector.candidates(busy=frozenset())]


def test_without_rivals_tasks_come_by_age(room: Room, shared: Callable[[], TaskId]) -> None:
    tasks = [shared() for _ in range(4)]
    with selecting(room) as selector:
        found = [task for task in left_open(selector) if task in tasks]
        assert found == tasks


def test_a_task_that_another_node_takes_after_the_first_was_listed_is_not_offered(
    room: Room, shared: Callable[[], TaskId], rival: SubstrateChain
) -> None:
    tasks = [shared() for _ in range(3)]
    with selecting(room) as selector:
        candidates = selector.candidates(busy=frozenset())
        first = next(candidates).task.id
        taken = next(task for task in tasks if task != first)
        rival.assign_task(taken)
        rest = {candidate.task.id for candidate in candidates}
    assert {first, taken}.isdisjoint(rest)
    assert rest.issuperset(set(tasks) - {first, taken})


def test_a_claim_that_came_too_late_ends_the_pass_and_the_next_poll_goes_on(
    room: Room, shared: Callable[[], TaskId], rival: SubstrateChain
) -> None:
    tasks = [shared() for _ in range(3)]
    with selecting(room) as selector:
        candidates = selector.candidates(busy=frozenset())
        lost = next(candidates).task.id
        rival.assign_task(lost)
        selector.refuse(lost, taken_by_others())
        assert next(candidates, None) is None
        assert selector.has_more
        assert set(left_open(selector)).issuperset(set(tasks) - {lost})


@contextmanager
def claim_in_the_pool(rival: SubstrateChain, task: TaskId, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Send the rival's claim; no block contains it before the exit."""
    with monkeypatch.context() as patched:
        patched.setattr(MemoryNetwork, "_make_blocks", lambda _network: None)
        claim = in_background(lambda: rival.assign_task(task))
        wait_until(lambda: rival.pending_claims() == Counter([task]), "the claim to be in the pool")
        yield
    assert claim.result(LIMIT).worker == rival.account
    assert rival.pending_claims() == Counter()


def test_a_task_whose_claim_waits_for_its_block_is_passed_over_until_that_comes(
    room: Room, shared: Callable[[], TaskId], rival: SubstrateChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, other = shared(), shared()
    with selecting(room) as selector, claim_in_the_pool(rival, task, monkeypatch):
        assert task in rival.claimable(room.config.policy.kinds).open
        found = left_open(selector)
        assert task not in found
        assert other in found


def test_a_task_of_two_slots_is_offered_while_one_claim_of_it_waits_for_its_block(
    room: Room, shared_by_two: Callable[[], TaskId], rival: SubstrateChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = shared_by_two()
    with selecting(room) as selector, claim_in_the_pool(rival, task, monkeypatch):
        assert task in left_open(selector)


def test_a_task_whose_claim_stays_in_the_pool_is_offered_after_a_while(
    room: Room, shared: Callable[[], TaskId], rival: SubstrateChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = shared()
    with selecting(room) as selector, claim_in_the_pool(rival, task, monkeypatch):
        assert task not in left_open(selector)
        wait_until(lambda: task in left_open(selector), "the claim to be ignored")
