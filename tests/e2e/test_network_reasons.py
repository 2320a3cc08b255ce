"""On a local network `show` and `nodes` tell what its nodes say of a task."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from node_runtime.creator.review import reject
from node_runtime.creator.submit import submit
from node_runtime.domain.task import TaskId
from node_runtime.localnet.network import NetworkSettings, bring_up, take_down
from node_runtime.localnet.record import NetworkFile
from node_runtime.spec.read import read_specs
from node_runtime.stores.local import LocalStore
from node_runtime.substrate.client import connect
from tests.background import LIMIT, ended, wait_until
from tests.docker_engine import DockerHost

pytestmark = pytest.mark.docker

TASK = """\
kind: training
name: noop
algo: {algo}
data: [{sample}]
label: train
reward: 1
bond: 0.1
deadline: 1h
"""
NOOP = Path("assets/noop").absolute()
SMALL = "limits: {cpus: 0.5, memory: 64MiB, timeout: 1m, outputs: 1MiB}\n"
LARGE = "limits: {cpus: 256, memory: 64MiB, timeout: 1m, outputs: 1MiB}\n"


@dataclass(frozen=True, kw_only=True)
class Town:
    """A running network with one node, Bob's, and the creator's commands."""

    home: Path
    network: NetworkFile

    def submit(self, rest: str) -> TaskId:
        file = self.home / "task.yaml"
        file.write_text(TASK.format(algo=NOOP / "algo", sample=NOOP / "sample") + rest)
        with closing(connect(self.network.chain, "//Alice")) as chain:
            return submit(read_specs(file), chain, LocalStore(self.network.storage), say=lambda _: None).tasks[0].id

    def told(self, *words: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-m", "node_runtime", *words],
            env={**os.environ, "NODE_RUNTIME_HOME": str(self.home), "COLUMNS": "80"},
            capture_output=True,
            text=True,
            check=True,
            timeout=LIMIT,
        )
        return ended.stdout

    def says(self, text: str, *words: str) -> Callable[[], bool]:
        return lambda: text in self.told(*words)


SMALLER = "submit it with smaller limits, or run a node with more (pool, sandbox.tmp of node.yaml)"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, docker_engine: DockerHost) -> Iterator[Town]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DOCKER_HOST", docker_engine.url)
        network = bring_up(NetworkSettings(folder=home / "network", port=0, nodes=("bob",), slots=1), print)
        yield Town(home=home, network=network)
        take_down(home / "network", print)


def test_a_task_that_is_too_large_is_told_with_the_nodes_pool(town: Town) -> None:
    task = town.submit(LARGE)
    cpus = os.cpu_count()
    reason = f"node bob refuses it: 256 CPUs asked, the whole pool has {cpus}; {SMALLER}\n"
    wait_until(town.says(f"  ▸ {reason}", "show", str(task)), reason)
    (told,) = [one for one in town.told("nodes").splitlines() if one.startswith(f"▸ bob refuses task {task} ")]
    assert told.endswith(f": 256 CPUs asked, the whole pool has {cpus}; {SMALLER}")


def test_a_rejected_result_without_another_node_says_so(town: Town) -> None:
    task = town.submit(SMALL + "validation: manual\n")
    wait_until(town.says("waits for you until", "show", str(task)), "a result")
    with closing(connect(town.network.chain, "//Alice")) as chain:
        reject(chain, task, "not this one")
    reason = (
        "rejected, and no other node is here: 'node-runtime down', then 'node-runtime up --nodes 2' brings another\n"
    )
    wait_until(town.says(f"  ▸ {reason}", "show", str(task)), reason)


@contextmanager
def daemon_beside(town: Town, name: str, key: str, **policy: object) -> Iterator[None]:
    """A daemon of this user with a node.yaml of its own, which the network has not started."""
    folder = town.home / name
    folder.mkdir()
    config = yaml.safe_load((town.home / "network" / "nodes" / "bob" / "node.yaml").read_text())
    config |= {"node": name, "key": key, "work": str(folder / "work"), "policy": config["policy"] | policy}
    (folder / "node.yaml").write_text(yaml.safe_dump(config))
    words = ("daemon", "--config", str(folder / "node.yaml"))
    environment = {**os.environ, "NODE_RUNTIME_HOME": str(town.home)}
    with ended(subprocess.Popen([sys.executable, "-m", "node_runtime", *words], env=environment)) as process:
        yield
        process.terminate()
        process.wait(LIMIT)


def test_a_daemon_beside_the_networks_nodes_is_told_with_its_reasons(town: Town) -> None:
    with daemon_beside(town, "other", "//Charlie", kinds=["scoring"]):
        wait_until(town.says("other  5FLSig…", "nodes"), "the other node")
        task = town.submit(LARGE)
        refuses = "node other refuses it: policy.kinds doesn't name training"
        shows = lambda: refuses in " ".join(town.told("show", str(task)).split())  # noqa: E731
        wait_until(shows, refuses)
        assert "node bob refuses it: 256 CPUs asked" in town.told("show", str(task))
    told = town.told("nodes")
    assert "5FLSig" not in told
    assert "an idle node of another user or machine isn't seen" in told


def test_a_node_that_has_ended_is_told(town: Town) -> None:
    (node,) = [one for one in town.network.processes if one.name == "node bob"]
    os.kill(node.pid, signal.SIGKILL)
    wait_until(lambda: node.process() is None, "the node to be gone")
    assert "its daemon isn't running: node-runtime daemon --config" in town.told("nodes")
    task = town.submit(LARGE)
    assert "  ▸ node bob isn't running\n" in town.told("show", str(task))
