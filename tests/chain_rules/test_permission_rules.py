"""Rules on permissions: who may process what, and which programs may run with a sample."""

from typing import Any

import pytest

from tests.chain_rules import calls
from tests.chain_rules.calls import TRAIN_SAMPLE, Rights, Spec, asset_input, model_input, only
from tests.chain_rules.codec import Case
from tests.chain_rules.scene import claim, create, deliver, digest_of, status, terms
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


def giving(world: World, creator: bytes, rights: Rights, *, parents: tuple[int, ...] = (), **more: Any) -> int:
    """A training of the creator's algo with rights on its model; its id."""
    offered = terms(world, judge=creator, kind="Training", window=0, **more)
    spec = Spec(inputs=(asset_input(creator, ALGO),), parents=parents)
    sealed = world.do(creator, calls.create_task_with_rights(offered, spec, rights))
    return int(next(event.fields.task for event in sealed.events if event.name == "TaskCreated"))


def test_a_creator_narrows_who_may_use_a_model_and_not_who_works_on_it(world: World) -> None:
    creator, worker, friend, stranger, *_ = world.accounts
    for account in (creator, stranger):
        world.do(account, calls.register_asset(ALGO, "Algo"))
    task = giving(world, creator, Rights(process=only(friend), download=only()))
    model = deliver(world, worker, task, model=digest_of("model"))
    rights = world.state.registry("ModelRights")[model, 0]
    assert (rights.process.values[0], rights.download.values[0], rights.logs) == (
        (friend, creator),
        (creator,),
        "Public",
    )
    with pytest.raises(Refused, match="CreatorNotPermitted"):
        training(world, stranger, model_input(model))
    heir = training(world, creator, model_input(model))
    with pytest.raises(Refused, match="WorkerNotPermitted"):
        claim(world, worker, heir)
    claim(world, friend, heir)


def test_a_child_is_for_those_who_may_use_the_models_to_come(world: World) -> None:
    creator, worker, friend, *_ = world.accounts
    world.do(creator, calls.register_asset(ALGO, "Algo"))
    parent = giving(world, creator, Rights(process=only(friend, worker)))
    with pytest.raises(Refused, match="WorkerNotPermitted"):
        giving(world, creator, Rights(), parents=(parent,), assignee=world.accounts[4])
    child = giving(world, creator, Rights(process=only(worker)), parents=(parent,))
    deliver(world, world.accounts[3], parent, model=digest_of("parent"))
    with pytest.raises(Refused, match="WorkerNotPermitted"):
        claim(world, world.accounts[3], child)
    model = deliver(world, friend, child, model=digest_of("child"))
    process = world.state.registry("ModelRights")[model, 0].process
    assert process.values[0] == (worker, creator)


def test_an_annotation_is_for_those_who_may_use_its_parents_models(world: World) -> None:
    creator, worker, friend, *_ = world.accounts
    world.do(creator, calls.register_asset(ALGO, "Algo"))
    parent = giving(world, creator, Rights(process=only(friend)))
    with pytest.raises(Refused, match="WorkerNotPermitted"):
        create(world, creator, terms(world, judge=creator, assignee=worker), Spec(parents=(parent,)))
    annotation = create(world, creator, terms(world, judge=creator), Spec(parents=(parent,)))
    deliver(world, worker, parent, model=digest_of("model"))
    with pytest.raises(Refused, match="WorkerNotPermitted"):
        claim(world, worker, annotation)
    claim(world, friend, annotation)


def test_rights_are_for_tasks_that_make_models_and_for_32_accounts(world: World) -> None:
    creator = world.accounts[0]
    offered = terms(world, judge=creator)
    with pytest.raises(Refused, match="RightsMisplaced"):
        world.do(creator, calls.create_task_with_rights(offered, Spec(), Rights()))
    world.do(creator, calls.register_asset(ALGO, "Algo"))
    many = tuple(digest_of(f"account {number}") for number in range(32))
    with pytest.raises(Refused, match="TooManyAccounts"):
        giving(world, creator, Rights(logs=only(*many)))
    giving(world, creator, Rights(logs=only(*many[1:])))


def test_the_bytes_of_rights_are_held_until_the_task_is_purged(world: World) -> None:
    creator, worker, *_ = world.accounts
    world.do(creator, calls.register_asset(ALGO, "Algo"))
    plain, given = giving(world, creator, Rights()), giving(world, creator, Rights(process=only(worker)))
    held = [world.state.tasks("Tasks")[task].bytes for task in (plain, given)]
    fee, bytes_of_rights = world.schema.constant("Registry", "ByteFee"), 1 + 1 + 2 * 32 + 1 + 1
    assert held[1].spec - held[0].spec == fee * bytes_of_rights
    assert held[1].records - held[0].records == fee * bytes_of_rights
    for task in (plain, given):
        world.do(creator, calls.cancel_task(task, abort=False))
        assert status(world, task) == "Cancelled"
    world.pass_time(8 * calls.DAY)
    for task in (plain, given):
        world.do(creator, calls.purge_task(task))
    assert world.state.held(creator, "Bytes") == 0
    assert not world.state.tasks("OutputRights")
