"""Contract of the port `Chain` for assets and objectives, against a chain behind a server and one in memory."""

from dataclasses import replace
from decimal import Decimal

from node_runtime.domain.assets import (
    AssetKind,
    AssetRef,
    Label,
    Visibility,
)
from tests.contract.chain_twins import world
from tests.contract.chain_world import (
    World,
    refusal,
    some_digest,
)

__all__ = ["world"]


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
    assert objective.name.startswith("Ziffern größer 0x10 ")
    assert objective.tolerance == Decimal("0.001")
    assert (objective.metric, objective.opener, objective.samples) == (metric.digest, opener.digest, (sample.digest,))
    assert objective in world.other.objectives_of(world.creator.account)


def test_a_test_sample_is_refused_for_training(world: World) -> None:
    objective, (_, _, sample) = world.objective()
    spec = world.training_spec(objective)
    refusal(
        "TestSampleInTraining",
        lambda: world.creator.create_task(world.terms(), replace(spec, assets=(*spec.assets, sample))),
    )


def test_private_inputs_of_two_accounts_are_refused_naming_both(world: World) -> None:
    owned = []
    for chain in (world.worker, world.other):
        ref = AssetRef(owner=chain.account, digest=some_digest())
        asset = replace(world.asset(AssetKind.DATA_SAMPLE, Label.TRAIN), ref=ref, visibility=Visibility.PRIVATE)
        chain.register_assets([asset])
        owned.append(ref)
    spec = world.training_spec()
    spec = replace(spec, assets=(*spec.assets, *owned))
    refused = refusal("PrivateInputsDiffer", lambda: world.creator.create_task(world.terms(), spec))
    assert all(ref.owner in str(refused) and ref.digest in str(refused) for ref in owned)


def test_another_uri_is_refused_until_the_asset_is_moved(world: World) -> None:
    asset = world.asset(AssetKind.ALGO)
    world.creator.register_assets([asset])
    elsewhere = replace(asset, uri="https://example.org/algo")
    refusal("OtherUri", lambda: world.creator.register_assets([elsewhere]))
    world.creator.move_asset(asset.ref.digest, elsewhere.uri)
    world.creator.register_assets([elsewhere])
    assert world.other.asset(asset.ref) == elsewhere
