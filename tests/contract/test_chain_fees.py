"""Costs announced before transactions are sent: the maximum fee, and the exact price of stored bytes."""

from dataclasses import replace
from decimal import Decimal

from node_runtime.domain.assets import AssetKind, Direction, Label, ModelId, Objective, ObjectiveId
from node_runtime.domain.permissions import Admits, Permissions
from node_runtime.domain.price import Draft
from node_runtime.domain.task import UNIT, Balance, Kind
from node_runtime.substrate.client import SubstrateChain, connect
from tests.contract.chain_world import REWARD, World, model_result


def test_the_maximum_fee_is_announced_before_the_transaction_is_sent(world: World, shared_url: str) -> None:
    messages: list[tuple[str, int]] = []
    wealth_then: list[int] = []

    def tell(doing: str, most: int) -> None:
        messages.append((doing, most))
        wealth_then.append(wealth())

    def wealth() -> int:
        balance = world.creator.balance(world.worker.account)
        return balance.free + balance.held

    worker = connect(shared_url, "//Bob", tell_fee=tell)
    try:
        before = wealth()
        task = world.creator.create_task(world.terms(), world.training_spec())
        hold = worker.assign_task(task)
        between = wealth()
        worker.hand_back(task, hold.epoch)
    finally:
        worker.close()
    assert [doing for doing, _ in messages] == [f"take task {task}", f"hand back task {task}"]
    assert wealth_then == [before, between]
    assert 0 < before - between <= messages[0][1] < UNIT // 50


def spent(chain: SubstrateChain, before: Balance) -> tuple[int, int]:
    """Return how much the account's free balance fell and its held balance rose."""
    now = chain.balance(chain.account)
    return before.free - now.free, now.held - before.held


def test_assets_an_objective_and_a_plan_cost_the_announced_price(world: World) -> None:
    metric, opener = world.asset(AssetKind.METRIC), world.asset(AssetKind.OPENER)
    samples = tuple(world.asset(AssetKind.DATA_SAMPLE, Label.TEST) for _ in range(70))
    objective = Objective(
        id=ObjectiveId(0),
        owner=world.creator.account,
        name=f"größer {metric.ref.digest[:20]}",
        metric=metric.ref.digest,
        opener=opener.ref.digest,
        direction=Direction.HIGHER,
        tolerance=Decimal("0.001"),
        samples=tuple(sample.ref.digest for sample in samples),
    )
    world.creator.register_assets([opener])
    permitted = Permissions(process=(world.worker.account,), algos=(opener.ref.digest,))
    admits = Admits(owners=(world.worker.account,), algos=())
    draft = Draft(
        assets=(metric, opener, *samples),
        objectives=(objective,),
        plan=True,
        tasks=(),
        permissions={samples[0].ref: permitted},
        admits={objective.name: admits},
    )
    price, before = world.creator.price(draft), world.creator.balance(world.creator.account)
    world.creator.register_assets([metric, opener, *samples[1:]])
    world.creator.register_assets(samples[:1], permitted)
    world.creator.create_objective(
        name=objective.name,
        metric=objective.metric,
        opener=objective.opener,
        direction=objective.direction,
        tolerance=objective.tolerance,
        samples=objective.samples,
        admits=admits,
    )
    world.creator.create_plan()
    taken, held = spent(world.creator, before)
    assert (price.transactions, price.escrow, price.specs, price.records, held) == (4, 0, 0, 0, 0)
    assert 0 <= price.total - taken < 2 * UNIT // 100_000  # two bytes' price: nonces take less room than is told


def test_a_tasks_hold_is_the_announced_price_for_every_kind_and_its_fee_within_the_maximum(world: World) -> None:
    objective, (metric, opener, sample) = world.objective()
    algo, model = world.registered(AssetKind.ALGO), world.registered(AssetKind.MODEL)
    bundle, train = world.registered(AssetKind.BUNDLE), world.registered(AssetKind.DATA_SAMPLE, Label.TRAIN)
    trained = world.creator.create_task(world.terms(), world.training_spec(objective))
    made = world.worker.send_task_result(trained, world.worker.assign_task(trained).epoch, model_result())
    measured = replace(
        world.spec(algo, metric, opener, sample),
        models=(ModelId(submission=made, output=0),),
        objectives=(objective,),
    )
    for kind, spec in (
        (Kind.TRAINING, world.training_spec(objective)),
        (Kind.SCORING, measured),
        (Kind.SCORING, world.spec(algo, metric, opener, train, model)),
        (Kind.ANNOTATION, world.spec(bundle, algo)),
    ):
        terms = replace(world.terms(kind), slots=3, reward=REWARD + 1, max_rejects=2)
        price = world.creator.price(Draft(assets=(), objectives=(), plan=False, tasks=((terms, spec),)))
        before = world.creator.balance(world.creator.account)
        world.creator.create_task(terms, spec)
        taken, held = spent(world.creator, before)
        assert price.rewards == 3 * (REWARD + 1)
        assert held == price.escrow + price.specs + price.records
        assert held < taken <= price.total
        assert bool(price.records) is (kind is Kind.TRAINING or spec is measured)
