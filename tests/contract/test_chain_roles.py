"""Contract of the port `Chain` for tasks that declare roles: what is created comes back, and refusals are explained."""

from dataclasses import replace
from decimal import Decimal

import pytest

from node_runtime.domain.assets import AssetKind, ModelId, SubmissionId
from node_runtime.domain.price import Draft
from node_runtime.domain.task import (
    Kind,
    Output,
    OutputKind,
    OutputRole,
    Perf,
    Result,
    Roles,
    Spec,
    Take,
    TaskId,
)
from tests.contract.chain_twins import world
from tests.contract.chain_world import World, refusal, some_digest

__all__ = ["world"]

HEAD = OutputRole(name="head", kind=OutputKind.MODEL, private=True)
TRUNK = OutputRole(name="trunk", kind=OutputKind.MODEL)
ACCURACY = OutputRole(name="accuracy", kind=OutputKind.PERFORMANCE)


def function(world: World, *outputs: OutputRole, takes: tuple[Take, ...] = ()) -> Spec:
    """Return the spec of a function that declares these outputs."""
    parents = tuple(dict.fromkeys(take.parent for take in takes))
    program = world.registered(AssetKind.FUNCTION)
    return replace(world.spec(program), parents=parents, roles=Roles(outputs=outputs, takes=takes))


def created(world: World, spec: Spec) -> TaskId:
    return world.creator.create_task(world.terms(Kind.FUNCTION), spec)


def done(world: World, task: TaskId) -> SubmissionId:
    """Take the task as the worker and send each declared output."""
    spec = world.worker.spec(task)
    assert spec is not None
    assert spec.roles is not None
    declared = spec.roles.outputs
    outputs = tuple(Output(name=one.name, digest=some_digest()) for one in declared if one.kind is OutputKind.MODEL)
    perfs = tuple(Perf(name=one.name, value=Decimal(1)) for one in declared if one.kind is OutputKind.PERFORMANCE)
    result = Result(digest=some_digest(), outputs=outputs, uri="cas:", perfs=perfs)
    return world.worker.send_task_result(task, world.worker.assign_task(task).epoch, result)


def test_roles_come_back_as_declared_and_tasks_without_have_none(world: World) -> None:
    first = created(world, function(world, HEAD, ACCURACY, TRUNK))
    spec = function(world, TRUNK, takes=(Take(parent=first), Take(parent=first, output=2)))
    second = created(world, spec)
    assert world.other.spec(second) == spec
    record = world.other.record(second)
    assert record is not None
    assert record.spec == spec
    assert spec.output(0) == TRUNK
    assert spec.output(1) is None
    plain = world.other.spec(world.training())
    assert plain is not None
    assert plain.roles is None
    assert second in world.other.open_tasks(Kind.FUNCTION) or world.other.task(second) is not None


def test_a_submissions_models_are_found_by_their_outputs(world: World) -> None:
    submission = done(world, created(world, function(world, HEAD, ACCURACY, TRUNK)))
    head, trunk = world.other.models_of(submission)
    assert (head.id, head.private) == (ModelId(submission=submission), True)
    assert (trunk.id, trunk.private) == (ModelId(submission=submission, output=2), False)
    assert world.other.model(head.id) == head
    named = world.other.named_by(replace(world.spec(), models=(trunk.id, head.id)))
    assert dict(named.models) == {trunk.id: trunk, head.id: head}
    assert world.other.models_of(SubmissionId(9999)) == ()


def test_the_price_of_a_function_is_held(world: World) -> None:
    spec, terms = function(world, HEAD, ACCURACY, TRUNK), world.terms(Kind.FUNCTION)
    price = world.creator.price(Draft(assets=(), objectives=(), plan=False, tasks=((terms, spec),)))
    before = world.creator.balance(world.creator.account)
    world.creator.create_task(terms, spec)
    after = world.creator.balance(world.creator.account)
    assert after.held - before.held == price.escrow + price.specs + price.records
    assert before.free - after.free <= price.total


def test_a_head_that_cannot_reach_its_worker_is_explained(world: World) -> None:
    task = created(world, function(world, HEAD))
    submission = done(world, task)
    elsewhere = replace(world.terms(Kind.FUNCTION), assignee=world.other.account)
    spec = replace(function(world, TRUNK), models=(ModelId(submission=submission),))
    refused = refusal("PrivateInputsDiffer", lambda: world.creator.create_task(elsewhere, spec))
    assert f"{world.worker.account} holds model {submission}" in str(refused)

    assigned = replace(world.terms(Kind.FUNCTION), assignee=world.worker.account)
    awaited = world.creator.create_task(assigned, function(world, HEAD))
    spec = function(world, TRUNK, takes=(Take(parent=awaited),))
    refused = refusal("PrivateInputsDiffer", lambda: world.creator.create_task(elsewhere, spec))
    assert f"{world.worker.account} holds 'head' of task {awaited}" in str(refused)


@pytest.mark.parametrize(
    ("rule", "outputs", "words"),
    [
        ("RolesMisplaced", (), "a function declares outputs"),
        ("OutputNamedTwice", (TRUNK, TRUNK), "two outputs have the same name"),
    ],
)
def test_what_may_not_be_declared_is_refused_with_a_reason(
    world: World, rule: str, outputs: tuple[OutputRole, ...], words: str
) -> None:
    refused = refusal(rule, lambda: created(world, function(world, *outputs)))
    assert words in str(refused)
