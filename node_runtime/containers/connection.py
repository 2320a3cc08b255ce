"""How do we talk to the engine, and what becomes of its errors?"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, create_api_error_from_http_exception
from docker.types import ContainerConfig
from requests.exceptions import ReadTimeout, RequestException
from urllib3.exceptions import HTTPError, ReadTimeoutError

from node_runtime.errors import EngineUnavailable, HostError

POOL = 64  # a running container uses up to three connections
TROUBLE = (DockerException, RequestException, HTTPError)
"""What the client raises: the last in the middle of a stream, as when what is pulled stops coming."""


def connect(url: str, *, timeout: int = 120) -> docker.APIClient:
    """A client for the engine at `url`, in an API version that both speak. Safe to share between threads."""
    with engine_trouble(f"no container engine answers at {url}"):
        return docker.APIClient(base_url=url, version="auto", timeout=timeout, max_pool_size=POOL)


@contextmanager
def engine_trouble(what: str) -> Iterator[None]:
    """The engine's own trouble is the host's: `EngineUnavailable` when it doesn't answer, else `HostError`."""
    remedy = "see that the Docker Engine runs (`docker info`), then repeat"
    try:
        yield
    except APIError as error:
        raise HostError(f"{what}: {explanation(error)}", remedy=remedy) from error
    except TROUBLE as error:
        raise EngineUnavailable(f"{what}: {explanation(error)}", remedy=remedy) from error


def inspect_image(client: docker.APIClient, name: str) -> dict[str, Any] | None:
    """The engine's own description (its API's ImageInspect), None when it hasn't got the image."""
    try:
        found: dict[str, Any] = client.inspect_image(name)  # type: ignore[no-untyped-call]
    except ImageNotFound:
        return None
    return found


def image_id(client: docker.APIClient, name: str) -> str | None:
    found = inspect_image(client, name)
    return None if found is None else str(found["Id"])


def remove_image(client: docker.APIClient, name: str) -> bool:
    """Remove a tag or an image, with the parents that nothing else needs. False when it isn't there, or is used."""
    try:
        client.remove_image(name)
    except APIError as error:
        if status(error) in (404, 409):
            return False
        if "unrecognized image ID" not in explanation(error):  # a parent that another removal took just then
            raise
    return True


def create_container(client: docker.APIClient, config: ContainerConfig, name: str) -> str:
    """The new container's id. Raises `APIError`: 404 without the image, 409 when the name is taken."""
    return str(client.create_container_from_config(config, name=name)["Id"])  # type: ignore[no-untyped-call]


def remove_container(client: docker.APIClient, container: str) -> None:
    """Kill and remove it; when this returns its name is free again, whoever removed it. Raises `APIError`."""
    try:
        client.remove_container(container, force=True, v=True)
    except APIError as error:
        if status(error) == 409:  # somebody else is removing it
            await_removal(client, container)
        elif status(error) != 404:
            raise


def await_removal(client: docker.APIClient, container: str) -> None:
    """Until whoever removes the container has done so. Raises `RequestException` when that is not heard of in time."""
    try:
        client.wait(container, timeout=client.timeout, condition="removed")  # else it waits for ever
    except APIError as error:
        if status(error) != 404:
            raise


def checked(response: requests.Response) -> requests.Response:
    """Raises `APIError` for one that tells an error."""
    try:
        response.raise_for_status()
    except requests.HTTPError as error:
        create_api_error_from_http_exception(error)
    return response


def without_limit(client: docker.APIClient, response: requests.Response) -> None:
    """From now on silence is no reason to stop reading: hours may lie between two lines."""
    client._disable_socket_timeout(client._get_raw_response_socket(response))  # type: ignore[attr-defined]


def was_silence(error: RequestException) -> bool:
    """Whether the engine said nothing for as long as was given to it, rather than that it hung up."""
    return isinstance(error, ReadTimeout) or any(isinstance(cause, ReadTimeoutError) for cause in error.args)


def explanation(error: Exception) -> str:
    """What the engine itself said, in one line."""
    if isinstance(error, APIError) and error.explanation:
        return " ".join(str(error.explanation).split())
    return " ".join(str(error).split())


def status(error: APIError) -> int:
    """The engine's HTTP status: 404 no such thing, 409 not in that state."""
    return int(error.status_code or 0)
