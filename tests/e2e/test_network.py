"""A local network stays consistent under concurrent and interrupted `up` and `down`."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.domain.task import TaskId
from node_runtime.engines.docker.client import connect as connect_to_engine
from node_runtime.engines.docker.engine import DockerEngine
from node_runtime.errors import InputError
from node_runtime.localnet.network import NetworkSettings, bring_up, take_down
from node_runtime.localnet.record import NetworkFile
from node_runtime.ports.engine import ContainerSpec, Mount
from node_runtime.substrate.client import connect
from node_runtime.worker.state_dir import engine_name
from tests.background import LIMIT, in_background, wait_until
from tests.docker_engine import DockerHost
from tests.e2e.persons_terminal import at_terminal
from tests.stored import unpack_stored

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("docker_engine")]

WAITING = "waiting for another command that brings this network up or down"


class Listener:
    """Receives the output of two commands; the first continues when the second waits for its lock."""

    def __init__(self) -> None:
        self.began, self.waits = threading.Event(), threading.Event()

    def first(self, told: str) -> None:
        if told.startswith("chain"):
            self.began.set()
            assert self.waits.wait(LIMIT), "the second command didn't wait"

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
    first = in_background(lambda: bring_up(settings, listener.first))
    assert listener.began.wait(LIMIT)
    with pytest.raises(InputError, match="already running"):
        bring_up(settings, listener.second)
    network = first.result(LIMIT)
    with closing(connect(network.chain, "//Alice")) as chain:
        assert chain.now() >= 0
    assert running(settings) == ["chain"]


def test_down_during_up_waits_and_leaves_nothing_running(settings: NetworkSettings) -> None:
    listener = Listener()
    first = in_background(lambda: bring_up(settings, listener.first))
    assert listener.began.wait(LIMIT)
    assert take_down(settings.folder, listener.second)
    (chain,) = first.result(LIMIT).processes
    assert chain.process() is None
    assert not take_down(settings.folder, print)


@pytest.fixture
def environment(docker_engine: DockerHost, settings: NetworkSettings) -> dict[str, str]:
    """Return the environment of a command for the network of the settings."""
    return os.environ | {"NODE_RUNTIME_HOME": str(settings.folder.parent), "DOCKER_HOST": docker_engine.url}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("after", ["chain   ws", "the network is up"])
def test_up_that_is_stopped_at_any_moment_leaves_nothing_running(
    settings: NetworkSettings, environment: dict[str, str], number: signal.Signals, after: str
) -> None:
    folder = settings.folder
    with at_terminal("up", "--nodes", "0", "--port", "0", folder=folder.parent, environment=environment) as up:
        up.waits_for(after)
        written = NetworkFile.load(folder)
        for _ in range(3):  # sent repeatedly
            up.process.send_signal(number)
        assert up.ends() in (0, 130, -number), up.seen  # the last one may arrive while the interpreter exits
    assert written is not None, up.seen
    (chain,) = written.processes
    assert chain.process() is None
    assert NetworkFile.load(folder) is None


@pytest.mark.parametrize("after", ["chain   ws", "the network is up"])
def test_up_whose_terminal_is_closed_leaves_nothing_running(
    settings: NetworkSettings, environment: dict[str, str], after: str
) -> None:
    folder = settings.folder
    with at_terminal("up", "--port", "0", folder=folder.parent, environment=environment) as up:
        up.waits_for(after)
        written = NetworkFile.load(folder)
        up.closes()
        up.process.wait(LIMIT)
    assert written is not None, up.seen
    assert [record.process() for record in written.processes] == [None] * len(written.processes)
    assert NetworkFile.load(folder) is None


def test_down_ends_a_network_that_another_terminal_has_up(
    settings: NetworkSettings, environment: dict[str, str]
) -> None:
    with at_terminal("up", "--port", "0", folder=settings.folder.parent, environment=environment) as up:
        up.waits_for("Ctrl-C stops")
        down = subprocess.run(
            [sys.executable, "-m", "node_runtime", "down"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert (down.returncode, down.stderr) == (0, "")
        assert down.stdout.splitlines()[:2] == ["stopped node bob", "stopped chain"]
        assert up.ends() == 0, up.seen


AT_A_MOMENT = {
    "the chain was just started": """
started = processes.start
def start(*words, **more):
    made = started(*words, **more)
    signal.raise_signal(signal.SIGINT)
    return made
processes.start = start
""",
    "its lock is about to be released": """
locked = network._locked
class Interrupted:
    def __init__(self, *words):
        self.lock = locked(*words)
    def __enter__(self):
        self.lock.__enter__()
    def __exit__(self, *error):
        network._locked = locked
        signal.raise_signal(signal.SIGINT)
network._locked = Interrupted
""",
    "all is just up": """
brought_up = network.bring_up
def bring_up(*words):
    made = brought_up(*words)
    signal.raise_signal(signal.SIGINT)
    return made
