"""An engine that hosts the network of compose.yaml ends and comes back while a task runs.

The engine is the test's own, in a network namespace of its own, where it can't disturb this machine's.
"""

import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from pytest_docker.plugin import get_docker_services

from images.build import DEFAULT, IMAGES, build_images
from node_runtime.engines.docker.client import connect
from node_runtime.localnet.provision.dockerd import Engine, StartedEngine, started_engine, stop_engine
from tests.background import wait_until
from tests.docker_engine import DockerHost
from tests.peers.compose_room import (
    CLEANUP,
    COMPOSE_FILE,
    Network,
    Record,
    long_training,
    paid_once,
    prepared,
    tell,
)

pytestmark = [pytest.mark.peers, pytest.mark.docker]

START = (
    "import sys; from pathlib import Path; from node_runtime.localnet.provision.dockerd import start_engine;"
    "start_engine(Path(sys.argv[1]), say=print, with_network=False)"
)
# as `ip link set lo up`, which a machine may lack; then wait for the end of the input
LOOPBACK_UP = """
import fcntl, socket, struct, sys
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", IFF_UP))
print("up", flush=True)
sys.stdin.read()
"""
START_S = 180  # bounds of an engine's start


@dataclass(frozen=True, kw_only=True)
class OwnEngine:
    """An engine with its data in ``folder``. ``inside`` begins commands in its network namespace."""

    folder: Path
    inside: tuple[str, ...]

    def start(self) -> StartedEngine:
        """Start it, or start it again with its containers."""
        command = [*self.inside, sys.executable, "-c", START, str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_S, check=False)
        assert done.returncode == 0, done.stderr
        return self.started()

    def started(self) -> StartedEngine:
        found = started_engine(self.folder)
        assert found is not None
        return found

    def end(self, number: signal.Signals) -> None:
        """End its process by the signal, and wait for that."""
        process = self.started().record.process()
        assert process is not None
        process.send_signal(number)
        process.wait(START_S)


@pytest.fixture
def own_engine(docker_engine: DockerHost) -> Iterator[OwnEngine]:
    """An engine that has what this machine's has of compose.yaml: images can't be built without a network.

    Its folder isn't below /tmp, which is small in the containers of compose.yaml.
    """
    build_images(Engine(url=docker_engine.url, build_network=docker_engine.build_network), DEFAULT, say=print)
    with TemporaryDirectory(dir="/var/tmp") as folder, network_namespace() as inside:
        engine = OwnEngine(folder=Path(folder), inside=inside)
        try:
            copy_images(docker_engine, engine.start().url)
            yield engine
        finally:
            stop_engine(engine.folder)


@contextmanager
def network_namespace() -> Iterator[tuple[str, ...]]:
    """Make a network namespace with a loopback device; yield the beginning of commands that run in it."""
    command = ["unshare", "--net", sys.executable, "-c", LOOPBACK_UP]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "up\n"
            yield "nsenter", f"--net=/proc/{holder.pid}/ns/net"
        finally:
            holder.kill()


def copy_images(source: DockerHost, url: str) -> None:
    """Copy the base image and those of compose.yaml, with their ids, to the engine at ``url``."""
    with closing(connect(source.url)) as sender, closing(connect(url)) as receiver:
        for name in (source.base_image, *(IMAGES[name].name for name in DEFAULT)):
            for answer in receiver.load_image(sender.get_image(name)):  # type: ignore[no-untyped-call]
                assert "error" not in answer, answer


@pytest.fixture
def network(own_engine: OwnEngine, tmp_path: Path) -> Iterator[Network]:
    """A network without a scorer and Prometheus."""
    made = prepared(Engine(url=own_engine.started().url), tmp_path, workers=1, inside=own_engine.inside)
    with get_docker_services(shlex.join(made.command), COMPOSE_FILE, made.project, [], CLEANUP):
        made.up("worker")
        yield made


def test_a_task_survives_the_end_of_its_engine(
    own_engine: OwnEngine, network: Network, record_property: Record
) -> None:
    file, undisturbed = long_training(network)
    for number, fault in ((signal.SIGTERM, "engine restarted"), (signal.SIGKILL, "engine killed and started again")):
        seconds = ended_under_a_task(own_engine, network, file, number)
        tell(fault, seconds - undisturbed, record_property)


def ended_under_a_task(own_engine: OwnEngine, network: Network, file: Path, number: signal.Signals) -> float:
    """End the engine while a task runs, start it again, and see that the task is paid; return the task's seconds."""
    with paid_once(network, file, reward=10) as paid:
        wait_until(lambda: network.task_runs(paid.task), "the task to run")
        own_engine.end(number)
        own_engine.start()
        wait_until(network.is_healthy, "the network to come back by itself")
    return paid.seconds
