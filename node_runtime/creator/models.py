"""Models: leaderboards of an objective, and lineages."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from node_runtime.domain.assets import Direction, Model, ModelId, SubmissionId
from node_runtime.domain.task import CertifiedScore, Submission, SubmissionState, TaskId, Voucher
from node_runtime.ports.chain import ChainReads

_RANKS = {Voucher.COMMITTEE: 0, Voucher.OWNER: 1, Voucher.INDEPENDENT: 2}
"""Precedence of vouchers on a leaderboard; scores vouched for by the model's own makers are left out."""

MOST_MODELS = 64  # traversed for one lineage; a federation's history can have thousands


@dataclass(frozen=True, kw_only=True)
class Place:
    """A model's entry on a leaderboard: its ``count`` scores of the highest voucher it has, and their range.

    ``median`` is the lower median for an even count.
    """

    model: ModelId
    voucher: Voucher
    count: int
    least: Decimal
    median: Decimal
    most: Decimal


def leaderboard(scores: Iterable[CertifiedScore], direction: Direction) -> tuple[Place, ...]:
    """Rank models by their median score, best first; ties in the order of model ids."""
    counted = sorted((one for one in scores if one.voucher in _RANKS), key=lambda one: one.model)
    places = [_place(model, list(of_model)) for model, of_model in groupby(counted, key=lambda one: one.model)]
    return tuple(sorted(places, key=lambda place: place.median, reverse=direction is Direction.HIGHER))


def _place(model: ModelId, scores: list[CertifiedScore]) -> Place:
    voucher = min((one.voucher for one in scores), key=_RANKS.__getitem__)
    values = sorted(one.value for one in scores if one.voucher is voucher)
    return Place(
        model=model,
        voucher=voucher,
        count=len(values),
        least=values[0],
        median=values[(len(values) - 1) // 2],
        most=values[-1],
    )


def makers(chain: ChainReads, places: Iterable[Place]) -> dict[SubmissionId, TaskId]:
    """Return the tasks whose results these models are, as far as the chain still has them."""
    recorded = (chain.model(place.model) for place in places)
    owners = sorted({model.owner for model in recorded if model is not None})
    tasks = (task for owner in owners for task in chain.tasks_of(owner))
    return {submission.id: task for task in tasks for submission in chain.submissions(task)}


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
