"""Contract of the port `Chain` for tasks, attempts and money, against a chain behind a server and one in memory."""

from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from substrateinterface import Keypair, SubstrateInterface

from node_runtime.creator.leaderboard import leaderboard
from node_runtime.creator.mentions import Mentions
from node_runtime.devnet.sealing import wall_clock
from node_runtime.domain.assets import (
    Account,
    AssetKind,
    AssetRef,
    ModelId,
    ObjectiveId,
    SubmissionId,
)
from node_runtime.domain.task import (
    UNIT,
    AssignmentState,
    Kind,
    Perf,
    Result,
    Score,
    Standing,
    SubmissionState,
    TaskId,
    TaskState,
    Voucher,
)
from node_runtime.errors import FailureCategory
from node_runtime.spec.bounds import packaged_bounds
from node_runtime.stores.memory import MemoryStore
from tests.contract.chain_twins import world
from tests.contract.chain_world import (
    BOND,
    HOUR,
    REWARD,
    World,
    model_result,
    open_world,
    refusal,
    some_digest,
)
from tests.devnet import start_devnet

__all__ = ["world"]

NOBODY = Account(Keypair.create_from_uri("//Nobody", ss58_format=42).ss58_address)


def test_absent_records_read_as_none(world: World) -> None:
    chain, nothing = world.creator, AssetRef(owner=NOBODY, digest=some_digest())
    assert chain.asset(nothing) is None
    assert chain.objective(ObjectiveId(999)) is None
    assert chain.model(ModelId(submission=SubmissionId(999))) is None
    assert chain.task(TaskId(999)) is None
    assert chain.spec(TaskId(999)) is None
    assert chain.assignment(NOBODY, TaskId(1)) is None
    assert not any((chain.assets_of(NOBODY), chain.objectives_of(NOBODY), chain.tasks_of(NOBODY)))
    assert not any((chain.offers(NOBODY), chain.assignments(NOBODY), chain.reviews(NOBODY)))
    assert not any((chain.submissions(TaskId(999)), chain.open_tasks(Kind.ANNOTATION)))
    assert chain.balance(NOBODY).free == chain.balance(NOBODY).held == 0


@pytest.mark.parametrize("kind", list(Kind))
def test_open_tasks_are_listed_for_every_kind(world: World, kind: Kind) -> None:
    listed = [world.other.task(id_) for id_ in world.other.open_tasks(kind)]
    assert all(task is not None and task.terms.kind is kind for task in listed)


def test_another_client_of_the_same_process_changes_nothing(tmp_path: Path) -> None:
    with start_devnet(tmp_path) as url:
        world = open_world(url)
        before = world.training()
        with SubstrateInterface(url=url) as neighbour:
            neighbour.init_runtime()  # it replaces the library's global types, which all clients share
            after = world.training()
        assert world.creator.spec(after) is not None
        assert after > before
        world.close()


def test_the_clock_follows_the_blocks(world: World) -> None:
    before = wall_clock()
    assert before <= world.now() <= wall_clock()


def test_a_task_comes_back_as_created_and_is_found_by_its_kind_and_creator(world: World) -> None:
    objective, _ = world.objective()
    plan = world.creator.create_plan()
    terms, spec = replace(world.terms(window=HOUR), plan=plan), world.training_spec(objective)
    id_ = world.creator.create_task(terms, spec)
    task = world.other.task(id_)
    assert task is not None
    assert (task.creator, task.terms, task.state, task.free_slots) == (
        world.creator.account, terms, TaskState.OPEN, 1
    )  # fmt: skip
    assert task.held >= REWARD
    assert world.other.spec(id_) == spec
    assert id_ in world.other.open_tasks(Kind.TRAINING)
    assert id_ in world.other.tasks_of(world.creator.account)
    assert id_ in world.other.every_task()


def test_a_task_for_one_assignee_is_offered_to_no_other_account(world: World) -> None:
    terms = replace(world.terms(), assignee=world.worker.account)
    id_ = world.creator.create_task(terms, world.training_spec())
    assert id_ in world.worker.offers(world.worker.account)
    assert id_ not in world.worker.open_tasks(Kind.TRAINING)
    refusal("NotOffered", lambda: world.other.assign_task(id_))
    assert world.worker.assign_task(id_).state is AssignmentState.LIVE


