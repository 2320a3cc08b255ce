"""Conversion of the parameters that DecentralML's functions share to keys of a task's YAML."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pydantic import JsonValue

from node_runtime.config.storage_access import access_of, storage_access
from node_runtime.creator.validation.strategies import AutoAccept, CustomAccept, ManualAccept, Strategy
from node_runtime.domain.task import UNIT, Kind
from node_runtime.domain.units import read_duration
from node_runtime.errors import InputError
from node_runtime.stores.access import StorageAccess

BLOCK_TIME = 2_000  # ms
LONGEST_TIMEOUT = 900_000  # ms of a container; the default of a YAML without limits
LOCAL = "local"
CLOUDS = {"S3": "s3", "GCP": "gs", "Azure": "az"}
"""Storage types with the schemes of their addresses."""
UNKNOWN_HERE = ("IPFS", "Crust")
STRATEGIES: Mapping[str, type[Strategy]] = {
    "AutoAccept": AutoAccept,
    "ManualAccept": ManualAccept,
    "CustomAccept": CustomAccept,
}
TASK_TYPES = {
    Kind.ANNOTATION: ("DataAnnotators", "DataAnnotator", "annotation"),
    Kind.RESTRUCTURING: ("ModelEngineer", "restructuring"),
    Kind.TRAINING: ("ModelContributor", "training"),
}
YamlTask: TypeAlias = dict[str, JsonValue]
_NOT_IN_YAML = re.compile("[\x7f-\xa0\u2028\u2029\ufeff-\uffff]")  # raw in a text: line breaks, or refused
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """The parameters common to all kinds of tasks.

    ``parameters`` are those of the task's program, ``extras`` further keys of the YAML, e.g. limits.
    """

    expiration_block: int | str
    task_type: str
    question: str
    pays_amount: int | str
    max_assignments: int
    validation_strategy: str | Strategy
    extras: Mapping[str, JsonValue]
    parameters: Mapping[str, JsonValue] | None = None

    def yaml(self, kind: Kind, *, name: str) -> YamlTask:
        """Return the keys of the task's YAML. Raises `InputError` naming the parameter."""
        check_task_type(self.task_type, kind)
        self._check_keywords()
        given: YamlTask = {} if self.parameters is None else {"parameters": _mapping(self.parameters)}
        return {
            "kind": kind.value,
            "name": name,
            "question": self.question,
            "reward": reward(self.pays_amount),
            "slots": self.max_assignments,
            "deadline": deadline(self.expiration_block),
            "validation": validation(self.validation_strategy),
            **given,
            **self.extras,
            "limits": _limits(self.extras.get("limits"), deadline(self.expiration_block)),
        }

    def _check_keywords(self) -> None:
        if "sweep" in self.extras:
            raise InputError(
                "extras: 'sweep' makes several tasks, and this function makes one",
                remedy="call it once for each value, with parameters={...}",
            )
        if self.parameters is not None and "parameters" in self.extras:
            raise InputError("parameters: they are in extras too", remedy="leave them out of extras")


