"""What must a chain client do? Each method of the port `Chain`, against a real chain."""

from dataclasses import replace
from pathlib import Path

import pytest
from substrateinterface import Keypair, SubstrateInterface

from node_runtime.devnet.sealing import wall_clock
from node_runtime.errors import FailureCategory
from node_runtime.task import (
    UNIT,
    Account,
    AssetKind,
    AssetRef,
    AssignmentState,
    Kind,
    Label,
    ObjectiveId,
    Result,
    Score,
    Standing,
    SubmissionId,
    SubmissionState,
    TaskId,
    TaskState,
    Visibility,
    Voucher,
)
from tests.contract.chain_world import BOND, HOUR, REWARD, World, model_result, open_world, refusal, some_digest
from tests.devnet import start_devnet

NOBODY = Account(Keypair.create_from_uri("//Nobody", ss58_format=42).ss58_address)


def test_what_is_not_there_reads_as_nothing(world: World) -> None:
    chain, nothing = world.creator, AssetRef(owner=NOBODY, digest=some_digest())
    assert chain.asset(nothing) is None
    assert chain.objective(ObjectiveId(999)) is None
    assert chain.model(SubmissionId(999)) is None
    assert chain.task(TaskId(999)) is None
    assert chain.spec(TaskId(999)) is None
    assert chain.assignment(NOBODY, TaskId(1)) is None
    assert chain.assets_of(NOBODY) == chain.objectives_of(NOBODY) == chain.tasks_of(NOBODY) == ()
    assert chain.offers(NOBODY) == chain.assignments(NOBODY) == chain.reviews(NOBODY) == ()
    assert chain.submissions(TaskId(999)) == chain.open_tasks(Kind.ANNOTATION) == ()
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
            neighbour.init_runtime()  # it claims the library's types, which all clients share
            after = world.training()
        assert world.creator.spec(after) is not None
        assert after > before
        world.close()


def test_the_clock_follows_the_blocks(world: World) -> None:
    before = wall_clock()
    assert before <= world.now() <= wall_clock()


def test_assets_of_every_kind_come_back_as_registered(world: World) -> None:
    assets = [world.asset(kind) for kind in AssetKind if kind is not AssetKind.DATA_SAMPLE]
    assets += [world.asset(AssetKind.DATA_SAMPLE, label) for label in Label]
    private = replace(world.asset(AssetKind.DATA_SAMPLE, Label.TRAIN), visibility=Visibility.PRIVATE, uri="")
    world.creator.register_assets([*assets, private])
    known = world.creator.assets_of(world.creator.account)
    for asset in (*assets, private):
        assert world.other.asset(asset.ref) == asset
        assert asset in known


def test_registering_again_costs_nothing(world: World) -> None:
    asset = world.asset(AssetKind.ALGO)
    world.creator.register_assets([asset])
    before = world.creator.balance(world.creator.account)
    world.creator.register_assets([asset, asset])
    assert world.creator.balance(world.creator.account) == before


def test_many_assets_are_registered_at_once(world: World) -> None:
    assets = [world.asset(AssetKind.DATA_SAMPLE, Label.TRAIN) for _ in range(450)]
    world.creator.register_assets(assets)
    assert set(assets) <= set(world.creator.assets_of(world.creator.account))


def test_another_label_is_refused_naming_the_asset(world: World) -> None:
    asset = world.asset(AssetKind.DATA_SAMPLE, Label.TEST)
    world.creator.register_assets([asset])
    refused = refusal("AlreadyLabelled", lambda: world.creator.register_assets([replace(asset, label=Label.TRAIN)]))
    assert asset.ref.digest in str(refused)


def test_an_objective_comes_back_as_created(world: World) -> None:
    id_, (metric, opener, sample) = world.objective()
    objective = world.other.objective(id_)
    assert objective is not None
    assert (objective.name, objective.tolerance) == ("Ziffern größer 0x10", 1000)
    assert (objective.metric, objective.opener, objective.samples) == (metric.digest, opener.digest, (sample.digest,))
    assert objective in world.other.objectives_of(world.creator.account)


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


def test_a_task_for_one_assignee_is_offered_to_nobody_else(world: World) -> None:
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
    model = world.other.model(submission)
    assert model is not None
    assert (model.owner, model.digest, model.clean_for) == (
        world.creator.account, result.output("model"), (objective,)
    )  # fmt: skip
    task = world.other.task(id_)
    assert task is not None
    assert (task.state, task.held) == (TaskState.DONE, 0)


def test_a_certified_score_says_who_vouches(world: World) -> None:
    objective, (metric, opener, sample) = world.objective()
    training = world.creator.create_task(world.terms(), world.training_spec(objective))
    model = world.worker.send_task_result(training, world.worker.assign_task(training).epoch, model_result())
    algo = world.registered(AssetKind.ALGO)
    spec = replace(world.spec(algo, metric, opener, sample), models=(model,), objectives=(objective,))
    scoring = world.creator.create_task(world.terms(Kind.SCORING), spec)
    assert world.other.spec(scoring) == spec
    result = Result(digest=some_digest(), outputs=(), uri="cas:", perf=-123_456)
    submission = world.other.send_task_result(scoring, world.other.assign_task(scoring).epoch, result)
    (found,) = world.other.submissions(scoring)
    assert (found.id, found.result.perf) == (submission, -123_456)
    assert found.score == Score(value=-123_456, standing=Standing.CERTIFIED, voucher=Voucher.INDEPENDENT)


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


def test_a_test_sample_is_refused_for_training(world: World) -> None:
    objective, (_, _, sample) = world.objective()
    spec = world.training_spec(objective)
    refusal(
        "TestSampleInTraining",
        lambda: world.creator.create_task(world.terms(), replace(spec, assets=(*spec.assets, sample))),
    )


def test_too_little_balance_is_told(world: World) -> None:
    terms = replace(world.terms(), reward=10**9 * UNIT, bond=10**9 * UNIT)
    refused = refusal("TooLittleBalance", lambda: world.creator.create_task(terms, world.training_spec()))
    assert str(refused).startswith("can't create the training task: ")
