"""A daemon continues across an upgrade of the chain's runtime."""

from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from node_runtime.domain.task import SubmissionState
from node_runtime.stores.local import LocalStore
from node_runtime.substrate.client import connect
from tests.docker_engine import DockerHost
from tests.e2e.daemon_process import DaemonSettings, start
from tests.e2e.daemon_world import World, wait_for
from tests.later_devnet import later_devnet
from tests.stored import unpack_stored
from tests.upgrading import upgrade

pytestmark = pytest.mark.docker


def test_a_daemon_that_runs_while_the_chain_is_upgraded_takes_the_next_task_without_a_restart(
    tmp_path: Path, docker_engine: DockerHost
) -> None:
    old, creator, storage = tmp_path / "old.wasm", tmp_path / "creator", tmp_path / "store"
    old.write_bytes(unpack_stored(tmp_path / "stored").runtime())
    creator.mkdir()
    with ExitStack() as stack:
        devnet = stack.enter_context(later_devnet(tmp_path / "chain", code=old))
        chain = stack.enter_context(closing(connect(devnet.url, "//Alice")))
        world = World(folder=creator, chain_process=devnet, storage=storage, chain=chain, store=LocalStore(storage))
        settings = DaemonSettings(chain=devnet.url, storage=storage, engine=docker_engine)
        daemon = start(settings, tmp_path / "node", view=chain)
        stack.callback(daemon.clean_up)
        stack.callback(daemon.kill)
        wait_for(lambda: daemon.ready() or daemon.process.poll() is not None, "the daemon to be ready")
        upgrade(devnet.url)
        assert world.submission(world.train()).state is SubmissionState.ACCEPTED
        assert daemon.process.poll() is None, daemon.log_text()