def test_an_accepted_result_pays_once_and_becomes_a_model(world: World) -> None:
    objective, _ = world.objective()
    id_ = world.creator.create_task(world.terms(), world.training_spec(objective))
    held = world.worker.balance(world.worker.account).held
    assignment = world.worker.assign_task(id_)
    assert (assignment.bond, assignment.state) == (BOND, AssignmentState.LIVE)
    assert world.worker.assignment(world.worker.account, id_) == assignment
    assert world.worker.balance(world.worker.account).held == held + BOND
    before, result = world.worker.balance(world.worker.account), model_result()
    submission = world.worker.send_task_result(id_, assignment.epoch, result)
    assert world.worker.send_task_result(id_, assignment.epoch, result) == submission
    after = world.worker.balance(world.worker.account)
    assert REWARD - UNIT // 10 < (after.free + after.held) - (before.free + before.held) < REWARD
    (found,) = world.other.submissions(id_)
    assert (found.id, found.result, found.state) == (submission, result, SubmissionState.ACCEPTED)
    model = world.other.model(ModelId(submission=submission))
    assert model is not None
    assert (model.owner, model.digest, model.clean_for) == (
        world.creator.account, result.output("model"), (objective,)
    )  # fmt: skip
    assert (model.trainer, model.input_owners) == (world.worker.account, (world.creator.account,))
    assert (model.parents, model.same_bytes, model.more_same_bytes) == ((), (), 0)
    task = world.other.task(id_)
    assert task is not None
    assert (task.state, task.held) == (TaskState.DONE, 0)


def test_a_certified_score_names_its_voucher(world: World) -> None:
    objective, (metric, opener, sample) = world.objective()
    training = world.creator.create_task(world.terms(), world.training_spec(objective))
    model = world.worker.send_task_result(training, world.worker.assign_task(training).epoch, model_result())
    algo = world.registered(AssetKind.ALGO)
    spec = replace(
        world.spec(algo, metric, opener, sample), models=(ModelId(submission=model),), objectives=(objective,)
    )
    scoring = world.creator.create_task(world.terms(Kind.SCORING), spec)
    assert world.other.spec(scoring) == spec
    numbers = tuple(
        Perf(name=name, value=Decimal(value))
        for name, value in (("all", "-123456789012345678.123456789012345678"), ("größe", "0"), ("f1", "1e-18"))
    )
    result = Result(digest=some_digest(), outputs=(), uri="cas:", perfs=numbers)
    submission = world.other.send_task_result(scoring, world.other.assign_task(scoring).epoch, result)
    (found,) = world.other.submissions(scoring)
    assert (found.id, found.result.perfs) == (submission, numbers)
    score = numbers[0].value
    assert found.score == Score(value=score, standing=Standing.CERTIFIED, voucher=Voucher.INDEPENDENT)
    (kept,) = world.creator.scores(objective)
    assert (kept.submission, kept.model, kept.value, kept.voucher) == (
        submission, ModelId(submission=model), score, Voucher.INDEPENDENT
    )  # fmt: skip
    assert (kept.scorer, kept.payer) == (world.other.account, world.creator.account)
    known = world.creator.objective(objective)
    assert known is not None
    places = leaderboard(world.creator.scores(objective), known)
    assert Mentions(world.creator, MemoryStore()).task_of(places[0].model) == training


def test_the_judge_accepts_a_result_under_review(world: World) -> None:
    id_ = world.training(window=HOUR)
    submission = world.worker.send_task_result(id_, world.worker.assign_task(id_).epoch, model_result())
    (found,) = world.creator.submissions(id_)
    assert found.state is SubmissionState.UNDER_REVIEW
    assert found.until is not None
    assert found.until > world.creator.now()
    assert (id_, submission) in world.creator.reviews(world.creator.account)
    refusal("NotJudge", lambda: world.other.accept_task_results(id_, submission))
    world.creator.accept_task_results(id_, submission)
    assert world.creator.submissions(id_)[0].state is SubmissionState.ACCEPTED
    assert (id_, submission) not in world.creator.reviews(world.creator.account)
    refusal("AlreadyDecided", lambda: world.creator.reject_task_results(id_, submission, "too late"))


