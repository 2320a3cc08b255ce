"""Price of a draft by the chain's constants: rewards, rejections, storage deposits and fees."""

from collections.abc import Callable, Iterable, Sequence

from node_runtime.domain.assets import Account, Asset, Objective
from node_runtime.domain.permissions import PUBLIC, Admits, Permissions
from node_runtime.domain.price import Draft, Price
from node_runtime.domain.task import Kind, OutputKind, Spec, Terms
from node_runtime.kinds import makes_model

from . import encode
from .codec import Call, Codec

_ID = 8  # bytes of the id of an objective or a plan
_ACCOUNT = _DIGEST = 32  # bytes


def price_of(
    draft: Draft,
    new: Sequence[Asset],
    calls: Sequence[Call],
    rights: Sequence[Permissions],
    *,
    payer: Account,
    codec: Codec,
    fee: Callable[[Call], int],
) -> Price:
    """Price a draft. ``new`` are its assets not yet on chain, ``calls`` the calls that ``payer`` sends.

    ``rights`` are, for each task, those that its inputs on chain give.
    """
    inputs = _with_parents(draft, rights)
    byte, percent = codec.constants("Registry")["ByteFee"], codec.constants("Tasks")["RejectFee"]
    paid = [_asset(one, draft.permissions.get(one.ref, PUBLIC), codec) for one in new]
    paid += [_objective(one, draft.admits.get(one.name), codec) for one in draft.objectives]
    if draft.plan:
        paid.append(_plan(payer, codec))
    tasks = [(*task, each) for task, each in zip(draft.tasks, inputs, strict=True)]
    specs = [_spec(spec, each, codec) for _, spec, each in tasks]
    records = [terms.slots * _record(terms, spec, each, codec) for terms, spec, each in tasks]
    return Price(
        rewards=sum(terms.slots * terms.reward for terms, _ in draft.tasks),
        rejections=sum(_rejections(terms, percent) for terms, _ in draft.tasks),
        specs=byte * sum(specs),
        records=byte * sum(records),
        bytes=byte * sum(paid),
        fees=sum(map(fee, calls)),
        transactions=len(calls),
        kept=codec.constants("Balances")["ExistentialDeposit"],
    )


def _rejections(terms: Terms, percent: int) -> int:
    return terms.max_rejects * -(-terms.reward * percent // 100)


def _with_parents(draft: Draft, rights: Sequence[Permissions]) -> list[Permissions]:
    """Return the rights that all inputs of each task give; of one with parents in the draft at least as long ones."""
    given = [*rights, *(spec.rights for _, spec in draft.tasks)]

    def longest(listed: Iterable[tuple[Account, ...] | None]) -> tuple[Account, ...] | None:
        return max((accounts for accounts in listed if accounts is not None), key=len, default=None)

    most = Permissions(
        process=longest(each.process for each in given),
        download=longest(each.download for each in given),
        logs=longest(each.logs for each in given),
    )
    tasks = zip(draft.tasks, rights, strict=True)
    return [each.or_else(most) if spec.parents else each for (_, spec), each in tasks]


def _rights(rights: Permissions, codec: Codec) -> int:
    return 0 if rights == PUBLIC else codec.size("Tasks", "TaskRights", encode.rights(rights))


def _record(terms: Terms, spec: Spec, rights: Permissions, codec: Codec) -> int:
    """Return the maximum size in bytes of the permanent records of an accepted result."""
    known = codec.constants("Registry")
    if models := _models(terms.kind, spec):
        prediction = known["MaxPredictionRecord"] if terms.kind is Kind.FUNCTION else 0
        return models * (known["MaxModelRecord"] + prediction + _rights(rights.narrowed(spec.rights), codec))
    if terms.kind not in (Kind.SCORING, Kind.FUNCTION) or not spec.objectives:
        return 0
    payer = terms.review.judge  # any account: the record's length is constant
    score = {"model": {"submission": 0, "output": 0}, "value": 0, "voucher": "Own", "scorer": payer, "payer": payer}
    return codec.size("Registry", "Scores", score | {"at": 0})


def _models(kind: Kind, spec: Spec) -> int:
    """Return the number of models that an accepted result makes."""
    if spec.roles is not None and spec.roles.outputs:
        return sum(role.kind is OutputKind.MODEL for role in spec.roles.outputs)
    return int(makes_model(kind))


def _spec(spec: Spec, rights: Permissions, codec: Codec) -> int:
    """Return the bytes of a spec, its roles, the rights that its inputs give and those that its creator gives."""
    roles = 0 if spec.roles is None else codec.size("Tasks", "TaskRoles", encode.roles(spec.roles))
    return (
        codec.size("Tasks", "Specs", encode.spec(spec)) + roles + _rights(rights, codec) + _rights(spec.rights, codec)
    )


def _asset(asset: Asset, permissions: Permissions, codec: Codec) -> int:
    kept = {**encode.asset(asset), "since": 0}
    given = encode.permissions(permissions.of(asset.ref.owner))
    permitted = 0 if permissions == PUBLIC else codec.size("Registry", "AssetPermissions", given)
    return _ACCOUNT + _DIGEST + codec.size("Registry", "Assets", kept) + permitted


def _objective(objective: Objective, admits: Admits | None, codec: Codec) -> int:
    """Return the bytes of an objective, whose name and samples are stored a second time as an index."""
    admitted = 0 if admits is None else codec.size("Registry", "ObjectiveAdmits", encode.admits(admits))
    arguments = encode.objective(objective)
    found_by = len(codec.encode("Bytes", arguments["name"])) + len(codec.encode("Vec<[u8; 32]>", arguments["samples"]))
    described = codec.size("Registry", "Objectives", {"owner": objective.owner, **arguments})
    return _ID + described + _ID + _ACCOUNT + found_by + admitted


def _plan(creator: Account, codec: Codec) -> int:
    record = {"creator": creator, "cancelled": None, "touched": 0, "alarm": None}
    return _ID + codec.size("Tasks", "Plans", record)
