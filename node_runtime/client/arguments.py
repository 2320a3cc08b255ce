"""The arguments of a document made in Python: the plain values that a YAML would hold, and their places."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node_runtime.domain.assets import Asset, AssetRef, Objective
from node_runtime.domain.task import Submission
from node_runtime.kinds import TaskSpec
from node_runtime.spec.messages import Location
from node_runtime.spec.objective import ObjectiveSpec
from node_runtime.spec.yaml_source import MAX_DEPTH

LONGEST_NAME = 70  # characters of it in a place


class OnChain:
    """A task on chain, which arguments may name as a model."""

    def __init__(self, number: int) -> None:
        self.id = number


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What a document of class ``made`` was made with: ``value`` as in a YAML whose folder is ``folder``.

    Places are written as in Python, e.g. ``Training('digits').limits['memory']``.
    """

    made: str
    value: dict[str, Any]
    folder: Path

    def at(self, location: Location, *, key: bool = False) -> str:
        """Format the place of an argument; ``key``: of what holds it."""
        name, found = self.value.get("name"), self.value
        place = f"{self.made}({str(name)[:LONGEST_NAME]!r})" if name is not None else f"{self.made}()"
        for depth, step in enumerate(location[:-1] if key else location):
            if _has(found, step):
                found = found[step]  # type: ignore[index]
                place += f"[{step!r}]" if depth else f".{step}"
        return place

    def keys(self, location: Location) -> tuple[str, ...]:  # noqa: ARG002
        """Return nothing: the place itself names the keys."""
        return ()


def _has(value: object, step: int | str) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and step < len(value)


def plain_value(value: object, *, under: str = "", depth: int = 0) -> Any:
    """Return what a YAML would hold under a key in place of the value; what it can't hold is returned as it is.

    Tasks and objectives become references: their names, or their numbers on chain. Raises `ValueError` where values
    are nested too deeply.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"nested too deeply, at most {MAX_DEPTH} levels are read")
    match value:
        case TaskSpec() | OnChain():
            reference = value.name if isinstance(value, TaskSpec) else value.id
            return reference if under == "task" else {"task": reference}
        case Submission():
            return value.id if under == "submission" else {"submission": value.id}
        case ObjectiveSpec():
            return value.name
        case Objective():
            return int(value.id)
        case Asset():
            return str(value.ref)
        case Path() | AssetRef() | str():
            return str(value)
        case Mapping():
            return {key: plain_value(one, under=str(key), depth=depth + 1) for key, one in value.items()}
        case list() | tuple():
            return [plain_value(one, depth=depth + 1) for one in value]
    return value
