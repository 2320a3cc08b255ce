"""YAML models of permissions: the rights on a document's own files, and the programs that its samples may be used by.

A right that is left out is everyone's.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, PlainSerializer, PlainValidator, ValidationInfo

from node_runtime.domain.assets import Account, AssetKind, AssetRef, Digest
from node_runtime.domain.permissions import ANY, EVERYONE, MOST_ACCOUNTS, MOST_PROGRAMS, Permissions

from .fields import AccountAddress, Part, source
from .folders import sources_in
from .messages import Location

KEY = "permissions"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PROGRAMS = (AssetKind.ALGO, AssetKind.BUNDLE, AssetKind.FUNCTION, AssetKind.METRIC, AssetKind.OPENER)


def _listed(word: str, what: str, example: str) -> Callable[[Any], Any]:
    """Return the validator of a list, or of the word that stands for no limit."""

    def from_yaml(value: Any) -> Any:
        if value == word:
            return None
        if isinstance(value, list | tuple):
            return value
        written = "nothing" if value is None else repr(str(value)[:60])
        raise ValueError(f"{written} is neither '{word}' nor a list of {what}; write '{word}' or {example}")

    return from_yaml


def _program(value: Any, info: ValidationInfo) -> Digest | Path:
    """Read a program's digest, the key of a registered one, or the path of one of the file's own."""
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return Digest(value)
    assert isinstance(info.context, Path)
    found = source(value, info.context)
    return found.digest if isinstance(found, AssetRef) else found


def _in_order(accounts: tuple[Account, ...] | None) -> tuple[Account, ...] | None:
    """Sort the accounts, each once: equal permissions are equal."""
    return None if accounts is None else tuple(sorted({*accounts}))


Program = Annotated[
    Digest | Path,
    PlainValidator(_program, json_schema_input_type=Annotated[str, Field(pattern=r"\S")]),
    PlainSerializer(str),
]
Programs = Annotated[tuple[Program, ...], Field(max_length=MOST_PROGRAMS)]
Accounts = Annotated[tuple[AccountAddress, ...], Field(max_length=MOST_ACCOUNTS)]
Access = Annotated[
    Accounts | None,
    BeforeValidator(
        _listed(EVERYONE, "accounts", "e.g. [5Grw…], or [] for yourself alone"),
        json_schema_input_type=Literal["public"] | Accounts,
    ),
    AfterValidator(_in_order),
]


class RightsSpec(Part):
    """Who may process something, download it, and read logs of its tasks; None stands for everyone."""

    process: Access = None
    download: Access = None
    logs: Access = None

    def rights(self) -> Permissions:
        return Permissions(process=self.process, download=self.download, logs=self.logs)

    @property
    def programs(self) -> tuple[Digest | Path, ...] | None:
        """The programs of others that may run with it; None for all."""
        return None


class SampleRightsSpec(RightsSpec):
    """``algos`` are the programs of others that may run with a data sample; None stands for all."""

    algos: Annotated[
        Programs | None,
        BeforeValidator(
            _listed(ANY, "programs", "e.g. [algo/, 0cfc…]"), json_schema_input_type=Literal["any"] | Programs
        ),
    ] = None

    @property
    def programs(self) -> tuple[Digest | Path, ...] | None:
        return self.algos


class PermissionsSpec(Part):
    """The rights on what a document names by path, by the keys that name it."""

    algo: RightsSpec | None = None
    bundle: RightsSpec | None = None
    data: SampleRightsSpec | None = None
    function: RightsSpec | None = None
    inputs: RightsSpec | None = None
    metric: RightsSpec | None = None
    metrics: RightsSpec | None = None
    model: RightsSpec | None = None
    models: RightsSpec | None = None
    opener: RightsSpec | None = None
    samples: SampleRightsSpec | None = None


class AdmitsSpec(Part):
    """Whose assets, and which of their programs, may go into a model that is certified for an objective."""

    owners: Annotated[Accounts, AfterValidator(_in_order)]
    algos: Programs = ()


Place = Callable[..., str]
"""Format a place in a document."""


@dataclass(frozen=True, kw_only=True)
class Stated:
    """What a document says of one of its files, and where."""

    location: Location
    path: Path
    rights: RightsSpec


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
        if rights is not None:
            yield key, rights
