"""The YAML model of a plan, the plan on chain that a file extends, and the ranks of a plan's tasks.

A task's rank is 0 for a root, else 1 + the largest rank of its parents in the plan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from node_runtime.domain.task import PlanId, TaskId
from node_runtime.kinds import TaskSpec, kind_of

from .common import AssetSpec, Conflicts
from .fields import Name, Part


class PlanSpec(Part):
    """The plan of the file's tasks; its name is the tag by which people find it."""

    kind: Literal["plan"]
    name: Name

    def assets(self) -> tuple[AssetSpec, ...]:
        return ()

    def conflicts(self) -> Conflicts:
        return iter(())


@dataclass(frozen=True, kw_only=True)
class ExtendedPlan:
    """A plan on chain to which a file adds tasks: its tasks by name, of one name the newest, and all ranks.

    ``name`` is None without one. A task of the file goes before one on chain of the same name.
    """

    number: PlanId
    name: str | None
    tasks: Mapping[str, TaskId]
    ranks: Mapping[TaskId, int]


def ranks_of(specs: Sequence[TaskSpec], *, extends: ExtendedPlan | None = None) -> dict[str, int]:
    """Return the ranks by the tasks' names; ``specs`` name only tasks before them, or of the plan that they extend.

    Models from outside the plan don't count.
    """
    ranks = dict[str | int | None, int]()
    if extends is not None:
        ranks.update(extends.ranks.items())
        ranks |= {name: extends.ranks[number] for name, number in extends.tasks.items()}
    for spec in specs:
        parents = (ranks[model.task] for model in spec.needed_models if model.task in ranks)
        ranks[spec.name] = 1 + max(parents, default=-1)
    return {spec.name: ranks[spec.name] for spec in specs}


def taking_turns(specs: Sequence[TaskSpec]) -> tuple[TaskSpec, ...]:
    """Return tasks of a plan that don't need each other but take turns on a node; those of the lowest rank.

    All may write the plan's local folder by default: their limits don't name it, as those of a bundle never do.
    """
    ranks = ranks_of(specs)
    able = [one for one in specs if kind_of(one).writes_local and getattr(one, "bundle", None) is None]
    writers = [one for one in able if "local" not in one.limits.model_fields_set]
    for rank in sorted(set(ranks.values())):
        found = tuple(one for one in writers if ranks[one.name] == rank)
        if len(found) > 1:
            return found
    return ()


def rank_conflicts(spec: TaskSpec, specs: Sequence[TaskSpec], *, extends: ExtendedPlan | None) -> Conflicts:
    """Yield a conflict where the task's own ``rank`` isn't that of its place among ``specs``, the file's tasks."""
    given = getattr(spec, "rank", None)
    if given is None:
        return
    if len(specs) == 1 and extends is None:
        yield ("rank",), "only tasks of a plan have a rank, and this file has one task; leave it out"
        return
    rank = ranks_of(specs, extends=extends)[spec.name]
    if given != rank:
        place = f"one more than the largest of its parents', {rank - 1}" if rank else "it has no parent in the plan"
        yield ("rank",), f"the task's rank is {rank}: {place}; write that, or leave it out"
