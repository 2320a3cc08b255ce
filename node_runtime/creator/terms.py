"""The terms of a task on chain, and the price of a submission before anything is sent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from node_runtime.domain.assets import Account, Digest, ObjectiveId
from node_runtime.domain.document import Document, asset_ref
from node_runtime.domain.permissions import PUBLIC, Permissions
from node_runtime.domain.price import Bounds, Price
from node_runtime.domain.task import UNIT, Kind, PlanId, Review, Spec, TaskId, Terms
from node_runtime.domain.units import amount, at_most
from node_runtime.errors import ChainRefused
from node_runtime.kinds import TaskSpec
from node_runtime.spec.common import DAY
from node_runtime.spec.feasibility import attempt_time


def terms_of(spec: TaskSpec, *, creator: Account, now: int, plan: PlanId | None) -> Terms:
    """Return the terms of a spec. ``now`` in ms."""
    return Terms(
        kind=Kind(spec.kind_name),
        reward=spec.reward,
        bond=spec.worker_bond,
        slots=spec.slots,
        max_rejects=spec.rejects,
        max_failures=spec.failures,
        review=_review(spec, creator),
        deadline=now + spec.deadline,
        timeout=attempt_time(spec),
        plan=plan,
        assignee=spec.assign_to,
    )


def chain_spec(
    document: Document,
    digest: Digest,
    uri: str,
    *,
    objectives: tuple[ObjectiveId, ...],
    rights: Permissions = PUBLIC,
) -> Spec:
    """Return the on-chain spec: exactly the assets, models and tasks that the document names.

    ``rights`` are given on what the task makes.
    """
    parents = [model.task for model in document.models if model.task is not None]
    return Spec(
        digest=digest,
        uri=uri,
        assets=tuple(dict.fromkeys(asset_ref(key) for key in document.asset_keys())),
        models=document.recorded_models(),
        parents=tuple(map(TaskId, dict.fromkeys(parents))),
        objectives=objectives,
        roles=document.task_roles(),
        rights=rights,
    )


def _review(spec: TaskSpec, creator: Account) -> Review:
    validation = spec.validation
    if validation.custom is not None:
        return Review(judge=validation.custom.judge, window=validation.custom.window)
    return Review(judge=creator, window=validation.manual.window if validation.manual is not None else 0)


@dataclass(frozen=True, kw_only=True)
class Escrow:
    """What the chain holds of a task's creator, and its parts: amounts in base units.

    ``rewards`` are one ``reward`` for each of the ``slots``; ``rejections`` one ``rejection``, the creator's fee for
    rejecting a result, for each of the ``max_rejects``.
    """

    slots: int
    reward: int
    rewards: int
    max_rejects: int
    rejection: int
    rejections: int
    total: int


def escrow_of(spec: TaskSpec, bounds: Bounds) -> Escrow:
    rejection = bounds.rejection(spec.reward)
    rewards, rejections = spec.slots * spec.reward, spec.rejects * rejection
    return Escrow(
        slots=spec.slots,
        reward=spec.reward,
        rewards=rewards,
        max_rejects=spec.rejects,
        rejection=rejection,
        rejections=rejections,
        total=rewards + rejections,
    )


def escrow(specs: Sequence[TaskSpec], bounds: Bounds) -> int:
    """Return the base units that the chain holds for the tasks' rewards and rejection fees."""
    return sum(escrow_of(spec, bounds).total for spec in specs)


def blocking(spec: TaskSpec) -> int:
    """Return the cost in base units of blocking a slot of the task for a day without submitting a result.

    Each attempt without a result forfeits a quarter of its bond and blocks the slot for at most the attempt timeout.
    """
    return spec.worker_bond * DAY // (4 * attempt_time(spec))


def check_balance(price: Price, free: int, account: Account) -> None:
    """Raise `ChainRefused` with the missing amount before anything is sent."""
    missing = price.total + price.kept - free
    if missing > 0:
        raise ChainRefused(
            "TooLittleBalance",
            f"this costs at most {amount(price.total)}, of which {amount(price.escrow)} are rewards and the fees of "
            f"rejections, and {amount(price.kept)} has to stay on an account; {account} has {amount(free)} free",
            remedy=f"send at least {amount(missing)} more to it, e.g. by 'node-runtime pay {account} "
            f"{-(-missing // UNIT)}' with another account's --key; or offer less",
        )


def price_lines(price: Price) -> Iterator[str]:
    """Yield a line for the total and one for each part; amounts in UNIT, rounded up."""
    yield f"this costs at most {at_most(price.total)}"
    parts = (
        ("rewards", price.rewards, "held; what isn't earned comes back"),
        ("fees of rejections", price.rejections, "held; what isn't needed comes back"),
        ("bytes of specs", price.specs, "held until 'node-runtime purge' of their tasks"),
        ("bytes of results", price.records, "held; what isn't needed comes back"),
        ("bytes of assets", price.bytes, "paid once, with objectives and the plan"),
        ("transaction fees", price.fees, "paid, or less"),
    )
    shown = [(name, at_most(units).removesuffix(" UNIT"), use) for name, units, use in parts if units]
    wide = max((len(number) for _, number, _ in shown), default=0)
    for name, number, use in shown:
        yield f"  {name:<20}{number:<{wide}}  {use}"