network.bring_up = bring_up
""",
}


@pytest.mark.parametrize("moment", AT_A_MOMENT)
@pytest.mark.parametrize("options", [(), ("--detach",)], ids=["", "detached"])
def test_up_that_is_stopped_between_two_of_its_steps_leaves_nothing_running(
    settings: NetworkSettings, environment: dict[str, str], moment: str, options: tuple[str, ...]
) -> None:
    ended = run_changed(AT_A_MOMENT[moment], environment, *options)
    assert ended.returncode == 130, ended.stdout + ended.stderr
    assert "stopped chain" in ended.stdout
    assert NetworkFile.load(settings.folder) is None


def test_up_that_is_stopped_while_it_is_refused_leaves_the_network_of_another_terminal(
    settings: NetworkSettings, environment: dict[str, str]
) -> None:
    bring_up(settings, print)
    refused = """
brought_up = network.bring_up
def bring_up(*words):
    try:
        brought_up(*words)
    except InputError:
        signal.raise_signal(signal.SIGINT)
network.bring_up = bring_up
"""
    ended = run_changed(refused, environment)
    assert (ended.returncode, ended.stdout) == (130, "")
    assert running(settings) == ["chain"]


def test_down_between_two_looks_of_up_is_no_trouble(settings: NetworkSettings, environment: dict[str, str]) -> None:
    """The record that `up` has read may be outdated when it checks the processes."""
    overtaken = """
load, loaded = NetworkFile.load, []
def load_and_go_down(folder):
    known = load(folder)
    loaded.append(known)
    if known is not None and known.chain and not known.stopping and len(loaded) > 1:
        subprocess.run([sys.executable, "-m", "node_runtime", "down"], check=True, stdout=subprocess.DEVNULL)
    return known
NetworkFile.load = load_and_go_down
"""
    ended = run_changed(overtaken, environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert running(settings) == []


def run_changed(change: str, environment: dict[str, str], *options: str) -> "subprocess.CompletedProcess[str]":
    """Run `up` without nodes, with code injected at a moment that is too short to be hit from outside."""
    imports = "import signal, subprocess, sys; from node_runtime import cli; "
    imports += "from node_runtime.localnet import network, processes; "
    imports += "from node_runtime.errors import InputError; from node_runtime.localnet.record import NetworkFile"
    return subprocess.run(
        [sys.executable, "-c", f"{imports}\n{change}\ncli.main()", "up", "--nodes", "0", "--port", "0", *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def test_a_script_deletes_the_earlier_network_by_fresh_and_reads_what_went(
    settings: NetworkSettings, environment: dict[str, str]
) -> None:
    """Whoever has written the option into a script has decided."""
    bring_up(settings, print)
    store = settings.folder / "store" / "mine"
    assert "is already running" in run_changed("", environment, "--fresh", "--detach").stderr
    assert take_down(settings.folder, print)
    store.write_text("")
    ended = run_changed("", environment, "--fresh", "--detach")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [one.split()[0] for one in ended.stdout.splitlines() if one.startswith("  ")][:3] == [
        "chain",
        "store",
        "logs",
    ]
    assert not store.exists()


def test_a_person_is_asked_before_the_earlier_network_is_deleted(
    settings: NetworkSettings, environment: dict[str, str]
) -> None:
    bring_up(settings, print)
    assert take_down(settings.folder, print)
    words = ("up", "--nodes", "0", "--port", "0", "--fresh")
    chain = settings.folder / "chain" / "chain.sqlite"
    with at_terminal(*words, folder=settings.folder.parent, environment=environment) as up:
        up.waits_for("Delete all of it? [y/N]")
        up.types("\n")
        assert up.ends() == 1
    assert "  chain  every block, account and task\n" in up.seen
    assert chain.exists()
    assert running(settings) == []


def test_a_taken_port_ends_up_with_the_option_that_names_another(
    settings: NetworkSettings, environment: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run_changed("", environment, "--port", str(port))
    assert ended.returncode == 4
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "name another with --port; --port 0 takes a free one" in ended.stderr
    assert running(settings) == []
    assert NetworkFile.load(settings.folder) is None


def test_what_a_killed_node_left_ends_with_the_network(
    docker_engine: DockerHost, settings: NetworkSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container outlives its node, and a mounted folder can't be removed."""
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


def test_the_stored_chain_of_an_earlier_release_goes_on_and_that_is_told(
    settings: NetworkSettings, tmp_path: Path
) -> None:
    stored, messages = unpack_stored(tmp_path / "stored"), list[str]()
    settings.folder.mkdir()
    stored.chain.rename(settings.folder / "chain")
    network = bring_up(settings, messages.append)
    assert [one for one in messages if "upgraded the stored chain from runtime version 1" in one]
    with closing(connect(network.chain, "//Alice")) as alice:
        assert alice.task(TaskId(stored.story["open"])) is not None
