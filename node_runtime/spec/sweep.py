"""Sweeps: one document of the YAML stands for a task of each combination of values.

Each variant is named after its values, e.g. ``train-depth-4``, and has them among its parameters. A later task that
refers to a swept one by name is swept along: it has a variant for each of the other's, with its values too. One that
refers to several has a variant for each of their combinations that agree on the parameters they share.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TypeAlias, TypeVar

from pydantic import JsonValue

from node_runtime.domain.parameters import check_parameters, encode_parameters

from .common import ModelSpec, TaskPart
from .fields import MAX_VARIANTS
from .messages import Location

LONGEST_NAME = 64
_UNFIT = re.compile(r"[^A-Za-z0-9.-]+")  # for a name

TaskT = TypeVar("TaskT", bound=TaskPart)


class SweepRefused(ValueError):
    """A sweep that makes no valid tasks, with the place of the reason in its document."""

    def __init__(self, location: Location, reason: str) -> None:
        super().__init__(reason)
        self.location = location
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One task of a swept document: its values, and the names of the variants that it refers to, by written name."""

    values: dict[str, JsonValue]
    refers_to: Mapping[str, str]

    def name(self, written: str) -> str:
        return "-".join([written, *(part for pair in self.values.items() for part in map(_as_name, pair))])


Swept: TypeAlias = Mapping[str, Sequence[Variant]]
"""The variants of each swept document by the name that is written there."""


def variants_of(task: TaskPart, named: Sequence[str], swept: Swept) -> tuple[Variant, ...]:
    """Return the variants of a task, none for one that isn't swept. ``named`` are the tasks that it refers to.

    Raises `SweepRefused`.
    """
    origins = [name for name in dict.fromkeys(named) if name in swept]
    if task.sweep is None and not origins:
        return ()
    found = _joined(origins, swept)
    own = task.sweep or {}
    _check_keys(task, own, found)
    number = len(found) * prod(map(len, own.values()))
    if number > MAX_VARIANTS:
        raise SweepRefused(("sweep",), f"it makes {number:,} tasks, more than {MAX_VARIANTS}; leave values out")
    variants = tuple(
        Variant(values={**one.values, **dict(zip(own, values, strict=True))}, refers_to=one.refers_to)
        for one in found
        for values in product(*own.values())
    )
    _check_names(task, variants)
    return variants


def variant_of(task: TaskT, variant: Variant) -> TaskT:
    """Return the task with the variant's name, parameters and references. Raises `SweepRefused`."""

    def renamed(value: object) -> object:
        if isinstance(value, ModelSpec) and isinstance(value.task, str):
            return value.model_copy(update={"task": variant.refers_to.get(value.task, value.task)})
        if isinstance(value, dict):
            return {key: renamed(one) for key, one in value.items()}
        return tuple(map(renamed, value)) if isinstance(value, tuple) else value

    try:
        parameters = check_parameters({**(task.parameters or {}), **variant.values})
    except ValueError as error:
        raise SweepRefused(("sweep",), str(error)) from None
    changed = {key: renamed(getattr(task, key)) for key in type(task).model_fields if key != "parameters"}
    changed |= {"name": variant.name(task.name), "parameters": parameters, "sweep": None}
    own = task.sweep or {}
    return task.model_copy(update=changed).inheriting(variant.values.keys() - own.keys())


def _joined(origins: Sequence[str], swept: Swept) -> list[Variant]:
    """Return the combinations of the variants of these documents that agree on the parameters they share."""
    found = [Variant(values={}, refers_to={})]
    for origin in origins:
        found = [
            Variant(values={**one.values, **other.values}, refers_to={**one.refers_to, origin: other.name(origin)})
            for one in found
            for other in swept[origin]
            if _agree(one.values, other.values)
        ]
        if not found or len(found) > MAX_VARIANTS:
            number = f"more than {MAX_VARIANTS}" if found else "no"
            raise SweepRefused(
                ("name",),
                f"{' and '.join(origins)}, which it refers to, are swept, and {number} combinations of their tasks "
                f"agree on what they share; name the tasks, e.g. '{swept[origin][0].name(origin)}'",
            )
    return found


def _agree(one: Mapping[str, JsonValue], other: Mapping[str, JsonValue]) -> bool:
    return all(encode_parameters(one[key]) == encode_parameters(other[key]) for key in one.keys() & other.keys())


def _check_keys(task: TaskPart, own: Mapping[str, object], found: Sequence[Variant]) -> None:
    """Refuse a parameter with two values: its own, and that of a sweep."""
    inherited = found[0].values.keys()
    for key in own:
        if key in inherited:
            raise SweepRefused(("sweep", key), f"'{key}' comes with the swept task that it refers to; leave it out")
    for key in task.parameters or {}:
        if key in own or key in inherited:
            raise SweepRefused(("parameters", key), f"'{key}' is swept; leave it out of the parameters")


def _check_names(task: TaskPart, variants: Sequence[Variant]) -> None:
    place: Location = ("name",) if task.sweep is None else ("sweep",)
    names: set[str] = set()
    for variant in variants:
        name = variant.name(task.name)
        if len(name) > LONGEST_NAME:
            raise SweepRefused(place, f"'{name}' is longer than a name's {LONGEST_NAME} characters; shorten its parts")
        if name in names:
            raise SweepRefused(place, f"two tasks would be named '{name}'; let the values differ in letters or digits")
        names.add(name)


def _as_name(value: JsonValue) -> str:
    """Return the part of a name that stands for a key or a value: ``0.1``, ``true``, ``64_64`` for ``[64, 64]``."""
    text = value if isinstance(value, str) else encode_parameters(value).decode()
    return _UNFIT.sub("_", text).strip("_")
