"""Image pulls and imports, bounded by the engine's silence and the node's free disk.

The client's own functions have no timeout for an engine or registry that stops answering.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import docker
import requests
from docker import auth
from docker.utils import parse_repository_tag

from node_runtime.errors import HostError
from node_runtime.platform.paths import without_places

from .build import free_in, stopped
from .client import TROUBLE, checked, connect, explanation, image_id, inspect_image, remove_image
from .discovery import login_at


def pull(client: docker.APIClient, name: str, *, logged_in: bool = True) -> Iterator[dict[str, Any]]:
    """Pull an image and yield the engine's progress (ImageCreate); a failure is the last line, with an ``error``.

    Without ``logged_in`` the pull is anonymous: an untrusted Dockerfile must not reveal the operator's identity to a
    registry. Raises what `client.TROUBLE` names, also after the client's timeout without output, and `HostError` where
    the operator's login can't be read.
    """
    repository, tag = parse_repository_tag(name)
    registry, _ = auth.resolve_repository_name(repository)
    login = login_at(registry) if logged_in else None
    headers: dict[str, str | bytes] = {"X-Registry-Auth": auth.encode_header(login)} if login else {}
    with _create(client, {"fromImage": repository, "tag": tag or "latest"}, headers) as response:
        for line in response.iter_lines(chunk_size=None):
            if line.strip():
                yield json.loads(line)


def import_image(client: docker.APIClient, tar: bytes | IO[bytes], name: str, *, changes: Sequence[str] = ()) -> None:
    """Import a root file system as an image; ``changes`` are Dockerfile instructions. Raises as `pull`."""
    # the whole name as ``repo``: Podman ignores ``tag``
    params: dict[str, Sequence[str]] = {"fromSrc": "-", "repo": name, "changes": changes}
    with _create(client, params, {"Content-Type": "application/tar"}, tar) as response:
        _ = response.content  # read to the end: the image exists only then


def import_once(client: docker.APIClient, tar: bytes | IO[bytes], name: str, *, changes: Sequence[str] = ()) -> bool:
    """Import an image unless the name is taken, since others may already use it. False when the engine refuses."""
    arriving = f"node-runtime/arriving:{uuid4().hex}"
    try:
        import_image(client, tar, arriving, changes=changes)
        if not image_id(client, arriving):
            return False
        if not image_id(client, name):
            repository, tag = name.split(":")
            client.tag(arriving, repository, tag)
    finally:
        remove_image(client, arriving)
    return True


def _create(
    client: docker.APIClient,
    params: Mapping[str, Sequence[str]],
    headers: Mapping[str, str | bytes],
    data: bytes | IO[bytes] | None = None,
) -> requests.Response:
    url = f"{client.base_url}/v{client.api_version}/images/create"
    return checked(client.post(url, params=params, headers=headers, data=data, stream=True, timeout=client.timeout))


Log = Callable[[str], None]


class Puller:
    """Pulls for the engine at `url` with its images in `storage`. ``silence`` is the timeout between progress lines,
    ``answer`` of a registry's answer; both in seconds."""

    def __init__(
        self, client: docker.APIClient, *, url: str, storage: Path, silence: int, answer: int, floor: int
    ) -> None:
        self._client = client
        self._url = url
        self._storage = storage
        self._silence = silence
        self._answer = answer
        self._floor = floor

    def pulled(self, name: str, log: Log, stop: threading.Event, *, logged_in: bool = True) -> dict[str, Any] | None:
        """Pull an image; return its ImageInspect, or None where no registry provides it.

        Cancelled at the first progress line after `stop`, at the latest after ``silence``. Raises `HostError` below the
        disk floor, since the size of an image is untrusted.
        """
        log(f"pulling {name}")
        client = connect(self._url, timeout=self._silence)
        try:
            for said in pull(client, name, logged_in=logged_in):
                if "error" in said:
                    log(without_places(str(said["error"]), known=name))
                self._check_floor(name)
                if stop.is_set():
                    break
        except TROUBLE as error:
            log(without_places(explanation(error), known=name))
        finally:
            client.close()
        if stop.is_set():
            raise stopped(f"pulling {name}")
        return inspect_image(self._client, name)

    def is_offered(self, name: str) -> bool:
        """Whether the image's registry confirms in time that it has the image."""
        client = connect(self._url, timeout=self._answer)
        try:
            registry, _ = auth.resolve_repository_name(name)
            client.inspect_distribution(name, auth_config=login_at(registry) or {})  # type: ignore[no-untyped-call]
        except TROUBLE:
            return False
        finally:
            client.close()
        return True

    def _check_floor(self, name: str) -> None:
        free = free_in(self._storage)
        if free is not None and free < self._floor:
            left = f"{free >> 20} MiB are free in {self._storage}, the floor is {self._floor >> 20} MiB"
            raise HostError(
                f"pulling {name} was cancelled: {left}",
                remedy="free some disk (`docker image prune`), or lower the floor",
            )