def _mapping(parameters: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        return dict(parameters)
    except (TypeError, ValueError):
        kind = type(parameters).__name__
        raise InputError(f"parameters: a {kind} is no mapping", remedy="write e.g. {'depth': 6}") from None


def yaml_text(keys: YamlTask) -> str:
    """Return the keys as YAML, each value as JSON. Raises `InputError` for what a YAML could not say."""
    return "".join(f"{json.dumps(key)}: {_json_text(key, value)}\n" for key, value in keys.items())


def _json_text(key: str, value: JsonValue) -> str:
    try:
        _check_keys(value)
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{key}: {error}", remedy="use numbers, texts, lists and mappings of texts") from None
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _check_keys(value: object) -> None:
    """Raise `ValueError` for a key that JSON would turn into text."""
    if isinstance(value, Mapping):
        unfit = next((key for key in value if not isinstance(key, str)), None)
        if unfit is not None:
            raise ValueError(f"a key must be text, not {unfit!r:.40}")
    members = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for member in members:
        _check_keys(member)


def _limits(given: JsonValue, until: str) -> JsonValue:
    """Return the limits; the default container timeout is at most half the time until the deadline."""
    limits = {} if given is None else given
    if not isinstance(limits, dict) or "timeout" in limits:
        return limits
    try:
        return {"timeout": f"{min(LONGEST_TIMEOUT, read_duration(until) // 2)}ms"} | limits
    except ValueError:
        return limits  # reported by the YAML reader


def deadline(expiration_block: int | str) -> str:
    """Convert a number of blocks from now, 2 s each, or a duration like ``2h``, to a YAML deadline."""
    if isinstance(expiration_block, str):
        return expiration_block
    if type(expiration_block) is not int or expiration_block < 1:
        raise InputError(
            f"expiration_block: {expiration_block!r} is no number of blocks",
            remedy="write how many blocks from now the task ends, 2 s each, or a duration, e.g. '2h'",
        )
    return f"{expiration_block * BLOCK_TIME}ms"


def reward(pays_amount: int | str) -> str:
    """Convert the pay of an accepted result, base units or text in UNIT like ``"2.5"``, to a YAML reward."""
    if isinstance(pays_amount, str):
        return pays_amount
    if type(pays_amount) is not int or pays_amount < 1:
        raise InputError(
            f"pays_amount: {pays_amount!r} is no amount",
            remedy="write base units as a whole number, e.g. 3 * creator.UNIT, or UNIT as text, e.g. '2.5'",
        )
    whole, rest = divmod(pays_amount, UNIT)
    return f"{whole}.{rest:012d}"


def validation(strategy: str | Strategy) -> JsonValue:
    """Return the YAML's ``validation`` for a strategy."""
    match strategy_of(strategy):
        case AutoAccept():
            return "auto"
        case CustomAccept(judge=str() as judge, window=window):
            return {"custom": {"judge": judge, "window": window}}
        case ManualAccept(window=window) | CustomAccept(window=window):
            return {"manual": {"window": window}}


def strategy_of(strategy: str | Strategy) -> Strategy:
    """Return the strategy of this name; CustomAccept by name has no validator until results are validated."""
    if not isinstance(strategy, str):
        return strategy
    if strategy not in STRATEGIES:
        raise InputError(f"validation_strategy: there is no {strategy[:40]!r}", remedy=f"use {', '.join(STRATEGIES)}")
    if strategy == "CustomAccept":
        return CustomAccept(_not_named)
    return AutoAccept() if strategy == "AutoAccept" else ManualAccept()


def is_named_only(strategy: Strategy) -> bool:
    """Return whether the strategy is CustomAccept without a validator."""
    return isinstance(strategy, CustomAccept) and strategy.validator is _not_named


def _not_named(_: Path) -> object:
    raise InputError("CustomAccept has no validator", remedy="give CustomAccept(callable or path)")


def check_task_type(task_type: str, kind: Kind) -> None:
    """Raise `InputError` when the task type belongs to another function, which DecentralML does not check."""
    known = TASK_TYPES[kind]
    if _plain(task_type) in map(_plain, known):
        return
    other = next((name for name, words in TASK_TYPES.items() if _plain(task_type) in map(_plain, words)), None)
    creates = f"; that is another function's, which makes {other} tasks" if other is not None else ""
    raise InputError(f"task_type {task_type[:40]!r} is not this function's{creates}", remedy=f"write '{known[0]}'")


def check_storage(storage_type: str | None, credentials: object, parameter: str, storage: str) -> StorageAccess | None:
    """Return the access that the credentials give to the session's ``storage``; None for the session's own.

    Raises `InputError` unless the type is ``local`` or that of the session's storage. Credentials are sent nowhere but
    to the storage.
    """
    if storage_type is None or storage_type.lower() == LOCAL:
        if credentials:
            raise InputError(
                f"{parameter}_storage_credentials: the storage of connect() needs none; they were sent nowhere",
                remedy="leave them out (None)",
            )
        return None
    known = next((name for name in (*CLOUDS, *UNKNOWN_HERE) if name.lower() == storage_type.lower()), None)
    if known not in CLOUDS:
        reason = f"{known} is not supported" if known else f"there is no storage {storage_type[:40]!r}"
        raise InputError(f"{parameter}_storage_type: {reason}", remedy=f"use 'local', {', '.join(map(repr, CLOUDS))}")
    if not storage.startswith(f"{CLOUDS[known]}://"):
        raise InputError(
            f"{parameter}_storage_type: the session's storage is {storage}, not {known}",
            remedy=f"name it when you connect: connect(url, storage='{CLOUDS[known]}://bucket/prefix')",
        )
    place = f"{parameter}_storage_credentials"
    if credentials is None:
        return None
    if isinstance(credentials, str | Path):
        return storage_access(Path(credentials).expanduser())
    if not isinstance(credentials, Mapping):
        kind = type(credentials).__name__
        raise InputError(f"{place}: a {kind} is no credentials", remedy="give the storage access file's path or keys")
    return access_of(credentials, place)


def name_of(path: Path) -> str:
    """Derive a valid task name from a folder's name."""
    found = _NOT_IN_NAMES.sub("-", path.expanduser().absolute().name).strip("-._")[:59]  # a name has 64 at most
    return found if found[:1].isalpha() else f"task-{found}".rstrip("-")


def _plain(word: str) -> str:
    return word.replace("_", "").replace("-", "").replace(" ", "").lower()
