"""DecentralML's rules on slots, review, deadlines and payment, one scenario each."""

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from node_runtime.domain.task import UNIT, Assignment, AssignmentState, SubmissionState, TaskState
from node_runtime.errors import ChainRefused
from tests.background import LIMIT, all_at_once
from tests.e2e.people import REWARD, People
from tests.later_devnet import LaterDevnet, later_devnet

Later = Callable[[float], None]

HOUR = 3_600_000  # ms
HUNGRY = ("Bob", "Charlie", "Dave", "Eve", "Ferdie")


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LaterDevnet]:
    with later_devnet(tmp_path_factory.mktemp("later") / "chain") as devnet:
        yield devnet


@pytest.fixture(scope="module")
def network(devnet: LaterDevnet) -> str:
    return devnet.url


@pytest.fixture
def later(devnet: LaterDevnet, people: People) -> Later:
    """Advance the clock by hours and produce a block."""

    def pass_hours(hours: float) -> None:
        devnet.pass_time(int(hours * HOUR))
        people["Eve"].create_plan()

    return pass_hours


def test_three_slots_and_five_hungry_workers_make_exactly_three_assignments(people: People) -> None:
    before = people.wealth("Alice")
    task = people.offer("slots: 3\nvalidation: auto\n")
    barrier, chains = threading.Barrier(len(HUNGRY), timeout=LIMIT), [people[name] for name in HUNGRY]

    def take(number: int) -> Assignment | str:
        barrier.wait()
        try:
            return chains[number].assign_task(task)
        except ChainRefused as refused:
            return refused.rule

    taken = all_at_once([partial(take, number) for number in range(len(HUNGRY))])
    fed = {name: one.epoch for name, one in zip(HUNGRY, taken, strict=True) if isinstance(one, Assignment)}
    assert len(fed) == 3
    assert {one for one in taken if isinstance(one, str)} == {"SlotsFull"}
    assert people.task(task).counters.live == 3
    wealth = {name: people.wealth(name) for name in fed}
    for name, epoch in fed.items():
        people.send(name, task, epoch)
        assert wealth[name] < people.wealth(name) <= wealth[name] + REWARD * UNIT  # minus the fee
    assert (people.task(task).state, people.task(task).counters.accepted) == (TaskState.DONE, 3)
    assert people.task(task).held == 0
    spent = before - people.wealth("Alice") - 100 * UNIT  # Ferdie's
    assert 3 * REWARD * UNIT <= spent < (3 * REWARD + 1) * UNIT


def test_accepting_pays_the_worker_its_reward_and_returns_its_bond(people: People) -> None:
    task = people.offer()
    before = people.wealth("Bob")
    submission = people.deliver("Bob", task)
    sent, held = people.wealth("Bob"), people.creator.balance(people["Bob"].account).held
    people.creator.accept_task_results(task, submission)
    assert people.wealth("Bob") == sent + REWARD * UNIT > before
    assert people.creator.balance(people["Bob"].account).held == held - people.task(task).terms.bond


def test_a_rejection_reopens_the_slot_for_somebody_else(people: People) -> None:
    task = people.offer()
    submission = people.deliver("Bob", task)
    with pytest.raises(ChainRefused):
        people["Charlie"].assign_task(task)
    people.creator.reject_task_results(task, submission, "the cat is a dog")
    assert (people.task(task).state, people.task(task).free_slots) == (TaskState.OPEN, 1)
    assert people.submission(task, submission).reason == "the cat is a dog"
    with pytest.raises(ChainRefused):
        people["Bob"].assign_task(task)  # an account whose result was rejected gets no second attempt
    second = people.deliver("Charlie", task)
    people.creator.accept_task_results(task, second)
    assert people.task(task).state is TaskState.DONE


def test_an_expired_task_gives_back_what_nobody_earned(people: People, later: Later) -> None:
    task = people.offer("slots: 2\nvalidation: manual\ndeadline: 2h\n")
    submission = people.deliver("Bob", task)
    people.creator.accept_task_results(task, submission)
    held = people.task(task).held
    assert held >= REWARD * UNIT
    before = people.wealth("Alice"), people.creator.balance(people.creator.account).free
    later(1)
    assert people.task(task).state is TaskState.OPEN
    later(1.5)
    assert people.task(task).state is TaskState.EXPIRED
    assert people.task(task).held == 0
    assert people.wealth("Alice") == before[0]
    assert people.creator.balance(people.creator.account).free == before[1] + held


