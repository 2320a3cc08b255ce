"""The storage access file: a YAML with the address, keys and certificate of an object storage."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from node_runtime.errors import ConfigError, InputError
from node_runtime.platform.files import host_errors
from node_runtime.spec.yaml_source import explain_mistake, load_documents
from node_runtime.stores.access import FROM_ENVIRONMENT, StorageAccess

VARIABLE = "NODE_RUNTIME_STORAGE_ACCESS"
_LARGEST_CERTIFICATE = 1 << 20  # bytes


def _address(text: str) -> str:
    address = urlsplit(text)
    if address.scheme not in ("http", "https") or not address.hostname or not text.isprintable():
        raise ValueError("it is no address https://… or http://…")
    if address.username is not None or address.query or address.fragment or address.path.strip("/"):
        raise ValueError("it has more than scheme, host and port; keys stand in access_key and secret_key")
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
    return _access(read, str(named), named.absolute().parent)


def access_of(given: Mapping[str, object], place: str) -> StorageAccess:
    """Return the access that the file's keys give as a mapping; paths are relative to the working directory.

    Raises `ConfigError` that names ``place`` and no secret.
    """
    try:
        return _access(_AccessFile.model_validate(dict(given)), place, Path())
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False)
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in mistakes)
        raise ConfigError(f"{place}: {told}", remedy=f"its keys are {', '.join(_AccessFile.model_fields)}") from None


def _access(read: _AccessFile, place: str, folder: Path) -> StorageAccess:
    if (read.access_key is None) != (read.secret_key is None):
        raise ConfigError(f"{place}: one of access_key and secret_key is missing", remedy="name both, or neither")
    return StorageAccess(
        **read.model_dump(exclude={"ca", "service_account"}),
        service_account=None if read.service_account is None else folder / Path(read.service_account).expanduser(),
        ca=None if read.ca is None else _certificate(place, folder / Path(read.ca).expanduser()),
    )


def _certificate(named: str, place: Path) -> str:
    with host_errors(place), place.open("rb") as opened:
        content = opened.read(_LARGEST_CERTIFICATE)
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise ConfigError(f"{named}: ca: {place} has no certificate", remedy="name a PEM file")
    return content.decode("ascii", errors="replace")
