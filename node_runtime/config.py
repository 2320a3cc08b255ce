"""What did the operator decide for this node? ``node.yaml`` and the environment → `NodeConfig`."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import psutil
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)

from node_runtime.errors import ConfigError, InputError
from node_runtime.mistakes import in_words
from node_runtime.spec_fields import read_account
from node_runtime.task import Kind
from node_runtime.units import read_amount, read_duration, read_size
from node_runtime.yaml_marks import Location, MarkedDocument, explain_mistake, load_documents, load_value

PREFIX = "NODE_RUNTIME_"
NESTED = "__"
ANY = "any"
GIB = 1 << 30
MIB = 1 << 20
_PATHS = (("key",), ("password_file",), ("storage",), ("work",))
_DIGEST = re.compile(r"[0-9a-f]{64}")


def _size(value: object) -> object:
    return read_size(value) if isinstance(value, str) else _refuse(value, "a size with its unit, e.g. 4GiB")


def _seconds(value: object) -> object:
    return read_duration(value) / 1000 if isinstance(value, str) else _refuse(value, "a duration, e.g. 5s or 15m")


def _amount(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        _refuse(value, "an amount in UNIT, e.g. 0.5")
    return read_amount(str(value))


def _refuse(value: object, wanted: str) -> object:
    raise ValueError(f"{value!r:.40} is not {wanted}")


def _in_folder(value: object, info: ValidationInfo) -> Path:
    """Paths in a file are relative to the file."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r:.40} is not a path")
    folder: Path = (info.context or {}).get("folder", Path())
    return Path(folder, Path(value).expanduser()).absolute()


def _storage(value: object, info: ValidationInfo) -> str:
    return value if isinstance(value, str) and "://" in value else str(_in_folder(value, info))


def _key(value: object, info: ValidationInfo) -> str:
    return value if isinstance(value, str) and value.startswith("//") else str(_in_folder(value, info))


def _listed(value: object) -> object:
    return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, str) else value


def _kinds(value: object) -> object:
    return tuple(Kind) if value in (ANY, [ANY]) else _listed(value)


def _is_account(text: str) -> bool:
    try:
        return bool(read_account(text))
    except ValueError:
        return False


def _is_digest(text: str) -> bool:
    return _DIGEST.fullmatch(text) is not None