@pytest.mark.parametrize("reason", ["accuracy 0.3 is too low", "0x1234", "größer"])
def test_a_rejection_keeps_its_reason_as_written(world: World, reason: str) -> None:
    id_ = world.training(window=HOUR)
    submission = world.worker.send_task_result(id_, world.worker.assign_task(id_).epoch, model_result())
    world.creator.reject_task_results(id_, submission, reason)
    (found,) = world.creator.submissions(id_)
    assert (found.state, found.reason) == (SubmissionState.REJECTED, reason)


@pytest.mark.parametrize("category", list(FailureCategory))
def test_a_reported_failure_ends_the_attempt_with_its_category(world: World, category: FailureCategory) -> None:
    id_ = world.training()
    log = some_digest()
    world.worker.report_failure(id_, world.worker.assign_task(id_).epoch, category, log)
    found = world.worker.assignment(world.worker.account, id_)
    assert found is not None
    assert (found.state, found.category, found.log) == (AssignmentState.FAILED, category, log)
    assert found in world.worker.assignments(world.worker.account)
    assert world.creator.attempts(found.task) == (found,)


def test_broken_rules_are_named_with_a_remedy(world: World) -> None:
    id_ = world.training()
    epoch = world.worker.assign_task(id_).epoch
    refusal("SlotsFull", lambda: world.other.assign_task(id_))
    refusal("AlreadyAssigned", lambda: world.worker.assign_task(id_))
    refusal("WrongEpoch", lambda: world.worker.send_task_result(id_, epoch + 7, model_result()))
    refusal("NoSuchTask", lambda: world.worker.assign_task(TaskId(999)))
    refusal("NotCreator", lambda: world.worker.cancel_task(id_, abort=True))
    refusal("TooLittleBond", lambda: world.creator.create_task(replace(world.terms(), bond=1), world.training_spec()))


def test_an_insufficient_balance_is_reported(world: World) -> None:
    terms = replace(world.terms(), reward=10**9 * UNIT, bond=10**9 * UNIT)
    refused = refusal("TooLittleBalance", lambda: world.creator.create_task(terms, world.training_spec()))
    assert str(refused).startswith("can't create the training task: ")


def test_a_declined_offer_ends_the_task_and_costs_nothing(world: World) -> None:
    terms = replace(world.terms(), assignee=world.worker.account)
    task = world.creator.create_task(terms, world.training_spec())
    before = world.worker.balance(world.worker.account)
    world.worker.decline_offer(task)
    assert world.worker.balance(world.worker.account) == before
    known = world.creator.task(task)
    assert known is not None
    assert known.state is TaskState.CANCELLED
    refusal("TaskFinal", lambda: world.worker.decline_offer(task))


def test_the_packaged_bounds_are_those_of_the_packaged_runtime(world: World) -> None:
    assert world.creator.bounds() == packaged_bounds()


def test_the_bounds_of_terms_are_those_that_the_chain_keeps(world: World) -> None:
    bounds = world.creator.bounds()
    spec = world.training_spec()
    least = replace(world.terms(), reward=bounds.min_reward, bond=bounds.min_bond)
    world.creator.create_task(least, spec)
    excesses: tuple[tuple[dict[str, Any], str], ...] = (
        ({"reward": bounds.min_reward - 1}, "TooLittleReward"),
        ({"slots": bounds.max_slots + 1}, "TooManySlots"),
        ({"max_failures": bounds.max_failures + 1}, "TooManyFailures"),
        ({"max_rejects": bounds.rejects_per_slot + 1}, "TooManyRejects"),
        ({"bond": least.reward * bounds.rewards_per_bond + bounds.bond_allowance + 1}, "BondTooLarge"),
        ({"timeout": bounds.max_timeout + 1}, "TimeoutTooLong"),
    )
    for beyond, rule in excesses:
        refusal(rule, partial(world.creator.create_task, replace(least, **beyond), spec))
