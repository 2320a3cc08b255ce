"""The client of the engine: connection, errors, calls shared by several modules, and the messages that are matched.

Every matched phrase of the engine's messages is listed here, to repeat a call or to choose a message for the user. None
assigns a failure to the task or the host, because images and their names can contain any of them.
"""

import os
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, create_api_error_from_http_exception
from docker.types import ContainerConfig
from requests.exceptions import ReadTimeout, RequestException
from urllib3.exceptions import HTTPError, ReadTimeoutError

from node_runtime.errors import EngineUnavailable, HostError
from node_runtime.substrate.connection import is_loopback

from .seccomp import with_profile_file
from .socket_access import closed_to_user

POOL = 64  # a running container uses up to three connections
TROUBLE = (DockerException, RequestException, HTTPError)
"""The client's exceptions; the last is raised in the middle of a stream, e.g. by a stalled pull."""
NOT_EXECUTABLE = "its program may not be executed"
NOT_FOUND = "its program was not found"
_PROCESSORS = {"amd64": "x86_64", "arm64": "aarch64"}
_TAKEN_MEANWHILE = ("unrecognized image ID",)
_PROFILE_AS_PATH = "opening seccomp profile failed: open {"
_ENDED_MEANWHILE = "container state improper"
_JOINED = "has dependent containers which must be removed before it"
_LOST_NAMESPACE = ("network of a non running container", "No such container", "/ns/net")
_PLACE = re.compile(r'to rootfs at "(?P<place>/[\w./-]{0,200})"')
_START_MEANINGS = {
    ("executable file not found",): NOT_FOUND,
    ("exec", "no such file or directory"): NOT_FOUND,
    ("exec", "permission denied"): NOT_EXECUTABLE,
    ("No command specified",): "its image names no program, and neither does the task",
    ("destination can't be '/'",): "its image declares / as a volume",
    ("mount path must be absolute",): "its image declares a volume without a leading slash",
    ("during container init: mkdir ", "no such file or directory"): "its image's working directory can't be made",
    ("error reopening /dev/null",): "its image declares /dev as a volume",
    ("because it is inside /proc",): "its image declares a volume inside /proc",
}


class EngineClient(docker.APIClient):
    """The library's client, independent of the docker command's configuration and, for an engine on this machine, of
    proxies. The library reads both when a client is created and has no option to prevent that."""

    @property
    def _general_configs(self) -> dict[str, Any]:
        """An empty configuration: no proxies, no logins."""
        return {"auths": {"nowhere.invalid": {}}}

    @_general_configs.setter
    def _general_configs(self, read: dict[str, Any]) -> None:
        """Ignore the file; a login is read when it is needed (`discovery.login_at`)."""

    @property
    def trust_env(self) -> bool:
        """Whether proxies and passwords in ``~/.netrc`` apply."""
        host = urlsplit(self.base_url).hostname
        return host is not None and not is_loopback(host)

    @trust_env.setter
    def trust_env(self, trusted: bool) -> None:
        """Ignore the library's initial value, set before the address is known."""


def open_client(url: str, *, timeout: int, version: str = "auto") -> docker.APIClient:
    """Open a client for the engine at `url` with a negotiated API version. Raises what `TROUBLE` names."""
    return EngineClient(base_url=url, version=version, timeout=timeout, max_pool_size=POOL)


def connect(url: str, *, timeout: int = 120) -> docker.APIClient:
    """Open a client that threads may share. Raises `HostError` where no engine answers, or not this user."""
    closed = closed_to_user(url)
    if closed is not None:
        raise closed
    with engine_trouble(f"no container engine answers at {url}"):
        return open_client(url, timeout=timeout)


@contextmanager
def engine_trouble(what: str) -> Iterator[None]:
    """Convert the client's exceptions: `EngineUnavailable` when the engine doesn't answer, else `HostError`."""
    remedy = "see that the Docker Engine runs (`docker info`), then repeat"
    try:
        yield
    except APIError as error:
        raise HostError(f"{what}: {explanation(error)}", remedy=remedy) from error
    except TROUBLE as error:
        raise EngineUnavailable(f"{what}: {explanation(error)}", remedy=remedy) from error


def engine_info(client: docker.APIClient) -> dict[str, Any]:
    """The engine's SystemInfo, with the kernel's name of its processor: Podman tells Go's."""
    info: dict[str, Any] = client.info()
    return {**info, "Architecture": _PROCESSORS.get(info["Architecture"], info["Architecture"])}


def inspect_image(client: docker.APIClient, name: str) -> dict[str, Any] | None:
    """The engine's ImageInspect; None when the image is missing."""
    try:
        found: dict[str, Any] = client.inspect_image(name)  # type: ignore[no-untyped-call]
    except ImageNotFound:
        return None
    return found


