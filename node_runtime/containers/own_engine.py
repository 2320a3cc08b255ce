"""How does a person's own command get containers, without a node? The engine of this machine, building allowed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node_runtime.containers.base_image import ensure_base_image
from node_runtime.containers.dockerd import started_engine
from node_runtime.containers.dockerd_process import StartedEngine
from node_runtime.containers.engine import DockerEngine
from node_runtime.containers.settings import EngineSettings
from node_runtime.containers.which_engine import answers, require_engine
from node_runtime.home import cache_folder, engine_folder
from node_runtime.ports import Say


def answering_engine() -> StartedEngine | None:
    """The engine that the local network started on this machine, where `find_engine` doesn't look."""
    started = started_engine(engine_folder())
    return started if started is not None and answers(started.url) else None


def own_engine_url() -> str:
    """The address of this machine's engine. Raises `HostError` when none answers."""
    started = answering_engine()
    return started.url if started is not None else require_engine()


@contextmanager
def own_engine(work: Path, *, node: str, say: Say) -> Iterator[DockerEngine]:
    """The engine for one command's duration. Building is allowed: the Dockerfiles are the user's own.

    ``node`` tells its containers from those of nodes and other commands, ``work`` is a folder of this command alone.
    """
    started = answering_engine()
    url = started.url if started is not None else require_engine()
    engine = DockerEngine(
        EngineSettings(
            node=node,
            work=work,
            docker_host=url,
            base_image=ensure_base_image(url, cache_folder(), say=say),
            build=True,
            build_network=started.build_network if started is not None else None,
        )
    )
    try:
        yield engine
    finally:
        engine.close()
