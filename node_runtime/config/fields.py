"""The types of fields in ``node.yaml``: how each value is read, and what is refused."""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from node_runtime.domain.task import Kind
from node_runtime.domain.units import read_amount, read_duration, read_size
from node_runtime.engines.docker.aliases import ImageAliases, Target, read_reference, read_target
from node_runtime.spec.fields import read_account

ANY = "any"
ALL_GPUS, NO_GPUS = "all", "none"
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
KeyName = Annotated[str, BeforeValidator(_key)]
Storage = Annotated[str, BeforeValidator(_storage)]
Address = Annotated[str, AfterValidator(_address)]
Receiver = Annotated[str, AfterValidator(_receiver)]
