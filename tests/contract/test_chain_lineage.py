"""A model's lineage as commands read it from a chain."""

from dataclasses import replace

import pytest

from node_runtime.cli.lineage import UNKNOWABLE, print_lineages
from node_runtime.creator.lineage import lineage_of, lineages
from node_runtime.creator.mentions import Mentions
from node_runtime.domain.assets import (
    Asset,
    AssetKind,
    AssetRef,
    Digest,
    Label,
    ModelId,
    SameBytes,
    SubmissionId,
    Visibility,
)
from node_runtime.domain.task import TaskId
from node_runtime.stores.memory import MemoryStore
from node_runtime.substrate.client import SubstrateChain
from tests.contract.chain_world import World, model_result, some_digest


def trained(world: World, *assets: AssetRef, models: tuple[ModelId, ...] = ()) -> tuple[TaskId, ModelId, Digest]:
    """Run a training; return its task, its model and the model's digest."""
    spec = world.training_spec()
    task = world.creator.create_task(world.terms(), replace(spec, assets=(*spec.assets, *assets), models=models))
    result = model_result()
    submission = world.worker.send_task_result(task, world.worker.assign_task(task).epoch, result)
    digest = result.output("model")
    assert digest is not None
    return task, ModelId(submission=submission), digest


def registered(chain: SubstrateChain, digest: Digest, kind: AssetKind) -> AssetRef:
    ref = AssetRef(owner=chain.account, digest=digest)
    asset = Asset(ref=ref, kind=kind, label=None, visibility=Visibility.SHARED, uri="cas:")
    chain.register_assets([asset])
    return ref


def test_a_lineage_walks_named_models_and_bytes_that_their_maker_registered_anew(world: World) -> None:
    _, first, digest = trained(world)
    _, second, _ = trained(world, models=(first,))
    bundle = registered(world.worker, digest, AssetKind.BUNDLE)
    _, third, _ = trained(world, bundle, models=(second,))

    found = lineage_of(world.other.model, third)
    assert found.complete
    assert [model.id for model in found.models] == [third, second, first]
    assert set(found.models[0].parents) == {second, first}
    assert set(found.models[0].input_owners) == {world.creator.account, world.worker.account}


def test_show_names_a_models_maker_its_inputs_owners_and_equal_bytes_of_others(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    _, first, digest = trained(world)
    copy = registered(world.other, digest, AssetKind.BUNDLE)
    task, heir, _ = trained(world, copy)

    made = lineages(world.other, world.other.submissions(task))
    assert made[0].models[0].same_bytes == (SameBytes(digest=digest, model=first),)
    print_lineages(made, Mentions(world.other, MemoryStore()))
    output = capsys.readouterr().out
    assert f"model {heir}" in output
    assert f"made by {world.worker.account}, paid for by {world.creator.account}" in output
    assert world.other.account in output
    assert f"same bytes {digest[:6]}…{digest[-4:]}: model {first}" in output
    assert UNKNOWABLE[:40] in output


def test_bytes_are_found_by_their_digest_as_models_and_as_an_objectives_samples(world: World) -> None:
    _, first, made = trained(world)
    copied = registered(world.other, made, AssetKind.BUNDLE)
    known = world.other.known_bytes(copied.digest)
    assert (known.model, known.objectives) == (SameBytes(digest=made, model=first), ())
    imported = registered(world.other, some_digest(), AssetKind.MODEL)
    assert world.worker.known_bytes(imported.digest).model == SameBytes(
        digest=imported.digest, importer=world.other.account
    )
    world.objective()
    objective, (_, _, sample) = world.objective()
    (found,) = world.worker.known_bytes(sample.digest).objectives
    assert (found.id, found.owner) == (objective, world.creator.account)
    known = world.worker.known_bytes(world.registered(AssetKind.DATA_SAMPLE, Label.TRAIN).digest)
    assert (known.model, known.objectives) == (None, ()), "a Train sample isn't found by its digest"


def test_an_asset_other_than_a_model_has_no_lineage(world: World) -> None:
    assert lineage_of(world.other.model, ModelId(submission=SubmissionId(9999))).models == ()


def test_every_model_and_every_assets_bytes_are_found_whoever_they_are_of(world: World) -> None:
    task = world.training()
    submission = world.worker.send_task_result(task, world.worker.assign_task(task).epoch, model_result())
    model, spec = world.creator.model(ModelId(submission=submission)), world.creator.spec(task)
    assert spec is not None
    assert model is not None
    assert model in world.other.every_model()
    assert {asset.digest for asset in spec.assets} <= world.other.asset_digests()
