"""The operator's configuration: reads ``node.yaml`` and the environment into a `NodeConfig`."""

import ipaddress
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

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

from node_runtime.domain.task import UNIT, Kind
from node_runtime.domain.units import read_amount, read_duration, read_size
from node_runtime.engines.docker.aliases import ImageAliases, Target, read_reference, read_target
from node_runtime.errors import ConfigError, InputError
from node_runtime.spec.fields import read_account
from node_runtime.spec.messages import Location, describe_error
from node_runtime.spec.yaml_source import MarkedDocument, explain_mistake, load_documents, load_value

PREFIX = "NODE_RUNTIME_"
NESTED = "__"
ANY = "any"
ALL_GPUS, NO_GPUS = "all", "none"
GIB = 1 << 30
MIB = 1 << 20
MOST_SLOTS = 64
UID_BASE = 200_000  # above regular users and above the usual first range in /etc/subuid
_PATHS = (("key",), ("password_file",), ("storage",), ("storage_access",), ("work",))
_DIGEST = re.compile(r"[0-9a-f]{64}")
_GPU = re.compile(r"(GPU|MIG)-[0-9A-Za-z/-]{1,80}")
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def _size(value: object) -> object:
    return read_size(value) if isinstance(value, str) else _refuse(value, "a size with its unit, e.g. 4GiB")


def _seconds(value: object) -> object:
    return read_duration(value) / 1000 if isinstance(value, str) else _refuse(value, "a duration, e.g. 5s or 15m")


def _amount(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        _refuse(value, "an amount in UNIT, e.g. 0.5")
    return read_amount(str(value))


def _gpus(value: object) -> object:
    return () if value == NO_GPUS else _listed(value)


def _known_gpus(gpus: tuple[str, ...]) -> tuple[str, ...]:
    for gpu in gpus:
        if gpu != ALL_GPUS and not _GPU.fullmatch(gpu):
            raise ValueError(f"'{gpu[:70]}' is neither a UUID of 'nvidia-smi -L', nor {ALL_GPUS} or {NO_GPUS}")
    return tuple(dict.fromkeys(gpus))


def _refuse(value: object, wanted: str) -> object:
    raise ValueError(f"{value!r:.40} is not {wanted}")


def _in_folder(value: object, info: ValidationInfo) -> Path:
    """Resolve a path relative to the configuration file."""
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
    """Check that each entry is a valid value, an anchored pattern, or ``any``; any other would never match."""

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


def _build_arguments(arguments: dict[str, str]) -> dict[str, str]:
    """Check build arguments; refuse passwords, which every RUN step of an untrusted Dockerfile could read."""
    from node_runtime.engines.docker.build_environment import has_password  # slow to import, and rarely needed

    for name, value in arguments.items():
        if not _ARGUMENT.fullmatch(name):
            raise ValueError(f"{name[:70]!r} is not a valid name of a build argument: letters, digits and '_'")
        if has_password(value) or "\n" in value:
            raise ValueError(f"{name} may hold a password, which every Dockerfile built here could read; leave it out")
    return arguments


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"'{text[:70]}' is not an IP address, e.g. 127.0.0.1, or 0.0.0.0 for all networks") from None


def _receiver(text: str) -> str:
    """Check an OTLP receiver's address; complete one without a path by the protocol's own."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"'{text[:70]}' is not an OTLP receiver's address, e.g. http://127.0.0.1:4318/v1/traces")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a password; set OTEL_EXPORTER_OTLP_HEADERS in the daemon's environment instead")
    return text if parts.path.strip("/") else f"{text.rstrip('/')}/v1/traces"


def _target(value: object, info: ValidationInfo) -> Target:
    if not isinstance(value, str):
        raise ValueError("must be text: an image, name:tag or id, or a folder with a Dockerfile, e.g. ./images/tools")
    return read_target(value, (info.context or {}).get("folder", Path()))


def _aliases(aliases: dict[str, Target]) -> dict[str, Target]:
    ImageAliases(aliases)
    return aliases


# The default of a size, duration or amount is given in bytes, seconds and base units.
Size = Annotated[int, BeforeValidator(_size), Field(gt=0)]
Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
Amount = Annotated[int, BeforeValidator(_amount)]
InFolder = Annotated[Path, BeforeValidator(_in_folder)]
Creators = Annotated[tuple[str, ...], BeforeValidator(_listed), _entries(_is_account, "a valid account address")]
Digests = Annotated[
    tuple[str, ...], BeforeValidator(_listed), _entries(_is_digest, "a digest of 64 hexadecimal digits")
]
BuildArguments = Annotated[dict[str, str], AfterValidator(_build_arguments)]
Aliases = Annotated[
    dict[Annotated[str, AfterValidator(read_reference)], Annotated[Target, BeforeValidator(_target)]],
    AfterValidator(_aliases),
]
Gpus = Annotated[tuple[str, ...], BeforeValidator(_gpus), AfterValidator(_known_gpus)]
Kinds = Annotated[tuple[Annotated[Kind, Field(strict=False)], ...], BeforeValidator(_kinds)]


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
    key: Annotated[str, BeforeValidator(_key)]
    password_file: InFolder | None = None
    storage: Annotated[str, BeforeValidator(_storage)]
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
    metrics_address: Annotated[str, AfterValidator(_address)] = "127.0.0.1"
    traces: Annotated[str, AfterValidator(_receiver)] | None = None
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
