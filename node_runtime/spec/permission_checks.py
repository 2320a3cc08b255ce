"""Checks of the permissions in a file: of what they are, and whether they agree."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from node_runtime.domain.assets import AssetKind
from node_runtime.domain.permissions import PUBLIC, Permissions

from .folders import sources_in
from .messages import Location
from .permissions import KEY, OUTPUTS, PermissionsSpec, RightsSpec

_PROGRAMS = (AssetKind.ALGO, AssetKind.BUNDLE, AssetKind.FUNCTION, AssetKind.METRIC, AssetKind.OPENER)

Place = Callable[..., str]
"""Format a place in a document."""


@dataclass(frozen=True, kw_only=True)
class Stated:
    """What a document says of one of its files, and where."""

    location: Location
    path: Path
    rights: RightsSpec


def stated_of_outputs(spec: BaseModel) -> Permissions:
    """Return the rights that a task's document gives on what the task makes."""
    stated = getattr(getattr(spec, KEY, None), OUTPUTS, None)
    return stated.rights() if isinstance(stated, RightsSpec) else PUBLIC


def stated_in(spec: BaseModel) -> Iterator[Stated]:
    """Yield what a document says of each of its files."""
    for key, rights in _given(spec):
        for location, path in sources_in(spec):
            if location[0] == key and isinstance(path, Path):
                yield Stated(location=(KEY, key), path=path, rights=rights)


def permission_conflicts(spec: BaseModel) -> Iterator[tuple[Location, str]]:
    """Yield the permissions of what the document doesn't name."""
    named = {location[0] for location, path in sources_in(spec) if isinstance(path, Path)}
    for key, _ in _given(spec):
        if key not in named:
            yield (KEY, key), f"the document names no file under '{key}'; what is registered keeps its permissions"


def permission_faults(documents: Sequence[tuple[Any, Place]]) -> Iterator[str]:
    """Yield, with their places, files that have two sets of permissions, and programs that aren't the file's."""
    first: dict[Path, tuple[RightsSpec, str]] = {}
    own = {one.source for spec, _ in documents for one in spec.assets() if one.kind in _PROGRAMS}
    for spec, place in documents:
        for one in stated_in(spec):
            rights, at = first.setdefault(one.path, (one.rights, place(*one.location)))
            if rights != one.rights:
                at_both = f"{place(*one.location)}: {one.path} has other permissions at {at}"
                yield f"{at_both}; an asset has one set of them: leave one out"
        for location, path in sources_in(spec):
            if location[-2:-1] == ("algos",) and isinstance(path, Path) and path not in own:
                yield f"{place(*location)}: {path} is no program of this file; name one of its programs, or a digest"


def _given(spec: BaseModel) -> Iterator[tuple[str, RightsSpec]]:
    permissions = getattr(spec, KEY, None)
    for key in type(permissions).model_fields if isinstance(permissions, PermissionsSpec) else ():
        rights = getattr(permissions, key)
        if rights is not None and key != OUTPUTS:
            yield key, rights
