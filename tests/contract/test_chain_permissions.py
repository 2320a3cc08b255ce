"""Contract of the port `Chain` for permissions: they come back as given, and refusals name asset, owner and right."""

from dataclasses import replace
from decimal import Decimal

from node_runtime.domain.assets import Asset, AssetKind, AssetRef, Direction, Label, ModelId, Visibility
from node_runtime.domain.permissions import OWNER_ONLY, PUBLIC, Admits, Permissions, Right
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