def _entries(fits: Callable[[str], bool], what: str) -> AfterValidator:
    """Each entry is exact, an anchored pattern, or ``any``: what is neither would silently let nobody in."""

    def check(entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            if entry.startswith("^") and entry.endswith("$"):
                try:
                    re.compile(entry)
                except re.error as error:
                    raise ValueError(f"'{entry}' is not a pattern: {error}") from None
            elif entry != ANY and not fits(entry):
                raise ValueError(f"'{entry[:70]}' is neither {what}, nor a pattern ^…$, nor '{ANY}'")
        return entries

    return AfterValidator(check)


# The default of a size, duration or amount is given in bytes, seconds and base units.
Size = Annotated[int, BeforeValidator(_size), Field(gt=0)]
Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
Amount = Annotated[int, BeforeValidator(_amount)]
InFolder = Annotated[Path, BeforeValidator(_in_folder)]
Creators = Annotated[
    tuple[str, ...], BeforeValidator(_listed), _entries(_is_account, "an account's address without a slip")
]
Digests = Annotated[
    tuple[str, ...], BeforeValidator(_listed), _entries(_is_digest, "a digest of 64 hexadecimal digits")
]
Kinds = Annotated[tuple[Annotated[Kind, Field(strict=False)], ...], BeforeValidator(_kinds)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PoolConfig(_Part):
    """What all tasks together may use. ``memory`` and ``disk`` in bytes."""

    cpus: float = Field(default_factory=lambda: float(os.cpu_count() or 1), gt=0)
    memory: Size = Field(default_factory=lambda: psutil.virtual_memory().total * 3 // 4)
    disk: Size | None = None  # the whole disk of the work folder, but the floor


class PolicyConfig(_Part):
    """Which tasks may run here; an empty list allows nobody. ``minimum_reward`` in base units.

    ``algos`` and ``datasets`` are digests: what runs, and what it may see.
    """

    kinds: Kinds = ()
    minimum_reward: Amount = 0
    creators: Creators = ()
    algos: Digests = ()
    datasets: Digests = ()
    approve: Literal["auto", "manual"] = "auto"
    share_logs: bool = False  # of tasks on this node's private data


class SandboxConfig(_Part):
    """Limits of every container, beside what a task asks for; only the operator may widen them."""

    pids: int = Field(default=256, ge=16)
    tmp: Size = 256 * MIB
    log: Size = MIB
    files: int = Field(default=20_000, ge=16)
    stop_grace: Seconds = 3.0
    build_memory: Size = 4 * GIB
    build_timeout: Seconds = 1800.0


class NodeConfig(_Part):
    """Everything an operator decides. Sizes in bytes, durations in seconds, paths absolute.

    ``storage`` is a folder or ``s3://…``, ``key`` a keystore file or on a development chain a key like ``//Alice``.
    """

    node: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    chain: Annotated[str, StringConstraints(pattern=r"^wss?://")]
    key: Annotated[str, BeforeValidator(_key)]
    password_file: InFolder | None = None
    storage: Annotated[str, BeforeValidator(_storage)]
    work: InFolder
    cache: Size = 20 * GIB
    slots: int = Field(default=1, ge=1, le=64)
    pool: PoolConfig = Field(default_factory=PoolConfig)
    disk_floor: Size = 5 * GIB
    docker: str | None = None  # the engine's address; None: the first that answers
    building: Literal["allow", "deny"] = "deny"
    base_image: str = "python:3.11-slim-bookworm"
    poll: Seconds = 1.0
    grace: Seconds = 10.0
    policy: PolicyConfig = Field(default_factory=PolicyConfig)
    sandbox: SandboxConfig = Field(default_factory=SandboxConfig)
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    log_format: Literal["auto", "text", "json"] = "auto"


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> NodeConfig:
    """Read ``node.yaml``; ``NODE_RUNTIME_SLOTS`` or ``NODE_RUNTIME_POOL__CPUS`` in the environment override it.

    Raises `ConfigError` that tells every mistake, as ``file:line:column`` or by the variable's name.
    """
    try:
        documents = load_documents(path)
    except InputError as error:
        remedy = error.remedy if path.exists() else "name it with --config; 'node-runtime init FOLDER' makes a new node"
        raise ConfigError(error.message, remedy=remedy) from None
    if len(documents) != 1:
        raise ConfigError(f"{path}: has {len(documents)} documents", remedy="leave only one, without '---'")
    value, named = _overridden(documents[0], environment)
    try:
        return NodeConfig.model_validate(value, context={"folder": path.absolute().parent})
    except ValidationError as error:
        mistakes = [_told(mistake, documents[0], named) for mistake in error.errors(include_url=False)]
        raise ConfigError("\n".join(mistakes)) from None


def _overridden(document: MarkedDocument, environment: Mapping[str, str]) -> tuple[dict[str, Any], dict[Location, str]]:
    """The document with what the environment says, and which variable said it. Other variables are none of ours."""
    value: dict[str, Any] = dict(document.value)
    named: dict[Location, str] = {}
    for location in _locations(NodeConfig, ()):
        variable = PREFIX + NESTED.join(location).upper()
        if variable not in environment:
            continue
        named[location] = variable
        *sections, key = location
        inside = value
        for section in sections:
            given = inside.get(section)
            inside[section] = dict(given) if isinstance(given, dict) else {}
            inside = inside[section]
        inside[key] = _variable_value(location, variable, environment[variable])
    return value, named


def _locations(model: type[BaseModel], inside: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _locations(info.annotation, (*inside, name))
        else:
            yield (*inside, name)


def _variable_value(location: tuple[str, ...], variable: str, text: str) -> Any:
    """Read as in the file, but a path is relative to the folder the program runs in."""
    if location in _PATHS:
        return text if "//" in text else str(Path(text).expanduser().absolute())
    try:
        return load_value(text)
    except InputError as error:
        raise ConfigError(f"{variable}: {error.message}") from None


def _told(mistake: Any, document: MarkedDocument, named: Mapping[Location, str]) -> str:
    for location, variable in named.items():
        if mistake["loc"][: len(location)] == location:
            return f"{variable}: {in_words(mistake)}"
    return explain_mistake(mistake, document, NodeConfig)
