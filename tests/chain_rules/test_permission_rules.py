"""Rules on permissions: who may process what, and which programs may run with a sample."""

from typing import Any

import pytest

from tests.chain_rules import calls
from tests.chain_rules.calls import TRAIN_SAMPLE, Spec, asset_input, model_input
from tests.chain_rules.codec import Case
from tests.chain_rules.scene import claim, create, deliver, digest_of, terms
from tests.chain_rules.world import Refused, World

SAMPLE, ALGO = digest_of("sample"), digest_of("algo")


def training(world: World, creator: bytes, *inputs: Any) -> int:
    offered = terms(world, judge=creator, kind="Training", window=0)
    return create(world, creator, offered, Spec(inputs=(asset_input(creator, ALGO), *inputs)))


def test_a_private_sample_is_for_its_owners_own_tasks_unless_it_says_more(world: World) -> None:
    creator, holder, *_ = world.accounts
    for account in (creator, holder):
        world.do(account, calls.register_asset(ALGO, "Algo"))
    world.do(holder, calls.register_asset(SAMPLE, TRAIN_SAMPLE, "Private"))
    with pytest.raises(Refused, match="CreatorNotPermitted"):
        training(world, creator, asset_input(holder, SAMPLE))
    claim(world, holder, training(world, holder, asset_input(holder, SAMPLE)))

    other = digest_of("permitted")
    world.do(holder, calls.register_permitted(other, TRAIN_SAMPLE, permissions=calls.processed_by(creator)))
    claim(world, holder, training(world, creator, asset_input(holder, other)))
    with pytest.raises(Refused, match="PermissionsFixed"):
        world.do(holder, calls.register_permitted(other, TRAIN_SAMPLE))


def test_a_shared_asset_without_permissions_is_for_everyone(world: World) -> None:
    creator, owner, worker, *_ = world.accounts
    world.do(creator, calls.register_asset(ALGO, "Algo"))
    world.do(owner, calls.register_asset(SAMPLE, TRAIN_SAMPLE))
    claim(world, worker, training(world, creator, asset_input(owner, SAMPLE)))


def test_a_worker_may_process_all_inputs_and_what_it_makes_is_for_those_who_may(world: World) -> None:
    creator, owner, worker, stranger, *_ = world.accounts
    for account in (creator, stranger):
        world.do(account, calls.register_asset(ALGO, "Algo"))
    permissions = calls.processed_by(creator, worker)
    world.do(owner, calls.register_permitted(SAMPLE, TRAIN_SAMPLE, "Shared", permissions))
    task = training(world, creator, asset_input(owner, SAMPLE))
    with pytest.raises(Refused, match="WorkerNotPermitted"):
        claim(world, stranger, task)
    model = deliver(world, worker, task, model=digest_of("model"))
    with pytest.raises(Refused, match="CreatorNotPermitted"):
        training(world, stranger, model_input(model))
    heir = training(world, creator, model_input(model))
    with pytest.raises(Refused, match="WorkerNotPermitted"):
        claim(world, stranger, heir)
    claim(world, owner, heir)


def test_a_sample_runs_with_programs_that_its_owner_permits(world: World) -> None:
    creator, owner, *_ = world.accounts
    for digest in (ALGO, digest_of("other")):
        world.do(creator, calls.register_asset(digest, "Algo"))
    permissions = calls.Permissions(algos=Case.of("Digests", (ALGO,)))
    world.do(owner, calls.register_permitted(SAMPLE, TRAIN_SAMPLE, permissions=permissions))
    training(world, creator, asset_input(owner, SAMPLE))
    with pytest.raises(Refused, match="ProgramNotPermitted"):
        training(world, creator, asset_input(owner, SAMPLE), asset_input(creator, digest_of("other")))
