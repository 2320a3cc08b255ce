"""Contract of the port `Chain` for permissions: they come back as given, and refusals name asset, owner and right."""

from dataclasses import replace
from decimal import Decimal
from functools import partial

from node_runtime.domain.assets import Asset, AssetKind, AssetRef, Direction, Label, ModelId, Visibility
from node_runtime.domain.permissions import OWNER_ONLY, PUBLIC, Admits, Permissions, Right
from node_runtime.domain.price import Draft
from node_runtime.domain.task import Kind, Spec, TaskId
from node_runtime.substrate.client import SubstrateChain
from tests.contract.chain_twins import world
from tests.contract.chain_world import World, model_result, refusal, some_digest

__all__ = ["world"]


def sample(owner: SubstrateChain, permissions: Permissions, visibility: Visibility = Visibility.SHARED) -> AssetRef:
    """Register a Train sample of the owner's."""
    ref = AssetRef(owner=owner.account, digest=some_digest())
    kind, uri = AssetKind.DATA_SAMPLE, "cas:"
    owner.register_assets([Asset(ref=ref, kind=kind, label=Label.TRAIN, visibility=visibility, uri=uri)], permissions)
    return ref


def training_on(world: World, ref: AssetRef) -> Spec:
    spec = world.training_spec()
    return replace(spec, assets=(*spec.assets, ref))


def offered(world: World, spec: Spec) -> TaskId:
    return world.creator.create_task(world.terms(), spec)


def test_permissions_come_back_with_the_owner_among_them_and_never_change(world: World) -> None:
    digest = some_digest()
    given = Permissions(process=(world.creator.account,), logs=(), algos=(digest,))
    ref = sample(world.other, given)
    kept = world.worker.permissions(ref)
    assert kept == given.of(world.other.account)
    assert kept.process == (world.creator.account, world.other.account)
    assert kept.allows(Right.DOWNLOAD, world.worker.account)
    assert not kept.allows(Right.LOGS, world.creator.account)
    assert world.worker.permissions(sample(world.other, PUBLIC, Visibility.PRIVATE)) == PUBLIC

    (asset,) = (one for one in world.other.assets_of(world.other.account) if one.ref == ref)
    before = world.other.balance(world.other.account)
    world.other.register_assets([asset], given)
    assert world.other.balance(world.other.account) == before
    refused = refusal("PermissionsFixed", lambda: world.other.register_assets([asset], OWNER_ONLY))
    assert ref.digest in str(refused)


def test_a_creator_without_the_right_is_refused_with_asset_owner_and_right(world: World) -> None:
    ref = sample(world.other, OWNER_ONLY, Visibility.PRIVATE)
    refused = refusal("CreatorNotPermitted", lambda: offered(world, training_on(world, ref)))
    for word in (world.creator.account, ref.digest, ref.owner, "'process'"):
        assert word in str(refused)


def test_a_worker_without_the_right_is_refused_with_asset_owner_and_right(world: World) -> None:
    ref = sample(world.other, Permissions(process=(world.creator.account,)))
    task = offered(world, training_on(world, ref))
    refused = refusal("WorkerNotPermitted", lambda: world.worker.assign_task(task))
    for word in (world.worker.account, ref.digest, ref.owner, "'process'"):
        assert word in str(refused)
    assert world.other.assign_task(task).worker == world.other.account


def test_a_program_that_the_samples_owner_does_not_permit_is_named(world: World) -> None:
    ref = sample(world.other, Permissions(algos=()))
    refused = refusal("ProgramNotPermitted", lambda: offered(world, training_on(world, ref)))
    for word in (ref.digest, ref.owner, world.creator.account):
        assert word in str(refused)


def test_a_model_has_the_rights_that_its_inputs_give(world: World) -> None:
    accounts = (world.creator.account, world.worker.account)
    ref = sample(world.other, Permissions(process=(*accounts, world.other.account), logs=()))
    task = offered(world, training_on(world, ref))
    submission = world.worker.send_task_result(task, world.worker.assign_task(task).epoch, model_result())
    model = ModelId(submission=submission)
    rights = world.worker.permissions(model)
    assert set(rights.process or ()) == {*accounts, world.other.account}
    assert (rights.download, rights.logs) == (None, (world.other.account,))


def test_what_an_objective_admits_comes_back_and_decides_what_is_clean(world: World) -> None:
    metric, opener = world.registered(AssetKind.METRIC), world.registered(AssetKind.OPENER)
    test = world.registered(AssetKind.DATA_SAMPLE, Label.TEST)
    admits = Admits(owners=(world.worker.account,), algos=(some_digest(),))
    objective = world.creator.create_objective(
        name=f"admitting {some_digest()[:8]}",
        metric=metric.digest,
        opener=opener.digest,
        direction=Direction.HIGHER,
        tolerance=Decimal(0),
        samples=[test.digest],
        admits=admits,
    )
    assert world.other.admits(objective) == admits
    assert world.other.admits(world.objective()[0]) is None
    foreign = sample(world.other, PUBLIC)
    for spec, clean in ((world.training_spec(objective), True), (training_on(world, foreign), False)):
        task = world.creator.create_task(world.terms(Kind.TRAINING), replace(spec, objectives=(objective,)))
        submission = world.worker.send_task_result(task, world.worker.assign_task(task).epoch, model_result())
        model = world.worker.model(ModelId(submission=submission))
        assert model is not None
        assert (objective in model.clean_for) is clean


