"""Fixtures of the end-to-end tests: a chain, a store, a creator, and daemons."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from node_runtime.creator.templates import TemplateName, write_template
from node_runtime.localnet.network import NetworkSettings, bring_up, take_down
from node_runtime.platform.paths import cache_folder, engine_folder, network_folder
from tests.devnet import RpcConnection, start_devnet
from tests.docker_engine import DockerHost, docker_engine
from tests.e2e.daemon_process import DaemonProcess, DaemonSettings, start
from tests.e2e.daemon_world import World, open_world, wait_for
from tests.e2e.people import People, open_people

__all__ = ["docker_engine", "start_daemon", "world"]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a chain that the tests of a file share."""
    with start_devnet(tmp_path_factory.mktemp("chain")) as url:
        yield url


@pytest.fixture
def rpc(network: str) -> Iterator[RpcConnection]:
    with RpcConnection(network) as connection:
        yield connection


@pytest.fixture
def people(network: str, tmp_path: Path) -> Iterator[People]:
    """Return creators and workers on that chain, with a store per test."""
    with open_people(network, tmp_path) as people:
        yield people


@pytest.fixture(scope="module")
def local_network(docker_engine: DockerHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bring up this user's local network in a home of its own, which a test file shares; yield the chain's URL."""
    home, shared = tmp_path_factory.mktemp("home"), (engine_folder(), cache_folder())
    for folder in shared:
        (home / folder.name).symlink_to(folder)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NODE_RUNTIME_HOME", str(home))
        environment.setenv("DOCKER_HOST", docker_engine.url)
        yield bring_up(NetworkSettings(folder=network_folder(), port=0), print).chain
        take_down(network_folder(), print)


@pytest.fixture
def iris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder in which ``node-runtime new plan iris`` was typed."""
    write_template(TemplateName.PLAN, tmp_path / "iris")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as world:
        yield world


@pytest.fixture
def start_daemon(world: World, tmp_path: Path, docker_engine: DockerHost) -> Iterator[Callable[..., DaemonProcess]]:
    """Return a function that starts a daemon with these `DaemonSettings`; all are stopped at the end."""
    started: list[DaemonProcess] = []

    def start_one(*, folder: str = "node", wait: bool = True, **settings: Any) -> DaemonProcess:
        where: dict[str, Any] = {"chain": world.devnet.url, "storage": world.storage, "engine": docker_engine}
        given = DaemonSettings(**{**where, **settings})
        daemon = start(given, tmp_path / folder, view=world.chain)
        started.append(daemon)
        if wait:
            wait_for(lambda: daemon.ready() or daemon.process.poll() is not None, "the daemon to be ready")
            assert daemon.process.poll() is None, daemon.log_text()
        return daemon

    yield start_one
    for daemon in started:  # stop all before the cleanup: daemons may share a folder
        daemon.kill()
    for daemon in started:
        daemon.clean_up()
