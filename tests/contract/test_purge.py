"""Records of final tasks are purged by who may, when they may go, on both adapters of the chain."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from node_runtime.creator.purge import Purged, check_purge, purge_tasks, records_kept
from node_runtime.devnet.sealing import wall_clock
from node_runtime.domain.task import Task, TaskId
from node_runtime.errors import InputError, NoSuchTask
from node_runtime.ports.chain import CreatorCalls
from node_runtime.substrate.memory import MemoryNetwork
from tests.contract.chain_world import HOUR, World, model_result, open_world, refusal, world_of
from tests.later_devnet import later_devnet

DAY = 24 * HOUR


@dataclass(frozen=True, kw_only=True)
class Later:
    """A chain on which time passes."""

    world: World
    pass_time: Callable[[int], None]

    def passes(self, milliseconds: int) -> None:
        self.pass_time(milliseconds)
        self.world.now()

    def task(self, number: TaskId) -> Task:
        found = self.world.creator.task(number)
        assert found is not None
        return found

    def cancelled(self) -> TaskId:
        number = self.world.training()
        self.world.creator.cancel_task(number, abort=False)
        return number

    def rejected(self) -> TaskId:
        number = self.world.training(window=HOUR)
        epoch = self.world.worker.assign_task(number).epoch
        submission = self.world.worker.send_task_result(number, epoch, model_result())
        self.world.creator.reject_task_results(number, submission, "it learnt nothing")
        return number


@pytest.fixture(params=["devnet", "memory"])
def later(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Later]:
    if request.param == "devnet":
        with later_devnet(tmp_path / "chain") as devnet, closing(open_world(devnet.url)) as world:
            yield Later(world=world, pass_time=devnet.pass_time)
        return
    passed = [0]
    with MemoryNetwork(clock=lambda: wall_clock() + passed[0]) as network, closing(world_of(network)) as world:
        yield Later(world=world, pass_time=lambda more: passed.__setitem__(0, passed[0] + more))


def purge(chain: CreatorCalls, *numbers: TaskId) -> list[Purged]:
    return list(purge_tasks(chain, check_purge(chain, numbers)))


def test_a_creator_purges_tasks_once_their_records_are_kept_no_longer(later: Later) -> None:
    creator = later.world.creator
    before = creator.balance(creator.account).held
    first, second = later.cancelled(), later.cancelled()
    held = [later.task(number).held_for_spec for number in (first, second)]
    assert creator.balance(creator.account).held == before + sum(held) > before
    early = refusal("StillNeeded", lambda: purge(creator, first))
    assert "its records are kept for 7d after its end" in early.message
    assert early.remedy.startswith("come back after ")
    later.passes(7 * DAY + HOUR)
    purged = purge(creator, first, second, first)
    assert [(one.task, one.returned) for one in purged] == [(first, held[0]), (second, held[1])]
    assert creator.task(first) is None
    assert creator.balance(creator.account).held == before
    with pytest.raises(NoSuchTask):
        check_purge(creator, [first])


def test_after_a_rejection_the_records_stay_as_evidence(later: Later) -> None:
    creator = later.world.creator
    number = later.rejected()
    later.passes(7 * DAY + HOUR)
    kept = records_kept(later.task(number), creator.bounds(), by=creator.account)
    assert kept is not None
    assert kept.until == (later.task(number).ended or 0) + 187 * DAY
    early = refusal("StillNeeded", lambda: purge(creator, number))
    assert "a result of it was rejected, and its records stay as evidence for 7d and 180d" in early.message
    refusal("StillNeeded", lambda: creator.purge_task(number))
    later.passes(180 * DAY)
    (purged,) = purge(creator, number)
    assert purged.returned > 0
    assert creator.submissions(number) == ()
    assert creator.attempts(number) == ()


def test_others_wait_for_the_evidence_period_and_return_the_price_to_the_creator(later: Later) -> None:
    creator, other = later.world.creator, later.world.other
    before, number = creator.balance(creator.account).held, later.cancelled()
    later.passes(7 * DAY + HOUR)
    early = refusal("StillNeeded", lambda: purge(other, number))
    assert "others than its creator wait 7d and 180d after its end" in early.message
    later.passes(180 * DAY)
    (purged,) = purge(other, number)
    assert purged.creator == creator.account
    assert creator.balance(creator.account).held == before


def test_a_task_that_is_not_final_is_refused_and_nothing_is_sent(later: Later) -> None:
    creator, number, done = later.world.creator, later.world.training(), later.cancelled()
    later.passes(7 * DAY + HOUR)
    opened = creator.create_task(later.world.terms(), later.world.training_spec())
    with pytest.raises(InputError, match=f"task {opened} is open, and only the records of a final task") as refused:
        check_purge(creator, [done, opened])
    assert f"node-runtime cancel {opened}" in refused.value.remedy
    assert creator.task(done) is not None
    assert later.task(number).state.final, "its deadline passed"


def test_a_task_whose_model_is_awaited_is_kept_with_the_reason(later: Later) -> None:
    world = later.world
    parent = world.training(window=HOUR)
    spec = replace(world.training_spec(), parents=(parent,))
    child = world.creator.create_task(replace(world.terms(), deadline=world.now() + 20 * DAY), spec)
    epoch = world.worker.assign_task(parent).epoch
    submission = world.worker.send_task_result(parent, epoch, model_result())
    world.creator.accept_task_results(parent, submission)
    later.passes(7 * DAY + HOUR)
    kept = refusal("StillNeeded", lambda: purge(world.creator, parent))
    assert "something that isn't over points to it" in kept.message
    world.creator.cancel_task(child, abort=False)
    assert [one.task for one in purge(world.creator, parent)] == [parent]
