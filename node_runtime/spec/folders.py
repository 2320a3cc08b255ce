"""Checks of the local files and folders that a document names: what storage would refuse, and what changes a digest."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from node_runtime.domain.assets import AssetKind, AssetRef
from node_runtime.stores.tree.faults import examine
from node_runtime.stores.tree.manifest import shown

from .function_file import signature_faults
from .messages import Location
from .openers import opener_warnings
from .own_files import IMAGES, included_in
from .requirements import read_requirements
from .scripts import script_faults, script_warnings

START, SETUP = "start_task.sh", "setup.sh"
_REFERENCES = ("permissions", "admits")  # keys that mention files named elsewhere


def folder_faults(path: Path, kind: AssetKind) -> Iterator[str]:
    """Yield every reason for which the files can't be stored, or its start_task.sh can't run."""
    try:
        included = included_in(path, kind)
    except ValueError as error:
        yield f"{path / '.dockerignore'}: {error}"
        return
    yield from examine(path, included=included).faults
    if kind is AssetKind.BUNDLE and (path / START).is_file():
        yield from script_faults(path / START)
    if kind is AssetKind.FUNCTION:
        yield from signature_faults(path)


def image_faults(bundle: Path) -> Iterator[str]:
    """Yield what keeps the image of a bundle's own requirements from being built."""
    yield from read_requirements(bundle).faults
    if (bundle / SETUP).is_file():
        yield from script_faults(bundle / SETUP)


def folder_warnings(
    spec: BaseModel, kinds: dict[Path, AssetKind], *, built: Path | None
) -> Iterator[tuple[Location, str]]:
    """Yield what is stored and probably shouldn't be, and scripts that run otherwise than they look.

    ``kinds`` are the roles of the document's files, ``built`` is the bundle whose image its setup.sh makes.
    """
    for location, path in sources_in(spec):
        kind = kinds.get(path) if isinstance(path, Path) and location[0] not in _REFERENCES else None
        if kind is None or not isinstance(path, Path):
            continue
        try:
            found = examine(path, included=included_in(path, kind)).by_chance
        except (OSError, ValueError):  # told as a mistake
            continue
        if found:
            yield location, f"{path} holds {_listed(found)}, left there by tools; {_remedy(kind)}"
        if kind is AssetKind.OPENER:
            yield from ((location, told) for told in opener_warnings(path))
        if kind is AssetKind.BUNDLE:
            scripts = (path / name for name in ((START, SETUP) if path == built else (START,)))
            yield from ((location, told) for one in scripts if one.is_file() for told in script_warnings(one))


def sources_in(value: object, location: Location = ()) -> Iterator[tuple[Location, Path | AssetRef]]:
    """Yield the files and registered assets that a document of the YAML names, with their places."""
    if isinstance(value, Path | AssetRef):
        yield location, value
    elif isinstance(value, tuple):
        for index, one in enumerate(value):
            yield from sources_in(one, (*location, index))
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from sources_in(one, (*location, key))
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            if name in value.model_fields_set:
                yield from sources_in(getattr(value, name), (*location, name))


def _listed(paths: list[str]) -> str:
    first = ", ".join(shown(path) for path in paths[:3])
    return first + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def _remedy(kind: AssetKind) -> str:
    if kind in IMAGES:
        return "they change its digest, so nodes build it anew: name them in its .dockerignore"
    return "they change its digest: remove them"
