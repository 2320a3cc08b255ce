"""What end-to-end tests stand on: a chain, a store and a creator of their own, and daemons to start and stop."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.devnet import start_devnet
from tests.docker_engine import DockerHost, docker_engine
from tests.e2e.daemon_process import DaemonProcess, DaemonSettings, start
from tests.e2e.daemon_world import World, open_world, wait_for
from tests.e2e.people import People, open_people

__all__ = ["docker_engine", "start_daemon", "world"]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one chain that a file's tests share."""
    with start_devnet(tmp_path_factory.mktemp("chain")) as url:
        yield url


@pytest.fixture
def people(network: str, tmp_path: Path) -> Iterator[People]:
    """Creators and workers at that chain, with a store of the test's own."""
    with open_people(network, tmp_path) as people:
        yield people


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as world:
        yield world


@pytest.fixture
def start_daemon(world: World, tmp_path: Path, docker_engine: DockerHost) -> Iterator[Callable[..., DaemonProcess]]:
    """Starts a daemon with these settings, see `DaemonSettings`, and waits until it is ready; none is left running."""
    started: list[DaemonProcess] = []

    def start_one(*, folder: str = "node", wait: bool = True, **settings: object) -> DaemonProcess:
        where = {"chain": world.devnet.url, "storage": world.storage, "engine": docker_engine}
        given = DaemonSettings(**{**where, **settings})
        daemon = start(given, tmp_path / folder, view=world.chain)
        started.append(daemon)
        if wait:
            wait_for(lambda: daemon.ready() or daemon.process.poll() is not None, "the daemon to be ready")
            assert daemon.process.poll() is None, daemon.log_text()
        return daemon

    yield start_one
    for daemon in started:  # all of them first: an earlier one's folder may be a later one's too
        daemon.kill()
    for daemon in started:
        daemon.clean_up()
