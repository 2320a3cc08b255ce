"""Removal of the images that a node built, and of what failed builds leave."""

import time
from collections.abc import Sequence

import docker

from .client import remove_container, remove_image
from .dockerfile import LEFT_LABEL
from .settings import BUILT_LABEL, NODE_LABEL

_NO_TAG = "<none>:<none>"
_HUB = "docker.io/"  # Podman's images have it before their names
_ENDED = ("exited", "created", "dead", "stopped")


def remove_built(client: docker.APIClient, *, node: str, repositories: Sequence[str]) -> int:
    """Remove the images that this node built and no container uses; return their number."""
    removed = 0
    for found in client.images(filters={"label": f"{BUILT_LABEL}={node}"}):
        if client.containers(all=True, filters={"ancestor": found["Id"]}):
            continue  # several folders may share this image: the engine itself would protect only its last tag
        tags = set(found["RepoTags"] or ()) - {_NO_TAG}
        # untagged: built twice concurrently, and the other image has the tag
        for name in tags or {found["Id"]}:
            if name.removeprefix(_HUB).startswith((*(f"{one}:" for one in repositories), "sha256:")):
                removed += remove_image(client, name)
    return removed


def remove_unfinished(client: docker.APIClient, *, older: float) -> int:
    """Remove intermediate containers and images of failed builds, of any node; return the number of images.

    ``older`` is the age in seconds at which no build can still use them.
    """
    before = time.time() - older
    for found in client.containers(all=True, filters={"label": LEFT_LABEL}):
        # a task's container inherits its image's labels, but always has its node's too
        if found["State"] in _ENDED and NODE_LABEL not in found["Labels"] and found["Created"] < before:
            remove_container(client, found["Id"])
    steps = client.images(filters={"label": LEFT_LABEL, "dangling": True})
    return sum(remove_image(client, found["Id"]) for found in steps if found["Created"] < before)
