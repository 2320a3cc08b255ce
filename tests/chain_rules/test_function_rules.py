"""Rules of tasks that declare roles: functions, predictions and their scores, composites."""

from typing import Any

import pytest

from tests.chain_rules import calls
from tests.chain_rules.calls import Output, OutputRole, Perf, Roles, Spec, Take, asset_input, model_input
from tests.chain_rules.scene import Laboratory, claim, deliver, digest_of, found_laboratory, status, terms
from tests.chain_rules.scene import create as create_plain
from tests.chain_rules.world import Refused, World

COMPOSITE = (OutputRole(name=b"head", private=True), OutputRole(name=b"trunk"))
PREDICTIONS = (OutputRole(name=b"predictions"),)
PERFORMANCE = (OutputRole(name=b"performance", kind="Performance"),)


@pytest.fixture
def laboratory(world: World) -> Laboratory:
    return found_laboratory(world, world.accounts[0])


def create(
    world: World, spec: Spec, outputs: tuple[OutputRole, ...], *takes: Take, kind: str = "Function", **more: Any
) -> int:
    """A task of the first account that declares these roles, accepted at once; its id."""
    creator = world.accounts[0]
    offered = terms(world, judge=creator, kind=kind, window=0, **more)
    sealed = world.do(creator, calls.create_task_with_roles(offered, spec, Roles(outputs=outputs, takes=takes)))
    return int(next(event.fields.task for event in sealed.events if event.name == "TaskCreated"))


def finish(world: World, worker: bytes, task: int) -> int:
    """Claim, and send each declared output; the submission's id."""
    roles = world.state.tasks("TaskRoles")[task].outputs
    outputs = tuple(Output(name=role.name, digest=digest_of(f"{task} {role.name}")) for role in roles
                    if role.kind == "Model")  # fmt: skip
    perfs = tuple(Perf(name=role.name, value=7) for role in roles if role.kind == "Performance")
    epoch = claim(world, worker, task)
    world.do(worker, calls.send_result(task, epoch, outputs=outputs, perfs=perfs))
    return max(int(number) for of, number in world.state.tasks("Submissions") if of == task)


def predicting(laboratory: Laboratory, *more: Any) -> Spec:
    """An algo on the objective's opener and Test samples."""
    own = (laboratory.algo, laboratory.opener, *laboratory.tests)
    inputs = tuple(asset_input(laboratory.owner, digest) for digest in own)
    return Spec(inputs=(*inputs, *more), objectives=(laboratory.objective,))


def trained(world: World, laboratory: Laboratory) -> int:
    creator, trainer, *_ = world.accounts
    offered = terms(world, judge=creator, kind="Training", window=0)
    task = create_plain(world, creator, offered, laboratory.training())
    return deliver(world, trainer, task, model=digest_of("model"))


def test_a_function_declares_its_outputs_and_others_only_what_fits_them(world: World, laboratory: Laboratory) -> None:
    spec = laboratory.training()
    with pytest.raises(Refused, match="RolesMisplaced"):
        create(world, spec, ())
    with pytest.raises(Refused, match="RolesMisplaced"):
        create(world, spec, PERFORMANCE, kind="Training")
    creator = world.accounts[0]
    with pytest.raises(Refused, match="RolesMisplaced"):
        create_plain(world, creator, terms(world, judge=creator, kind="Function"), spec)


def test_each_model_of_a_result_is_recorded_and_taken_under_its_place(world: World, laboratory: Laboratory) -> None:
    worker = world.accounts[1]
    outputs = (OutputRole(name=b"a"), *PERFORMANCE, OutputRole(name=b"b"))
    task = create(world, laboratory.training(), outputs)
    child = Spec(inputs=laboratory.training().inputs, parents=(task,))
    with pytest.raises(Refused, match="ParentMakesNoModel"):
        create(world, child, PREDICTIONS, Take(parent=task, output=1))
    with pytest.raises(Refused, match="TakesDiffer"):
        create(world, child, PREDICTIONS)
    heir = create(world, child, PREDICTIONS, Take(parent=task, output=2))
    submission = finish(world, worker, task)
    assert {place for of, place in world.state.registry("Models") if of == submission} == {0, 2}
    made = finish(world, worker, heir)
    (parent,) = world.state.registry("Models")[made, 0].parents
    assert (parent.submission, parent.output) == (submission, 2)


