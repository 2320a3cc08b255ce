"""Containers that are never started, by which the engine gives away what an image contains."""

from collections.abc import Sequence
from contextlib import suppress

import docker
import requests
from docker.errors import APIError
from docker.types import ContainerConfig, HostConfig

from .client import create_container, remove_container, status
from .pause_container import IMAGE, ensure_pause_image
from .settings import NODE_LABEL


def create_unstarted(
    client: docker.APIClient, image: str, *, name: str, node: str, architecture: str, volumes: Sequence[str]
) -> str | None:
    """Create a container of the image with the ``volumes`` that it declares; None where its configuration allows none.

    The configuration is at fault where the engine refuses the request as a bad one, or otherwise fails (Podman) while
    it creates a container of the node's own image. Raises `APIError` for other failures.
    """
    try:
        return _created(client, image, name=name, node=node, volumes=volumes)
    except APIError as error:
        if status(error) == requests.codes.bad_request:
            return None
        if status(error) != requests.codes.server_error:
            raise
        with suppress(APIError):
            ensure_pause_image(client, architecture)
            remove_container(client, _created(client, IMAGE, name=name, node=node, volumes=()))
            return None
        raise


def _created(client: docker.APIClient, image: str, *, name: str, node: str, volumes: Sequence[str]) -> str:
    version = client.api_version
    config = ContainerConfig(
        version,
        image=image,
        command=["/"],
        user="0:0",  # else an engine may look up the image's own, which may not exist
        labels={NODE_LABEL: node},
        host_config=HostConfig(version, network_mode="none", tmpfs=dict.fromkeys(volumes, "size=64k")),
    )
    return create_container(client, config, name)
