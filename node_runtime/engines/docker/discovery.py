"""Discovery of the engine that answers, and of registry logins, in the docker command's configuration of this user."""

import json
import os
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from docker.auth import AuthConfig, resolve_index_name
from docker.context import ContextAPI
from docker.errors import DockerException
from docker.utils.config import find_config_file
from requests.exceptions import RequestException

from node_runtime.errors import HostError

from .client import open_client
from .socket_access import closed_to_user

_ANSWERS_WITHIN = 30  # seconds: a refused connection fails at once, a busy machine may answer late
_SYSTEM_SOCKET = "unix:///var/run/docker.sock"
_UNUSABLE = (DockerException, ValueError, TypeError, AttributeError)
"""The library's exceptions for invalid entries."""


def login_at(registry: str) -> dict[str, Any] | None:
    """Read the user's login at a registry (``docker login``); None where there is none.

    Entries of other registries are ignored; an empty entry, e.g. ``"auth": ""``, is no login. Raises `HostError` for
    an invalid file or entry.
    """
    path = _config_path()
    if path is None:
        return None
    settings = _read_config(path)
    listed = settings.get("auths", {})
    try:
        own = {name: entry for name, entry in listed.items() if resolve_index_name(name) == registry}
        named = {name: entry for name, entry in own.items() if entry.get("auth") or entry.get("identitytoken")}
        stores = {name: settings[name] for name in ("credsStore", "credHelpers") if settings.get(name)}
        logins = AuthConfig({"auths": AuthConfig.parse_auth(named, raise_on_error=True), **stores})
        found: dict[str, Any] | None = logins.resolve_authconfig(registry)
    except _UNUSABLE as error:
        raise _unusable_config(path, f"its login at {registry}: {str(error) or type(error).__name__}") from error
    return found or None


def config_problem() -> HostError | None:
    """The error of an unusable configuration file; None where it is valid or missing."""
    path = _config_path()
    if path is None:
        return None
    try:
        _read_config(path)
    except HostError as error:
        return error
    return None


def _config_path() -> Path | None:
    found = find_config_file()
    return None if found is None else Path(str(found))


def _read_config(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_bytes())
    except OSError as error:
        raise _unusable_config(path, error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise _unusable_config(path, f"it is no JSON: {error}") from error
    if not isinstance(settings, dict):
        raise _unusable_config(path, "it is no JSON object")
    return settings


def _unusable_config(path: Path, reason: str) -> HostError:
    return HostError(
        f"the docker command's configuration {path} can't be used: {' '.join(reason.split())}",
        remedy="fix or remove it, or name another folder for it in DOCKER_CONFIG",
    )


def find_engine() -> str | None:
    """Find the address of an engine that answers, in the docker command's order; None when there is none.

    Raises `HostError` when ``DOCKER_HOST`` names one that doesn't answer, or this user may not use the socket.
    """
    named = os.environ.get("DOCKER_HOST")
    if named:
        if not answers(named):
            raise closed_to_user(named) or HostError(
                f"DOCKER_HOST names {named}, and no container engine answers there",
                remedy="start that engine, or unset DOCKER_HOST",
            )
        return named
    closed: HostError | None = None
    for url in dict.fromkeys(_candidates()):
        if answers(url):
            return url
        closed = closed or closed_to_user(url)
    if closed is not None:
        raise closed
    return None


def require_engine() -> str:
    """Find the address of an engine that answers. Raises `HostError` when there is none."""
    url = find_engine()
    if url is None and (unusable := config_problem()) is not None:  # the configuration may name the engine
        raise HostError(f"no container engine is found: {unusable.message}", remedy=unusable.remedy)
    if url is None:
        raise HostError(
            "no container engine answers on this machine",
            remedy="start Docker (e.g. `sudo systemctl start docker`), install it (https://docs.docker.com/engine/), "
            "or as root on Debian let 'node-runtime up' do so and repeat while it runs",
        )
    return url


def answers(url: str, *, within: int = _ANSWERS_WITHIN, version: str = "auto") -> bool:
    """Whether an engine answers within that time. A known API version saves a round trip."""
    try:
        with closing(open_client(url, version=version, timeout=within)) as client:
            return bool(client.ping())
    except (DockerException, RequestException, ValueError):
        return False


def _candidates() -> Iterator[str]:
    with suppress(Exception):  # ignore a broken client configuration
        context = ContextAPI.get_current_context()
        if context is not None and context.Host:
            yield context.Host
    yield _SYSTEM_SOCKET
    home = Path.home()
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    for path in (Path(runtime, "docker.sock"), home / ".docker/run/docker.sock", home / ".colima/default/docker.sock"):
        yield f"unix://{path}"