def test_a_result_has_exactly_the_declared_performances(world: World, laboratory: Laboratory) -> None:
    worker = world.accounts[1]
    task = create(world, Spec(inputs=laboratory.training().inputs), PERFORMANCE)
    epoch = claim(world, worker, task)
    for perfs in ((), (Perf(name=b"all", value=1),), (Perf(name=b"performance", value=1), Perf(name=b"x", value=1))):
        with pytest.raises(Refused, match="ScoreMisplaced"):
            world.do(worker, calls.send_result(task, epoch, perfs=perfs))
    world.do(worker, calls.send_result(task, epoch, perfs=(Perf(name=b"performance", value=1),)))
    assert status(world, task) == "Done"


def test_a_function_on_test_samples_makes_a_model_that_is_not_clean_for_them(
    world: World, laboratory: Laboratory
) -> None:
    elsewhere = found_laboratory(world, world.accounts[4], "letters")
    leaked = asset_input(laboratory.owner, laboratory.tests[0])
    both = (laboratory.objective, elsewhere.objective)
    spec = Spec(inputs=(*laboratory.training().inputs, leaked), objectives=both)
    submission = finish(world, world.accounts[1], create(world, spec, PREDICTIONS))
    assert tuple(world.state.registry("Models")[submission, 0].clean_for) == (elsewhere.objective,)


def test_a_prediction_is_scored_by_its_objectives_metric_and_certified(world: World, laboratory: Laboratory) -> None:
    _, trainer, stranger, *_ = world.accounts
    model = trained(world, laboratory)
    prediction = finish(world, stranger, create(world, predicting(laboratory, model_input(model)), PREDICTIONS))
    scoring = create(world, laboratory.scoring(model_input(prediction)), PERFORMANCE)
    submission = finish(world, stranger, scoring)
    score = world.state.registry("Scores")[laboratory.objective, submission]
    assert (score.model.submission, score.voucher) == (model, "Independent")

    own = finish(world, trainer, create(world, laboratory.scoring(model_input(prediction)), PERFORMANCE))
    assert world.state.registry("Scores")[laboratory.objective, own].voucher == "Own"
    with pytest.raises(Refused, match="NotAPrediction"):
        create(world, laboratory.scoring(model_input(model)), PERFORMANCE)
    with pytest.raises(Refused, match="NotTheObjectives"):
        create(world, predicting(laboratory, model_input(prediction)), PERFORMANCE)


def test_a_head_goes_to_its_worker_only_and_a_trunk_to_anyone(world: World, laboratory: Laboratory) -> None:
    _, holder, other, *_ = world.accounts
    first = create(world, laboratory.training(), COMPOSITE, kind="Training")
    again = Spec(inputs=laboratory.training().inputs, parents=(first,))
    both = (Take(parent=first), Take(parent=first, output=1))
    second = create(world, again, COMPOSITE, *both, kind="Training")
    merging = Spec(inputs=(asset_input(laboratory.owner, laboratory.algo),), parents=(first,))
    merged = create(world, merging, (), Take(parent=first, output=1), kind="Aggregation")
    submission = finish(world, holder, first)
    world.pass_time(1)

    assert (holder, second) in world.state.tasks("Offers")
    with pytest.raises(Refused, match="NotOffered"):
        claim(world, other, second)
    claim(world, other, merged)
    head = Spec(inputs=(*laboratory.training().inputs, model_input(submission)))
    later = create(world, head, PREDICTIONS)
    assert (holder, later) in world.state.tasks("Offers")
    with pytest.raises(Refused, match="PrivateInputsDiffer"):
        create(world, head, PREDICTIONS, assignee=other)
    with pytest.raises(Refused, match="CompositeInputs"):
        create(world, again, COMPOSITE, Take(parent=first), kind="Training")
    with pytest.raises(Refused, match="CompositeInputs"):
        create(world, merging, (), Take(parent=first), kind="Aggregation")
