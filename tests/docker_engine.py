"""A real Docker Engine and a base image for tests, provisioned as by `node-runtime up`: what is there is used."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from node_runtime.engines.docker.build_environment import build_settings
from node_runtime.engines.docker.client import connect
from node_runtime.engines.docker.engine import DockerEngine
from node_runtime.engines.docker.settings import EngineSettings
from node_runtime.localnet.provision.base_image import ensure_base_image
from node_runtime.localnet.provision.dockerd import ensure_engine
from node_runtime.platform.paths import cache_folder, engine_folder
from tests.podman_engine import podman_service


@dataclass(frozen=True, kw_only=True)
class DockerHost:
    """An engine that answers at ``url`` and has ``base_image``. Both go into `EngineSettings`, as does the network."""

    url: str
    base_image: str
    build_network: str | None

    def image_id(self) -> str:
        """Return the base image's id, for a `ContainerSpec`: Debian with a shell, coreutils and Python 3.11."""
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
            build_arguments=build_settings(),
        )

    @contextmanager
    def engine(self, *, node: str, work: Path, build: bool = False) -> Iterator[DockerEngine]:
        """Open a node's engine; remove its remaining containers at the end. ``node`` is the test's own."""
        engine = DockerEngine(self.settings(node=node, work=work, build=build))
        try:
            yield engine
        finally:
            for container in engine.list():
                engine.remove(container.name)
            engine.close()


@pytest.fixture(scope="session")
def docker_engine(request: pytest.FixtureRequest) -> Iterator[DockerHost]:
    """Provide a Docker Engine and a base image for the whole session, by the product's own provisioning.

    An engine that answers is used and left running; where none does, one is started as root (Docker is installed from
    Debian's packages when it is missing), which ``tests/conftest.py`` ends with the session. The base image takes about
    a minute the first time, its tarball stays in the user's cache. Import this fixture in a ``conftest.py``:
    ``from tests.docker_engine import docker_engine``. Give every node in a test an id of its own, so that tests that
    run at the same time on one engine don't see each other's containers. With ``--engine podman`` the session has a
    Podman of its own instead.
    """
    if request.config.getoption("engine") == "podman":
        with podman_service() as url:
            base_image = ensure_base_image(url, cache_folder(), say=print)
            yield DockerHost(url=url, base_image=base_image, build_network=None)
        return
    engine = ensure_engine(engine_folder(), say=print)
    base_image = ensure_base_image(engine.url, cache_folder(), say=print)
    yield DockerHost(url=engine.url, base_image=base_image, build_network=engine.build_network)
