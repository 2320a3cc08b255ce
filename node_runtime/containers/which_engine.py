"""Which container engine answers on this machine? Nothing is started, and nothing changed."""

import os
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import docker
from docker.context import ContextAPI
from docker.errors import DockerException
from requests.exceptions import RequestException

from node_runtime.containers.peer import unix_socket
from node_runtime.errors import HostError

_ANSWERS_WITHIN = 30  # seconds: where nobody listens that is known at once, and a busy machine takes its time
_SYSTEM_SOCKET = "unix:///var/run/docker.sock"


def find_engine() -> str | None:
    """The address of an engine that answers, in the order the docker command looks; None when there is none.

    Raises `HostError` when one is named (``DOCKER_HOST``) or there, but cannot be used by this user.
    """
    named = os.environ.get("DOCKER_HOST")
    if named:
        if not answers(named):
            raise HostError(
                f"DOCKER_HOST names {named}, and no container engine answers there",
                remedy="start that engine, or unset DOCKER_HOST",
            )
        return named
    closed: Path | None = None
    for url in dict.fromkeys(_candidates()):
        if answers(url):
            return url
        path = unix_socket(url)
        if path is not None and path.exists() and not os.access(path, os.W_OK):
            closed = path
    if closed is not None:
        raise HostError(
            f"{closed} belongs to a container engine that this user may not use",
            remedy="add the user to the group docker (`sudo usermod -aG docker $USER`) and log in again",
        )
    return None


def require_engine() -> str:
    """The address of an engine that answers. Raises `HostError` when there is none."""
    url = find_engine()
    if url is None:
        raise HostError(
            "no container engine answers on this machine",
            remedy="start Docker (e.g. `sudo systemctl start docker`) or install it (https://docs.docker.com/engine/)",
        )
    return url


def answers(url: str, *, within: int = _ANSWERS_WITHIN, version: str = "auto") -> bool:
    """Whether an engine answers there, within so many seconds. Who knows its API's version is told sooner."""
    try:
        with closing(docker.APIClient(base_url=url, version=version, timeout=within)) as client:
            return bool(client.ping())
    except (DockerException, RequestException, ValueError):
        return False


def _candidates() -> Iterator[str]:
    with suppress(Exception):  # a broken client configuration is no reason to find nothing
        context = ContextAPI.get_current_context()
        if context is not None and context.Host:
            yield context.Host
    yield _SYSTEM_SOCKET
    home = Path.home()
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    for path in (Path(runtime, "docker.sock"), home / ".docker/run/docker.sock", home / ".colima/default/docker.sock"):
        yield f"unix://{path}"
