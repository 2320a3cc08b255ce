"""The YAML model of a plan, and the plan on chain that a file extends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from node_runtime.domain.task import PlanId, TaskId

from .common import AssetSpec, Conflicts, Part
from .fields import Name


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
