"""Leaderboards of an objective: models by their certified scores, and cross-validations by its metric beside them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from itertools import groupby

from node_runtime.domain.assets import Account, AssetRef, Direction, Model, ModelId, Objective, ObjectiveId
from node_runtime.domain.task import CertifiedScore, Kind, Spec, Standing, Submission, TaskId, Voucher
from node_runtime.errors import InputError
from node_runtime.ports.chain import ChainReads
from node_runtime.ports.store import AssetStore

from .lineage import lineage_of
from .mentions import Mentions
from .references import own_objectives
from .tasks import stored_document

_RANKS = {Voucher.COMMITTEE: 0, Voucher.OWNER: 1, Voucher.INDEPENDENT: 2}
"""Precedence of the vouchers that rank a model; scores vouched for by its own makers don't."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A model's entry on a leaderboard: its ``count`` scores of one voucher by ``scorers``, and their range.

    ``rank`` is None for scores that the model's own makers vouch for. ``median`` is the lower median for an even count.
    """

    rank: int | None
    model: ModelId
    voucher: Voucher
    count: int
    least: Decimal
    median: Decimal
    most: Decimal
    scorers: tuple[Account, ...]


@dataclass(frozen=True, kw_only=True)
class Making:
    """Who has a part in a model: over its whole lineage of ``models``, cut if not ``complete``.

    ``trainers`` worked on them, ``payers`` paid for them, ``input_owners`` registered or paid for what went in.
    """

    models: int
    complete: bool
    trainers: tuple[Account, ...]
    payers: tuple[Account, ...]
    input_owners: tuple[Account, ...]


@dataclass(frozen=True, kw_only=True)
class BoardEntry:
    """A place with the task that made the model; None and an empty name where that isn't known any more."""

    place: Place
    task: TaskId | None
    name: str
    making: Making


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """An accepted score of ``samples`` Train samples by the objective's metric and opener.

    The chain records which metric and opener were used; that they stand for this objective is its creator's word.
    """

    task: TaskId
    name: str
    model: ModelId | None
    value: Decimal
    voucher: Voucher
    scorer: Account
    samples: int


@dataclass(frozen=True, kw_only=True)
class Board:
    objective: Objective
    entries: tuple[BoardEntry, ...]
    cross_validations: tuple[CrossValidation, ...]


def read_board(objective: Objective, chain: ChainReads, store: AssetStore) -> Board:
    """Return the leaderboard. Cross-validations are looked for among the tasks of who certified scores, or reads it."""
    scores = chain.scores(objective.id)
    mentions, model = Mentions(chain, store), cache(chain.model)

    def entry(place: Place) -> BoardEntry:
        task = mentions.task_of(place.model)
        name = mentions.name(task) if task is not None else ""
        return BoardEntry(place=place, task=task, name=name, making=_making(model, place.model))

    accounts = dict.fromkeys((chain.account, objective.owner, *(one.payer for one in scores)))
    every = (one for account in accounts for one in _cross_validations(objective, account, chain, store))
    return Board(
        objective=objective,
        entries=tuple(map(entry, leaderboard(scores, objective))),
        cross_validations=tuple(every),
    )


def find_objective(named: str, chain: ChainReads) -> Objective:
    """Return the objective of a number, or of a name of the account's own. Raises `InputError`."""
    numbered = named.isascii() and named.isdigit() and len(named) < 20
    found = chain.objective(ObjectiveId(int(named))) if numbered else own_objectives(chain).get(named)
    if found is None:
        raise InputError(
            f"there is no objective {named}" + ("" if numbered else " among yours"),
            remedy="see 'node-runtime objective list'" + ("" if numbered else ", and name another account's by number"),
        )
    return found


def leaderboard(scores: Sequence[CertifiedScore], objective: Objective) -> tuple[Place, ...]:
    """Rank models by the median score of their highest voucher, best first; then list their makers' own scores.

    A model whose median differs from that of the first of a rank by no more than the tolerance has the same rank. Equal
    ones are in the order of model ids.
    """
    ranked = _sorted((one for one in scores if one.voucher in _RANKS), objective.direction)
    own = _sorted((one for one in scores if one.voucher not in _RANKS), objective.direction)
    return (*_ranked(ranked, objective.tolerance), *own)


def _ranked(places: Sequence[Place], tolerance: Decimal) -> Iterator[Place]:
    first: Place | None = None
    for number, place in enumerate(places, 1):
        if first is None or abs(place.median - first.median) > tolerance:
            first = replace(place, rank=number)
        yield replace(place, rank=first.rank)


def _sorted(scores: Iterable[CertifiedScore], direction: Direction) -> list[Place]:
    by_model = groupby(sorted(scores, key=lambda one: one.model), key=lambda one: one.model)
    places = [_place(model, list(of_model)) for model, of_model in by_model]
    return sorted(places, key=lambda place: place.median, reverse=direction is Direction.HIGHER)


def _place(model: ModelId, scores: list[CertifiedScore]) -> Place:
    voucher = min((one.voucher for one in scores), key=lambda one: _RANKS.get(one, len(_RANKS)))
    counted = [one for one in scores if one.voucher is voucher]
    values = sorted(one.value for one in counted)
    return Place(
        rank=None,
        model=model,
        voucher=voucher,
        count=len(values),
        least=values[0],
        median=values[(len(values) - 1) // 2],
        most=values[-1],
        scorers=tuple(dict.fromkeys(one.scorer for one in counted)),
    )


def _making(known: Callable[[ModelId], Model | None], model: ModelId) -> Making:
    lineage = lineage_of(known, model)
    return Making(
        models=len(lineage.models),
        complete=lineage.complete,
        trainers=tuple(dict.fromkeys(one.trainer for one in lineage.models)),
        payers=tuple(dict.fromkeys(one.owner for one in lineage.models)),
        input_owners=tuple(dict.fromkeys(owner for one in lineage.models for owner in one.input_owners)),
    )


def _cross_validations(
    objective: Objective, creator: Account, chain: ChainReads, store: AssetStore
) -> Iterator[CrossValidation]:
    for number in sorted(chain.tasks_of(creator)):
        record = chain.record(number)
        if record is None or record.task.terms.kind is not Kind.SCORING or not _measures(record.spec, objective):
            continue
        document = stored_document(record.spec, store)
        if document is None or document.measured_by != objective.id:
            continue
        model = next(iter(record.spec.models), None) or _accepted_model(record.spec, chain)
        for one in _counted(chain.submissions(number)):
            assert one.score is not None  # it counts
            yield CrossValidation(
                task=number,
                name=document.name,
                model=model,
                value=one.score.value,
                voucher=one.score.voucher,
                scorer=one.worker,
                samples=len(document.data),
            )


def _measures(spec: Spec, objective: Objective) -> bool:
    """Return whether a scoring that isn't certified uses the objective's metric and opener, as the chain records it."""
    own = {AssetRef(owner=objective.owner, digest=digest) for digest in (objective.metric, objective.opener)}
    return not spec.objectives and own <= set(spec.assets)


def _counted(submissions: Iterable[Submission]) -> Iterator[Submission]:
    return (one for one in submissions if one.score is not None and one.score.standing is Standing.CROSS_VALIDATION)


def _accepted_model(spec: Spec, chain: ChainReads) -> ModelId | None:
    """Return the model that the chain took from the task's parent."""
    accepted = (chain.named_by(spec).accepted.get(parent) for parent in spec.parents)
    return next((ModelId(submission=one.id) for one in accepted if one is not None), None)
