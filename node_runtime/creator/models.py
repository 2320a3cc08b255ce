"""Models: leaderboards of an objective, and lineages."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby

from node_runtime.domain.assets import Direction, Model, ModelId
from node_runtime.domain.task import CertifiedScore, Submission, SubmissionState, Voucher
from node_runtime.ports.chain import ChainReads

_RANKS = {Voucher.COMMITTEE: 0, Voucher.OWNER: 1, Voucher.INDEPENDENT: 2}
"""Precedence of the vouchers that rank a model; scores vouched for by its own makers don't."""

MOST_MODELS = 64  # traversed for one lineage; a federation's history can have thousands


@dataclass(frozen=True, kw_only=True)
class Place:
    """A model's entry on a leaderboard: its ``count`` scores of one voucher, and their range.

    ``rank`` is None for scores that the model's own makers vouch for. ``median`` is the lower median for an even count.
    """

    rank: int | None
    model: ModelId
    voucher: Voucher
    count: int
    least: Decimal
    median: Decimal
    most: Decimal


def leaderboard(scores: Sequence[CertifiedScore], direction: Direction) -> tuple[Place, ...]:
    """Rank models by the median score of their highest voucher, best first; then list their makers' own scores.

    Ties are in the order of model ids.
    """
    ranked = _sorted((one for one in scores if one.voucher in _RANKS), direction)
    own = _sorted((one for one in scores if one.voucher not in _RANKS), direction)
    return (*(replace(place, rank=rank) for rank, place in enumerate(ranked, 1)), *own)


def _sorted(scores: Iterable[CertifiedScore], direction: Direction) -> list[Place]:
    by_model = groupby(sorted(scores, key=lambda one: one.model), key=lambda one: one.model)
    places = [_place(model, list(of_model)) for model, of_model in by_model]
    return sorted(places, key=lambda place: place.median, reverse=direction is Direction.HIGHER)


def _place(model: ModelId, scores: list[CertifiedScore]) -> Place:
    voucher = min((one.voucher for one in scores), key=lambda one: _RANKS.get(one, len(_RANKS)))
    values = sorted(one.value for one in scores if one.voucher is voucher)
    return Place(
        rank=None,
        model=model,
        voucher=voucher,
        count=len(values),
        least=values[0],
        median=values[(len(values) - 1) // 2],
        most=values[-1],
    )


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """A model followed by its ancestors in breadth-first order. ``complete`` is False if the traversal was cut."""

    models: tuple[Model, ...]
    complete: bool


def lineages(chain: ChainReads, submissions: tuple[Submission, ...]) -> tuple[Lineage, ...]:
    """Return the lineage of each accepted submission that has a model."""
    accepted = (one for one in submissions if one.state is SubmissionState.ACCEPTED)
    every = (lineage_of(chain, ModelId(submission=one.id)) for one in accepted)
    return tuple(one for one in every if one.models)


def lineage_of(chain: ChainReads, model: ModelId) -> Lineage:
    """Return the lineage of a model; empty if the chain has no record of the model."""
    waiting, known, found = deque([model]), {model}, list[Model]()
    while waiting and len(found) < MOST_MODELS:
        made = chain.model(waiting.popleft())
        if made is None:
            continue
        found.append(made)
        waiting.extend(parent for parent in made.parents if parent not in known)
        known.update(made.parents)
    return Lineage(models=tuple(found), complete=not waiting)
