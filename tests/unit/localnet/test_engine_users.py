"""The engine of a local network outlives the network while other commands use it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from node_runtime.config.example import example
from node_runtime.localnet import network as module
from node_runtime.localnet.engine_users import engine_users
from node_runtime.localnet.network import take_down
from node_runtime.localnet.record import NetworkFile
from tests.background import ended, wait_until

URL = f"unix:///run/{uuid4().hex}.sock"  # of this process alone: tests run beside each other
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Return a function that starts a process whose command line is that of the program, as another's does."""
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path))
    program = tmp_path / "bin" / "node-runtime"
    program.parent.mkdir()
    program.write_text("import time\ntime.sleep(3600)\n")
    with ExitStack() as stack:

        def start_one(*words: str, home: Path = tmp_path) -> "subprocess.Popen[bytes]":
            process = subprocess.Popen(
                [sys.executable, str(program), *words], cwd=tmp_path, env={**os.environ, "NODE_RUNTIME_HOME": str(home)}
            )
            stack.enter_context(ended(process))
            known = psutil.Process(process.pid)
            wait_until(lambda: bool(known.cmdline() and known.environ()), "the kernel to show its words")
            return process

        yield start_one


def users() -> list[str]:
    return list(engine_users(URL, without=()))


@pytest.mark.parametrize(
    ("docker", "uses"), [("", True), ("docker: {url}\n", True), ("docker: unix:///run/b.sock\n", False)]
)
def test_a_daemon_is_a_user_unless_its_configuration_names_another_engine(
    start: Start, tmp_path: Path, docker: str, uses: bool
) -> None:
    (tmp_path / "mine.yaml").write_text(example() + docker.format(url=URL))
    process = start("daemon", "--config", "mine.yaml")
    told = f"'node-runtime daemon' (process {process.pid})"
    other = start("daemon", "--config", "mine.yaml", home=tmp_path / "another")
    assert (told in users()) is uses
    assert (f"(process {other.pid})" in " ".join(users())) is (uses and bool(docker))


def test_commands_without_containers_are_no_users(start: Start) -> None:
    start("list")
    run = start("run", "task.yaml")
    assert [one for one in users() if "list" in one] == []
    assert f"'node-runtime run' (process {run.pid})" in users()
    assert not [one for one in engine_users(URL, without={run.pid}) if str(run.pid) in one]


def test_down_leaves_an_engine_that_others_use_and_stops_it_later(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[Path] = []
    monkeypatch.setattr(module, "stop_engine", stopped.append)
    folder = tmp_path / "network"
    folder.mkdir()
    NetworkFile(
        chain="ws://127.0.0.1:1", storage=folder / "store", engine=URL, started_engine=True, base_image="a"
    ).save(folder)
    process, said = start("daemon"), list[str]()
    assert take_down(folder, said.append)
    assert said[0] == f"the Docker Engine goes on: 'node-runtime daemon' (process {process.pid}) may use it"
    assert (stopped, NetworkFile.load_running()) == ([], None)
    process.kill()
    process.wait()
    assert take_down(folder, said.append)
    assert said[-1] == "stopped the Docker Engine that was started for this network"
    assert stopped == [tmp_path / "engine"]
    assert not take_down(folder, said.append)
