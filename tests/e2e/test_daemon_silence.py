"""A daemon stops gracefully while its chain accepts calls without responding."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from node_runtime.config import load_config
from node_runtime.substrate import connection as connection_module
from node_runtime.substrate.connection import Connection
from node_runtime.worker.assembly import connect_node, open_node, selector_of
from node_runtime.worker.daemon import Daemon
from node_runtime.worker.times import Pace, Times
from tests.background import LIMIT, in_background, wait_until
from tests.docker_engine import DockerHost
from tests.e2e.daemon_process import DaemonSettings
from tests.e2e.daemon_world import WAITS, World

pytestmark = [pytest.mark.docker, pytest.mark.slow]


def test_a_node_whose_chain_hangs_ends_what_runs_when_it_is_told_to_stop_and_says_what_it_leaves(
    world: World, tmp_path: Path, docker_engine: DockerHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(connection_module, "ANSWER_SECONDS", 100.0 * LIMIT)
    file = tmp_path / "node.yaml"
    settings = DaemonSettings(chain=world.devnet.url, storage=world.storage, engine=docker_engine)
    file.write_text(settings.text("silence", tmp_path / "work"))
    config = load_config(file)
    task = world.train(WAITS)
    chain = connect_node(config)
    with capture_logs() as events, open_node(config, chain) as node:
        node = replace(node, times=Times(poll_timeout=1.0, drain_timeout=10.0, log_interval=1.0))
        daemon = Daemon(node, selector_of(node, config), Pace(poll=0.1, grace=0))
        running = in_background(lambda: daemon.run(lambda: None))
        try:
            wait_until(lambda: any(one.running for one in node.engine.list()), "the task's container")
            os.kill(world.devnet.process.pid, signal.SIGSTOP)
            asked = chain._connection
            assert isinstance(asked, Connection)
            wait_until(lambda: asked._lock.locked(), "the daemon to ask its chain")
            daemon.stop()
            running.result(LIMIT)
            wait_until(lambda: not node.engine.list(), "the container to be removed")
        finally:
            daemon.stop()
            os.kill(world.devnet.process.pid, signal.SIGCONT)
    name = f"task-{task}-epoch-1"
    assert {"event": "stopping", "log_level": "info", "waits_for": [name]} in events
    assert [one["threads"] for one in events if one["event"] == "threads_abandoned"] == [[name]]
