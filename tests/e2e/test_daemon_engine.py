"""A daemon takes tasks only while its container engine responds."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from node_runtime.domain.task import AssignmentState
from tests.docker_engine import DockerHost
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import World, wait_for

pytestmark = pytest.mark.docker


@pytest.fixture
def engine_link(docker_engine: DockerHost) -> Iterator[Path]:
    """A symbolic link to the engine's socket, which a test can remove."""
    with TemporaryDirectory(dir="/tmp") as folder:  # the path of a socket is limited in length
        link = Path(folder, "engine.sock")
        link.symlink_to(docker_engine.url.removeprefix("unix://"))
        yield link


def test_without_its_engine_it_takes_nothing_says_so_once_and_goes_on_when_that_is_back(
    world: World, engine_link: Path, docker_engine: DockerHost, start_daemon: Callable[..., DaemonProcess]
) -> None:
    daemon = start_daemon(engine=replace(docker_engine, url=f"unix://{engine_link}"))
    engine = engine_link.readlink()
    engine_link.unlink()
    tasks = [world.train(), world.train()]
    wait_for(lambda: "nothing_taken" in daemon.log_text(), "the daemon to notice")
    assert [world.chain.assignment(daemon.account, task) for task in tasks] == [None, None]
    engine_link.symlink_to(engine)
    for task in tasks:
        world.wait_for_attempt(daemon.account, task, AssignmentState.SUBMITTED)
    assert daemon.log_text().count("nothing_taken") == 1
    assert daemon.log_text().count("engine_available") == 1
