"""YAML models of permissions: the rights on a document's own files, and the programs that its samples may be used by.

A right that is left out is everyone's.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, ValidationInfo

from node_runtime.domain.assets import Account, AssetRef, Digest
from node_runtime.domain.permissions import ANY, EVERYONE, MOST_ACCOUNTS, MOST_PROGRAMS, Permissions

from .fields import AccountAddress, Part, source

KEY, OUTPUTS = "permissions", "outputs"
_DIGEST = re.compile(r"[0-9a-f]{64}")


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


class TaskPermissionsSpec(PermissionsSpec):
    """``outputs`` are the rights on what the task makes: they narrow those that its inputs give."""

    outputs: RightsSpec | None = None


class AdmitsSpec(Part):
    """Whose assets, and which of their programs, may go into a model that is certified for an objective."""

    owners: Annotated[Accounts, AfterValidator(_in_order)]
    algos: Programs = ()
