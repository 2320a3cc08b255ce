"""The operator's configuration: reads ``node.yaml`` and the environment into a `NodeConfig`."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import psutil
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from node_runtime.domain.task import UNIT
from node_runtime.errors import ConfigError, InputError
from node_runtime.spec.messages import Location, describe_error
from node_runtime.spec.yaml_source import MarkedDocument, explain_mistake, load_documents, load_value

from .fields import (
    Address,
    Aliases,
    Amount,
    BuildArguments,
    Creators,
    Digests,
    Gpus,
    InFolder,
    KeyName,
    Kinds,
    Receiver,
    Seconds,
    Size,
    Storage,
)

PREFIX = "NODE_RUNTIME_"
NESTED = "__"
GIB = 1 << 30
MIB = 1 << 20
MOST_SLOTS = 64
UID_BASE = 200_000  # above regular users and above the usual first range in /etc/subuid
_PATHS = (("key",), ("password_file",), ("storage",), ("storage_access",), ("work",))


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PoolConfig(_Section):
    """Resources for all tasks together. ``memory`` and ``disk`` in bytes, ``gpus`` by their UUIDs or `ALL_GPUS`."""

    cpus: float = Field(default_factory=lambda: float(os.cpu_count() or 1), gt=0)
    memory: Size = Field(default_factory=lambda: psutil.virtual_memory().total * 3 // 4)
    disk: Size | None = None  # None: the work folder's whole disk minus `disk_floor`
    gpus: Gpus = ()


class PolicyConfig(_Section):
    """The rules for tasks; an empty list allows nothing. Amounts in base units, ``longest`` in seconds.

    ``algos`` and ``datasets`` are digests of the code that may run and of the data it may read.
    """

    kinds: Kinds = ()
    minimum_reward: Amount = 0
    minimum_rate: Amount = 0  # per hour of an attempt's allowed time
    largest_bond: Amount = 100 * UNIT
    longest: Seconds | None = None  # allowed time of an attempt
    creators: Creators = ()
    algos: Digests = ()
    datasets: Digests = ()
    approve: Literal["auto", "manual"] = "auto"
    share_logs: bool = False  # logs of tasks on this node's private data
    private_alone: bool = True  # such tasks run at other times than all others


class SandboxConfig(_Section):
    """Limits of every container, in addition to a task's own; only the operator can raise them."""

    pids: int = Field(default=256, ge=16)
    tmp: Size | None = None  # largest scratch of a task; None: limited by its memory
    uid_base: int = Field(default=UID_BASE, ge=1000, le=1 << 31)  # of the first slot, if the daemon runs as root
    log: Size = MIB
    files: int = Field(default=20_000, ge=16)
    stop_grace: Seconds = 3.0
    gpu_driver: Literal["nvidia", "cdi"] | None = None  # the engine's; None: what it has
    build_memory: Size = 4 * GIB
    build_timeout: Seconds = 1800.0
    build_pids: int = Field(default=1024, ge=16)
    build_cgroup: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9/][A-Za-z0-9_.:/-]{0,127}$")] | None = None


class NodeConfig(_Section):
    """The whole configuration. Sizes in bytes, durations in seconds, paths absolute.

    ``storage`` is a folder or ``s3://…``, which the file ``storage_access`` gives access to. ``key`` is a keystore
    file, or on a development chain a key like ``//Alice``.
    """

    node: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    chain: Annotated[str, StringConstraints(pattern=r"^wss?://")]
    key: KeyName
    password_file: InFolder | None = None
    storage: Storage
    storage_access: InFolder | None = None
    work: InFolder
    cache: Size = 20 * GIB
    slots: int = Field(default=1, ge=1, le=MOST_SLOTS)
    pool: PoolConfig = Field(default_factory=PoolConfig)
    disk_floor: Size = 5 * GIB
    docker: str | None = None  # the engine's address; None: the first that answers
    building: Literal["allow", "deny"] = "deny"
    base_image: str = "python:3.11-slim-bookworm"
    image_aliases: Aliases = {}
    build_arguments: BuildArguments = {}
    poll: Seconds = 1.0
    grace: Seconds = 10.0
    policy: PolicyConfig = Field(default_factory=PolicyConfig)
    sandbox: SandboxConfig = Field(default_factory=SandboxConfig)
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    metrics_address: Address = "127.0.0.1"
    traces: Receiver | None = None
    log_format: Literal["auto", "text", "json"] = "auto"


_MISSING = (
    "name it with --config; 'node-runtime init FOLDER' makes a new node, 'node-runtime nodes' shows the local network's"
)


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> NodeConfig:
    """Read ``node.yaml``; ``NODE_RUNTIME_SLOTS`` or ``NODE_RUNTIME_POOL__CPUS`` in the environment override it.

    Raises `ConfigError` that lists every mistake, with ``file:line:column`` or the variable's name.
    """
    try:
        documents = load_documents(path)
    except InputError as error:
        remedy = error.remedy if path.exists() else _MISSING
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
    """Return the document with overrides from the environment, and the variable of each; ignore other variables."""
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
    """Parse a variable as YAML; resolve a path relative to the working directory."""
    if location in _PATHS:
        return text if "//" in text else str(Path(text).expanduser().absolute())
    try:
        return load_value(text)
    except InputError as error:
        raise ConfigError(f"{variable}: {error.message}") from None


def _told(mistake: Any, document: MarkedDocument, named: Mapping[Location, str]) -> str:
    for location, variable in named.items():
        if mistake["loc"][: len(location)] == location:
            return f"{variable}: {describe_error(mistake)}"
    return explain_mistake(mistake, document, NodeConfig)