def given(world: World, spec: Spec, rights: Permissions) -> TaskId:
    return offered(world, replace(spec, rights=rights))


def delivered(worker: SubstrateChain, task: TaskId) -> ModelId:
    return ModelId(submission=worker.send_task_result(task, worker.assign_task(task).epoch, model_result()))


def test_a_creator_narrows_the_rights_on_a_tasks_models_and_not_who_works_on_it(world: World) -> None:
    creator, worker, other = (chain.account for chain in (world.creator, world.worker, world.other))
    ref = sample(world.other, Permissions(process=(creator, worker), logs=(creator,)))
    rights = Permissions(process=(other,), download=())
    task = given(world, training_on(world, ref), rights)
    spec = world.worker.spec(task)
    assert spec is not None
    assert spec.rights == rights.of(creator)
    made = Permissions(process=(creator, other), download=(creator,), logs=(creator, other))
    assert world.worker.task_rights(task) == made
    model = delivered(world.worker, task)
    assert world.worker.permissions(model) == made
    heir = offered(world, replace(world.training_spec(), models=(model,)))
    refused = refusal("WorkerNotPermitted", lambda: world.worker.assign_task(heir))
    for word in (worker, str(model), creator, "'process'"):
        assert word in str(refused)
    assert world.other.assign_task(heir).worker == other


def test_a_waiting_task_has_the_rights_on_the_models_to_come_and_names_the_parent(world: World) -> None:
    parent = given(world, world.training_spec(), Permissions(process=(world.other.account,)))
    child = replace(world.training_spec(), parents=(parent,))
    waiting = offered(world, child)
    assert world.worker.task_rights(waiting).process == (world.other.account, world.creator.account)
    terms = replace(world.terms(), assignee=world.worker.account)
    refused = refusal("WorkerNotPermitted", lambda: world.creator.create_task(terms, child))
    for word in (world.worker.account, f"task {parent}", world.creator.account, "'process'"):
        assert word in str(refused)


def test_rights_on_a_task_without_models_are_refused(world: World) -> None:
    annotation = replace(world.spec(), rights=OWNER_ONLY)
    refusal("RightsMisplaced", lambda: world.creator.create_task(world.terms(Kind.ANNOTATION), annotation))


def test_several_tasks_are_refused_with_asset_owner_and_right_as_one_is(world: World) -> None:
    creator, worker, good = world.creator.account, world.worker.account, (world.terms(), world.training_spec())
    for rule, permissions, assignee, lacks in (
        ("CreatorNotPermitted", OWNER_ONLY, None, creator),
        ("WorkerNotPermitted", Permissions(process=(creator,)), worker, worker),
        ("ProgramNotPermitted", Permissions(algos=()), None, creator),
    ):
        ref = sample(world.other, permissions)
        wrong = (replace(world.terms(), assignee=assignee), training_on(world, ref))
        refused = refusal(rule, partial(world.creator.create_tasks, [good, wrong]))
        for word in (lacks, ref.digest, ref.owner, "'process'"):
            assert word in str(refused), rule


def test_private_inputs_of_two_accounts_are_named_for_several_tasks_too(world: World) -> None:
    mine = sample(world.creator, PUBLIC, Visibility.PRIVATE)
    theirs = sample(world.other, PUBLIC, Visibility.PRIVATE)
    spec = training_on(world, theirs)
    wrong = (world.terms(), replace(spec, assets=(*spec.assets, mine)))
    good = (world.terms(), world.training_spec())
    refused = refusal("PrivateInputsDiffer", lambda: world.creator.create_tasks([good, wrong]))
    for word in (mine.digest, mine.owner, theirs.digest, theirs.owner):
        assert word in str(refused)


def test_the_price_of_rights_is_held_and_comes_back_with_the_purge(world: World) -> None:
    accounts = (world.creator.account, world.worker.account)
    spec = training_on(world, sample(world.other, Permissions(process=accounts)))
    narrowed = replace(spec, rights=Permissions(process=(world.worker.account,), logs=()))
    for wanted in (spec, narrowed):
        terms = world.terms()
        plain = world.creator.price(
            Draft(assets=(), objectives=(), plan=False, tasks=((terms, world.training_spec()),))
        )
        price = world.creator.price(Draft(assets=(), objectives=(), plan=False, tasks=((terms, wanted),)))
        assert price.specs > plain.specs
        before = world.creator.balance(world.creator.account)
        world.creator.create_task(terms, wanted)
        after = world.creator.balance(world.creator.account)
        assert after.held - before.held == price.escrow + price.specs + price.records
        assert before.free - after.free <= price.total
