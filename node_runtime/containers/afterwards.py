"""What does the engine itself say of a container that has ended? Its clock, its memory, and whether it was the engine.

Every question costs a call, so they are asked only where the answer may matter.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import docker
from docker.errors import APIError

from node_runtime.containers.connection import status
from node_runtime.containers.ending import Ending


def look_back(client: docker.APIClient, container: str, ending: Ending) -> Ending:
    """The same ending with the engine's account of it: how long it took, and whether memory ran out."""
    state: dict[str, Any] = client.inspect_container(container)["State"]
    return replace(
        ending,
        out_of_memory=bool(state["OOMKilled"]),
        seconds=max(0.0, moment(state["FinishedAt"]) - moment(state["StartedAt"])),
    )


def holder_lasted(client: docker.APIClient, container: str) -> bool:
    """Whether the container whose network this one joined has run on since: only an engine that ends takes it along.

    It never ends by itself, and no task can reach it.
    """
    joined = client.inspect_container(container)
    kind, _, holder = str(joined["HostConfig"]["NetworkMode"]).partition(":")
    if kind != "container":
        return True
    try:
        state = client.inspect_container(holder)["State"]
    except APIError as error:
        if status(error) == 404:
            return False
        raise
    return bool(state["Running"]) and moment(state["StartedAt"]) <= moment(joined["State"]["StartedAt"])


def moment(text: str) -> float:
    """Seconds since 1970 of the engine's RFC 3339 text, which has up to nine decimals."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp() + float(f"0.{fraction or 0}")
