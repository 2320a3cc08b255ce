"""The storage access file: a YAML with the address, keys and certificate of an object storage."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from node_runtime.errors import ConfigError, InputError
from node_runtime.platform.files import host_errors
from node_runtime.spec.yaml_source import explain_mistake, load_documents
from node_runtime.stores.access import FROM_ENVIRONMENT, StorageAccess

VARIABLE = "NODE_RUNTIME_STORAGE_ACCESS"
_LARGEST_CERTIFICATE = 1 << 20  # bytes


def _address(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"'{text[:60]}' is no address https://… or http://…")
    return text.rstrip("/")


_Address = Annotated[str, AfterValidator(_address)]


class _AccessFile(BaseModel):
    """The keys of the file; paths are relative to it."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    endpoint: _Address | None = None
    outside: _Address | None = None
    region: str | None = Field(default=None, min_length=1)
    access_key: str | None = Field(default=None, min_length=1)
    secret_key: str | None = Field(default=None, min_length=1)
    service_account: str | None = None
    ca: str | None = None


def storage_access(file: Path | None = None) -> StorageAccess:
    """Read the file, by default the one that NODE_RUNTIME_STORAGE_ACCESS names; without any, the environment counts.

    Raises `ConfigError` with ``file:line:column`` and without the secret.
    """
    named = file or (Path(os.environ[VARIABLE]).expanduser() if os.environ.get(VARIABLE) else None)
    if named is None:
        return FROM_ENVIRONMENT
    try:
        (document,) = load_documents(named)
    except InputError as error:
        raise ConfigError(error.message, remedy=error.remedy or f"{VARIABLE} and storage_access name it") from None
    except ValueError:
        raise ConfigError(f"{named}: it has several documents", remedy="leave only one, without '---'") from None
    try:
        read = _AccessFile.model_validate(document.value)
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False)
        told = "\n".join(explain_mistake(mistake, document, _AccessFile) for mistake in mistakes)
        raise ConfigError(told) from None
    if (read.access_key is None) != (read.secret_key is None):
        raise ConfigError(f"{named}: one of access_key and secret_key is missing", remedy="name both, or neither")
    return StorageAccess(
        **read.model_dump(exclude={"ca", "service_account"}),
        service_account=_beside(named, read.service_account),
        ca=_certificate(named, read.ca),
    )


def _beside(file: Path, name: str | None) -> Path | None:
    return None if name is None else file.absolute().parent / Path(name).expanduser()


def _certificate(file: Path, name: str | None) -> str | None:
    place = _beside(file, name)
    if place is None:
        return None
    with host_errors(place), place.open("rb") as opened:
        content = opened.read(_LARGEST_CERTIFICATE)
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise ConfigError(f"{file}: ca: {place} has no certificate", remedy="name a PEM file")
    return content.decode("ascii", errors="replace")
