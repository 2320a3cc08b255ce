"""Lineages of models: what each was made from, as the chain records it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from node_runtime.domain.assets import Model, ModelId
from node_runtime.domain.task import Submission, SubmissionState
from node_runtime.ports.chain import ChainReads

MOST_MODELS = 64  # traversed for one lineage; a federation's history can have thousands


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """A model followed by its ancestors in breadth-first order. ``complete`` is False if the traversal was cut."""

    models: tuple[Model, ...]
    complete: bool


def lineages(chain: ChainReads, submissions: tuple[Submission, ...]) -> tuple[Lineage, ...]:
    """Return the lineage of each accepted submission that has a model."""
    accepted = (one for one in submissions if one.state is SubmissionState.ACCEPTED)
    every = (lineage_of(chain.model, ModelId(submission=one.id)) for one in accepted)
    return tuple(one for one in every if one.models)


def lineage_of(known: Callable[[ModelId], Model | None], model: ModelId) -> Lineage:
    """Return the lineage of a model; empty if the chain has no record of the model. ``known`` looks a model up."""
    waiting, seen, found = deque([model]), {model}, list[Model]()
    while waiting and len(found) < MOST_MODELS:
        made = known(waiting.popleft())
        if made is None:
            continue
        found.append(made)
        waiting.extend(parent for parent in made.parents if parent not in seen)
        seen.update(made.parents)
    return Lineage(models=tuple(found), complete=not waiting)