def image_id(client: docker.APIClient, name: str) -> str | None:
    found = inspect_image(client, name)
    return None if found is None else str(found["Id"])


def remove_image(client: docker.APIClient, name: str) -> bool:
    """Remove a tag or an image with its unused parents. False when it is missing or in use."""
    try:
        client.remove_image(name)
    except APIError as error:
        if status(error) in (404, 409):
            return False
        if not is_taken_meanwhile(explanation(error)):
            raise
    return True


def create_container(client: docker.APIClient, config: ContainerConfig, name: str) -> str:
    """Create a container; return its id. Raises `APIError`: 404 without the image, 409 when the name is taken.

    An engine that takes a seccomp profile for the path of one is given a file instead, never no profile. One that makes
    the missing source of a mount (Podman) isn't asked to.
    """
    for mount in (config["HostConfig"] or {}).get("Mounts") or ():
        if _is_missing(Path(mount["Source"])):
            raise APIError(f"bind source path does not exist: {mount['Source']}")
    try:
        return _created(client, config, name)
    except APIError as error:
        if _PROFILE_AS_PATH not in explanation(error):
            raise
    return _created(client, with_profile_file(config), name)


def _is_missing(source: Path) -> bool:
    """Whether nothing is there, as far as this user can see."""
    try:
        source.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _created(client: docker.APIClient, config: ContainerConfig, name: str) -> str:
    return str(client.create_container_from_config(config, name=name)["Id"])  # type: ignore[no-untyped-call]


def remove_container(client: docker.APIClient, container: str) -> None:
    """Kill and remove a container; afterwards its name is free. Raises `APIError`.

    It is asked for again where the container ended between Podman's look and its signal.
    """
    try:
        _remove_container(client, container)
    except APIError as error:
        if _ENDED_MEANWHILE not in explanation(error):
            raise
        _remove_container(client, container)


def _remove_container(client: docker.APIClient, container: str) -> None:
    try:
        client.remove_container(container, force=True, v=True)
    except APIError as error:
        if status(error) == 409:  # its removal is already in progress
            await_removal(client, container)
        elif status(error) != 404:
            raise


def await_removal(client: docker.APIClient, container: str) -> None:
    """Wait until the container is removed. Raises `RequestException` after the client's timeout."""
    try:
        client.wait(container, timeout=client.timeout, condition="removed")  # the default has no timeout
    except APIError as error:
        if status(error) != 404:
            raise


def checked(response: requests.Response) -> requests.Response:
    """Return the response. Raises `APIError` for an error status."""
    try:
        response.raise_for_status()
    except requests.HTTPError as error:
        create_api_error_from_http_exception(error)
    return response


def without_limit(client: docker.APIClient, response: requests.Response) -> None:
    """Disable the read timeout of a response: hours may pass between two lines."""
    client._disable_socket_timeout(client._get_raw_response_socket(response))  # type: ignore[attr-defined]


def was_silence(error: RequestException) -> bool:
    """Whether the error is a read timeout rather than a closed connection."""
    return isinstance(error, ReadTimeout) or any(isinstance(cause, ReadTimeoutError) for cause in error.args)


def explanation(error: Exception) -> str:
    """The engine's own message, in one line."""
    if isinstance(error, APIError) and error.explanation:
        return " ".join(str(error.explanation).split())
    return " ".join(str(error).split())


def status(error: APIError) -> int:
    """The HTTP status: 404 for a missing object, 409 for a conflicting state."""
    return int(error.status_code or 0)


def shares_mounts(path: Path) -> bool:
    """Whether the engine at the socket shares this process's mount namespace.

    False when unknown, e.g. for another user's process or across containers.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(5)
            probe.connect(os.fspath(path))
            size = struct.calcsize("3i")
            pid, _, _ = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        return pid > 0 and Path(f"/proc/{pid}/ns/mnt").stat() == Path("/proc/self/ns/mnt").stat()
    except (OSError, AttributeError):  # no SO_PEERCRED outside Linux
        return False


def is_taken_meanwhile(said: str) -> bool:
    """Whether an image's parent was removed concurrently, so that the removal has succeeded."""
    return any(phrase in said for phrase in _TAKEN_MEANWHILE)


def lost_its_namespace(said: str) -> bool:
    """Whether the container or its pause container is missing; both are then created again."""
    return any(phrase in said for phrase in _LOST_NAMESPACE)


def is_joined(said: str) -> bool:
    """Whether a container isn't removed because others joined its namespace."""
    return _JOINED in said


def meaning_of_start(said: str) -> str | None:
    """Explain a failed start; None where no phrase matches."""
    return next((meaning for signs, meaning in _START_MEANINGS.items() if all(sign in said for sign in signs)), None)


def place_in_rootfs(said: str) -> str | None:
    """The path in the image's file system of a failed mount."""
    found = _PLACE.search(said)
    return None if found is None else found["place"]
