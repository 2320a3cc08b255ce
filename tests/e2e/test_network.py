"""Does a local network stay in order when two commands bring it up or down at once, or one is stopped on its way?"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.chain.client import connect
from node_runtime.containers import DockerEngine
from node_runtime.containers.connection import connect as connect_to_engine
from node_runtime.daemon.lock import engine_name
from node_runtime.errors import InputError
from node_runtime.network import NetworkSettings, bring_up, take_down
from node_runtime.network_file import NetworkFile
from node_runtime.ports import ContainerSpec, Mount
from tests.contract.engine_world import in_background, wait_until
from tests.docker_engine import DockerHost

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("docker_engine")]

WAITING = "waiting for another command that brings this network up or down"


class Listener:
    """Is told what two commands say: the first goes on when the second has to wait for it."""

    def __init__(self) -> None:
        self.began, self.waits = threading.Event(), threading.Event()

    def first(self, told: str) -> None:
        if told.startswith("chain"):
            self.began.set()
            assert self.waits.wait(120), "the second command didn't wait"

    def second(self, told: str) -> None:
        if told == WAITING:
            self.waits.set()


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[NetworkSettings]:
    yield NetworkSettings(folder=tmp_path / "network", port=0, nodes=())
    take_down(tmp_path / "network", print)


def running(settings: NetworkSettings) -> list[str]:
    network = NetworkFile.load(settings.folder)
    return [record.name for record in network.running()] if network is not None else []


def test_a_network_that_is_just_brought_up_is_not_brought_up_again(settings: NetworkSettings) -> None:
    listener = Listener()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(bring_up, settings, listener.first)
        assert listener.began.wait(120)
        with pytest.raises(InputError, match="already running"):
            bring_up(settings, listener.second)
        network = first.result()
    with closing(connect(network.chain, "//Alice")) as chain:
        assert chain.now() >= 0
    assert running(settings) == ["chain"]


def test_down_during_up_waits_and_leaves_nothing_running(settings: NetworkSettings) -> None:
    listener = Listener()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(bring_up, settings, listener.first)
        assert listener.began.wait(120)
        assert take_down(settings.folder, listener.second)
        (chain,) = first.result().processes
    assert chain.process() is None
    assert not take_down(settings.folder, print)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", ["chain ", "the network is up"])
def test_up_that_is_stopped_at_any_moment_leaves_nothing_running(
    docker_engine: DockerHost, tmp_path: Path, number: signal.Signals, after: str
) -> None:
    command = [sys.executable, "-m", "node_runtime", "up", "--nodes", "0", "--port", "0"]
    set_here = {"NODE_RUNTIME_HOME": str(tmp_path), "DOCKER_HOST": docker_engine.url, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command,
        env=os.environ | set_here,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as up:
        assert up.stdout is not None
        said = next(line for line in up.stdout if line.startswith(after))
        written = NetworkFile.load(tmp_path / "network")
        for _ in range(3):  # by somebody impatient
            up.send_signal(number)
        rest = up.stdout.read()
        assert up.wait() in (0, 130), rest
    assert written is not None, said
    (chain,) = written.processes
    assert chain.process() is None
    assert NetworkFile.load(tmp_path / "network") is None


def test_down_ends_a_network_that_another_terminal_has_up(docker_engine: DockerHost, tmp_path: Path) -> None:
    set_here = {"NODE_RUNTIME_HOME": str(tmp_path), "DOCKER_HOST": docker_engine.url, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "node_runtime", "up", "--port", "0"],
        env=os.environ | set_here,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as up:
        assert up.stdout is not None
        assert any(line.startswith("Ctrl-C stops") for line in up.stdout)
        down = subprocess.run(
            [sys.executable, "-m", "node_runtime", "down"],
            env=os.environ | set_here,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (down.returncode, down.stderr) == (0, "")
        assert down.stdout.splitlines()[:2] == ["stopped node bob", "stopped chain"]
        assert up.wait() == 0, up.stdout.read()


def test_what_a_killed_node_left_ends_with_the_network(
    docker_engine: DockerHost, settings: NetworkSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container goes on without its node, and a mounted folder can't be removed."""
    monkeypatch.setenv("DOCKER_HOST", docker_engine.url)
    _, node = bring_up(replace(settings, nodes=("bob",)), print).processes
    os.kill(node.pid, signal.SIGKILL)
    wait_until(lambda: node.process() is None, "the node to be gone")
    work = settings.folder / "nodes" / "bob" / "work"
    name = engine_name(work, "local-bob")
    engine = DockerEngine(docker_engine.settings(node=name, work=work))  # as the node had it
    out = work / "attempts-1f" / "out"
    engine.open_folder(out, quota=1 << 20)
    spec = ContainerSpec(
        name=f"{name}-run",
        labels=(),
        image=docker_engine.image_id(),
        entrypoint=("sh", "-c"),
        arguments=("touch /out/begun; exec sleep 600",),
        mounts=(Mount(source=out, target="/out", quota=1 << 20),),
        cpus=1,
        memory=64 << 20,
        timeout=600,
        log=work / "log",
    )
    in_background(lambda: engine.run(spec, stop=threading.Event()))
    wait_until((out / "begun").exists, "the container to run")
    assert take_down(settings.folder, print)
    assert engine.list() == ()
    assert not out.is_mount()
    with closing(connect_to_engine(docker_engine.url)) as client:
        assert not [one["Names"] for one in client.containers(all=True) if name in str(one["Names"])]
