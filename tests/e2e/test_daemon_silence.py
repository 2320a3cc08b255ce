"""Does a daemon stop in good order while its chain takes every call and answers none?"""

import os
import signal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from node_runtime.chain import connection as connection_module
from node_runtime.cli.node import connect_node, open_node, seeker_of
from node_runtime.config import load_config
from node_runtime.daemon import last_word
from node_runtime.daemon.loop import Daemon, Pace
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
    monkeypatch.setattr(last_word, "LAST_LOOK", 1.0)
    monkeypatch.setattr(last_word, "LAST_WORD", 10.0)
    monkeypatch.setattr(last_word, "TELL_AGAIN", 1.0)
    file = tmp_path / "node.yaml"
    settings = DaemonSettings(chain=world.devnet.url, storage=world.storage, engine=docker_engine)
    file.write_text(settings.text("silence", tmp_path / "work"))
    config = load_config(file)
    task = world.train(WAITS)
    chain = connect_node(config)
    with capture_logs() as said, open_node(config, chain) as node:
        daemon = Daemon(node, seeker_of(node, config), Pace(poll=0.1, grace=0))
        running = in_background(lambda: daemon.run(lambda: None))
        try:
            wait_until(lambda: any(one.running for one in node.engine.list()), "the task's container")
            os.kill(world.devnet.process.pid, signal.SIGSTOP)
            wait_until(lambda: chain._connection._lock.locked(), "the daemon to ask its chain")
            daemon.stop()
            running.result(LIMIT)
            wait_until(lambda: not node.engine.list(), "the container to be removed")
        finally:
            daemon.stop()
            os.kill(world.devnet.process.pid, signal.SIGCONT)
    name = f"task-{task}-epoch-1"
    assert {"event": "stopping", "log_level": "info", "waits_for": [name]} in said
    assert [one["what"] for one in said if one["event"] == "left"] == [[name]]
