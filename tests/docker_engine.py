"""How do tests get a real Docker Engine and a base image? As `node-runtime up` does: what is there is used."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from node_runtime.containers import DockerEngine, EngineSettings
from node_runtime.containers.base_image import ensure_base_image
from node_runtime.containers.connection import connect
from node_runtime.containers.dockerd import ensure_engine
from node_runtime.home import cache_folder, engine_folder


@dataclass(frozen=True, kw_only=True)
class DockerHost:
    """An engine that answers at ``url`` and has ``base_image``. Both go into `EngineSettings`, as does the network."""

    url: str
    base_image: str
    build_network: str | None

    def image_id(self) -> str:
        """The base image's id, for a `ContainerSpec`: Debian with a shell, coreutils and Python 3.11."""
        client = connect(self.url)
        try:
            return str(client.images(self.base_image)[0]["Id"])
        finally:
            client.close()

    def settings(self, *, node: str, work: Path, build: bool = False) -> EngineSettings:
        return EngineSettings(
            node=node,
            work=work,
            docker_host=self.url,
            base_image=self.base_image,
            build=build,
            build_network=self.build_network,
        )

    @contextmanager
    def engine(self, *, node: str, work: Path, build: bool = False) -> Iterator[DockerEngine]:
        """A node's engine; what is left of the node's containers is removed at the end. ``node`` is the test's own."""
        engine = DockerEngine(self.settings(node=node, work=work, build=build))
        try:
            yield engine
        finally:
            for container in engine.list():
                engine.remove(container.name)
            engine.close()


@pytest.fixture(scope="session")
def docker_engine() -> DockerHost:
    """A Docker Engine and a base image for the whole session, made by the product's own provisioning.

    An engine that answers is used and left running; where none does, one is started as root (Docker is installed from
    Debian's packages when it is missing), which ``tests/conftest.py`` ends with the session. The base image takes about
    a minute the first time, its tarball stays in the user's cache. Import this fixture in a ``conftest.py``:
    ``from tests.docker_engine import docker_engine``. Give every node in a test an id of its own, so that tests that
    run at the same time on one engine don't see each other's containers.
    """
    engine = ensure_engine(engine_folder(), say=print)
    base_image = ensure_base_image(engine.url, cache_folder(), say=print)
    return DockerHost(url=engine.url, base_image=base_image, build_network=engine.build_network)
