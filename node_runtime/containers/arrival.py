"""How does an image get into the engine, from a registry or a tarball? No longer than the engine says something.

The client's own functions for it wait for ever for an engine, or a registry, that stops answering.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

import docker
import requests
from docker import auth
from docker.utils import parse_repository_tag

from node_runtime.containers.connection import checked


def pull(client: docker.APIClient, name: str) -> Iterator[dict[str, Any]]:
    """What the engine says of it (its API's ImageCreate), line by line: what went wrong is the last, with an ``error``.

    Raises what `connection.TROUBLE` names, also after the client's timeout without a word.
    """
    repository, tag = parse_repository_tag(name)
    registry, _ = auth.resolve_repository_name(repository)
    login = auth.get_config_header(client, registry)  # the operator's, from the docker command's configuration
    headers: dict[str, str | bytes] = {"X-Registry-Auth": login} if login else {}
    with _create(client, {"fromImage": repository, "tag": tag or "latest"}, headers) as response:
        for line in response.iter_lines(chunk_size=None):
            if line.strip():
                yield json.loads(line)


def import_image(client: docker.APIClient, tar: bytes | IO[bytes], name: str, *, changes: Sequence[str] = ()) -> None:
    """Make an image of a root file system; ``changes`` are lines as of a Dockerfile. Raises as `pull`."""
    repository, tag = name.split(":")
    params: dict[str, Sequence[str]] = {"fromSrc": "-", "repo": repository, "tag": tag, "changes": changes}
    with _create(client, params, {"Content-Type": "application/tar"}, tar) as response:
        _ = response.content  # to its end: only then it is there


def _create(
    client: docker.APIClient,
    params: Mapping[str, Sequence[str]],
    headers: Mapping[str, str | bytes],
    data: bytes | IO[bytes] | None = None,
) -> requests.Response:
    url = f"{client.base_url}/v{client.api_version}/images/create"
    return checked(client.post(url, params=params, headers=headers, data=data, stream=True, timeout=client.timeout))