def test_a_silent_creator_strands_nobody(people: People, later: Later) -> None:
    task = people.offer("validation: {manual: {window: 24h}}\n")
    submission = people.deliver("Bob", task)
    before = people.wealth("Bob")
    later(23)
    assert people.submission(task, submission).state is SubmissionState.UNDER_REVIEW
    later(1.5)
    assert people.submission(task, submission).state is SubmissionState.ACCEPTED
    assert people.wealth("Bob") == before + REWARD * UNIT
    assert people.task(task).state is TaskState.DONE


def test_a_creator_takes_back_no_acceptance(people: People) -> None:
    task = people.offer()
    submission = people.deliver("Bob", task)
    people.creator.accept_task_results(task, submission)
    paid = people.wealth("Bob")
    ways: tuple[Callable[[], object], ...] = (
        lambda: people.creator.reject_task_results(task, submission, "I changed my mind"),
        lambda: people.creator.accept_task_results(task, submission),
    )
    for again in ways:
        with pytest.raises(ChainRefused) as refused:
            again()
        assert refused.value.rule == "AlreadyDecided"
    assert people.wealth("Bob") == paid


def test_another_account_judges_and_the_creator_does_not(people: People) -> None:
    judge = people["Eve"].account
    task = people.offer(f"slots: 2\nvalidation: {{custom: {{judge: {judge}}}}}\n")
    first, second = people.deliver("Bob", task), people.deliver("Charlie", task)
    assert people.creator.reviews(judge)[-2:] == ((task, first), (task, second))
    for outsider in ("Alice", "Bob", "Charlie"):
        with pytest.raises(ChainRefused) as refused:
            people[outsider].accept_task_results(task, first)
        assert refused.value.rule == "NotJudge"
    people["Eve"].accept_task_results(task, first)
    people["Eve"].reject_task_results(task, second, "a dog")
    states = [one.state for one in people.creator.submissions(task)]
    assert states == [SubmissionState.ACCEPTED, SubmissionState.REJECTED]


def test_a_slot_handed_back_costs_its_time_and_is_free_for_others(people: People) -> None:
    task = people.offer()
    attempt = people["Bob"].assign_task(task)
    bond, before = people.creator.balance(people["Bob"].account).held, people.wealth("Bob")
    cost = people["Bob"].hand_back(task, attempt.epoch)
    assert people.creator.balance(people["Bob"].account).held == bond - attempt.bond
    assert 0 < cost < attempt.bond // 4
    assert cost <= before - people.wealth("Bob") < cost + UNIT // 20  # plus the transaction's fee
    assert people.task(task).free_slots == 1
    with pytest.raises(ChainRefused):
        people.send("Bob", task, attempt.epoch)
    people.creator.accept_task_results(task, people.deliver("Charlie", task))
    assert people.task(task).state is TaskState.DONE


def test_an_attempt_that_brings_nothing_lapses_and_loses_its_bond(people: People, later: Later) -> None:
    task = people.offer("validation: manual\nlimits: {timeout: 1h}\n")
    attempt = people["Bob"].assign_task(task)
    before = people.wealth("Bob")

    def state() -> AssignmentState | None:
        found = people.creator.assignment(people["Bob"].account, task)
        return found.state if found is not None else None

    later(0.5)
    assert state() is AssignmentState.LIVE
    later(1)
    assert state() is AssignmentState.LAPSED
    assert people.wealth("Bob") == before - attempt.bond
    with pytest.raises(ChainRefused) as late:
        people.send("Bob", task, attempt.epoch)
    assert late.value.rule == "PastDue"
    people.deliver("Charlie", task)


def test_an_abort_pays_who_is_at_work_for_its_time_and_returns_the_rest(people: People, later: Later) -> None:
    task = people.offer("slots: 3\nvalidation: manual\n")
    attempt = people["Bob"].assign_task(task)
    held, before = people.task(task).held, people.wealth("Bob")
    later(0.25)
    assert held == (3 * REWARD) * UNIT + people.task(task).terms.max_rejects * (REWARD * UNIT // 10)
    people.creator.cancel_task(task, abort=True)
    assert people.wealth("Bob") == before + REWARD * UNIT
    assert (people.task(task).state, people.task(task).held) == (TaskState.CANCELLED, 0)
    with pytest.raises(ChainRefused):
        people.send("Bob", task, attempt.epoch)
