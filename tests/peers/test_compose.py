"""compose.yaml by docker compose v2: up, replicas, a task paid over S3, and nothing left after it is taken down."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
import requests

from images.build import CHECKOUT, DEFAULT, build_images
from images.compose import ACCESS, STORAGE, set_up
from images.compose_tool import compose_command
from node_runtime.engines.docker.client import connect
from node_runtime.engines.docker.settings import NODE_LABEL
from node_runtime.localnet.provision.dockerd import Engine
from tests.background import wait_until
from tests.docker_engine import DockerHost
from tests.docker_engine import docker_engine as docker_engine
from tests.object_storage import free_port

pytestmark = [pytest.mark.peers, pytest.mark.docker]

UP_S, RUN_S = 300, 420  # bounds of a command, which no result depends on
REPLICAS = 2
LONG = 20_000  # rounds of a training that lasts some seconds
PORTS = {"CHAIN_PORT": "9944", "STORAGE_PORT": "7070", "PROMETHEUS_PORT": "9090"}


@dataclass(frozen=True, kw_only=True)
class Network:
    """A project of docker compose of the test's own, with settings, secrets and ports of its own."""

    project: str
    command: tuple[str, ...]
    folder: Path
    ports: dict[str, int]

    def compose(self, *arguments: str, within: float = UP_S) -> str:
        """Run docker compose; return what it prints."""
        done = subprocess.run(
            [*self.command, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=within, check=False
        )
        assert done.returncode == 0, f"{arguments}:\n{done.stdout}\n{done.stderr}\n{self._logs()}"
        return done.stdout

    def node_runtime(self, *arguments: str) -> str:
        """Run a command of the creator on this machine; return what it prints."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("NODE_RUNTIME_")},
            "NODE_RUNTIME_HOME": str(self.folder / "home"),
            "NODE_RUNTIME_CHAIN": f"ws://127.0.0.1:{self.ports['CHAIN_PORT']}",
            "NODE_RUNTIME_STORAGE": STORAGE,
            "NODE_RUNTIME_STORAGE_ACCESS": str(self.folder / ACCESS),
            "NODE_RUNTIME_KEY": "//Alice",
        }
        command = [sys.executable, "-m", "node_runtime", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=RUN_S, check=False
        )
        assert done.returncode == 0, f"{arguments}:\n{done.stdout}\n{done.stderr}\n{self._logs()}"
        return done.stdout

    def services(self) -> dict[str, dict[str, Any]]:
        """The containers by their names, as docker compose tells them."""
        listed = self.compose("ps", "--all", "--format", "json").splitlines()
        return {one["Name"]: one for one in map(json.loads, listed)}

    def _logs(self) -> str:
        told = subprocess.run([*self.command, "logs", "--tail", "40"], capture_output=True, text=True, timeout=60)
        return told.stdout


@pytest.fixture
def network(docker_engine: DockerHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    monkeypatch.setenv("DOCKER_HOST", docker_engine.url)  # for docker compose: the engine may be the tests' own
    engine = Engine(url=docker_engine.url, build_network=docker_engine.build_network)
    project = f"test-{secrets.token_hex(4)}"
    ports = {name: free_port() for name in PORTS}
    settings = {"COMPOSE_PROJECT_NAME": project, "WORKERS": REPLICAS + 1, **ports}
    environment = tmp_path / "settings"
    environment.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    set_up(engine, environment, tmp_path / "secrets")
    options = ("--env-file", str(environment), "--file", str(CHECKOUT / "compose.yaml"), "--progress", "quiet")
    command = (*compose_command(engine, say=print), "--project-directory", str(CHECKOUT), *options)
    made = Network(project=project, command=command, folder=tmp_path, ports=ports)
    try:
        yield made
    finally:
        subprocess.run([*command, "down", "--volumes", "--timeout", "30"], timeout=UP_S, check=False)


def left_at(client: docker.APIClient, project: str, nodes: Sequence[str]) -> list[str]:
    """What the engine has of a project: containers, volumes, networks, and containers that its daemons made."""
    ours = {"label": f"com.docker.compose.project={project}"}
    found = [one["Names"][0] for one in client.containers(all=True, filters=ours)]
    found += [one["Name"] for one in client.volumes(filters=ours)["Volumes"] or ()]
    found += [one["Name"] for one in client.networks(filters=ours)]
    made = client.containers(all=True, filters={"label": NODE_LABEL})
    return found + [one["Names"][0] for one in made if one["Labels"][NODE_LABEL].endswith(tuple(nodes))]


def test_a_network_comes_up_pays_for_a_task_and_leaves_nothing(network: Network, docker_engine: DockerHost) -> None:
    network.compose("up", "--detach", "--wait", "--scale", f"worker={REPLICAS}")
    services = network.services()
    job = services.pop(f"{network.project}-prepare-1")
    assert (job["State"], job["ExitCode"]) == ("exited", 0)
    assert {one["Health"] for one in services.values()} == {"healthy"}
    published = [port for one in services.values() for port in one["Publishers"] or () if port["PublishedPort"]]
    assert {port["URL"] for port in published} == {"127.0.0.1"}

    accounts = set(re.findall(r"ready (5\w+)", network.compose("logs", "worker", "scorer")))
    assert len(accounts) == REPLICAS + 1
    network.compose("cp", f"prepare:/creator/access/{ACCESS}", str(network.folder / ACCESS))
    network.node_runtime("storage", "check")
    network.node_runtime("new", "training", "task")
    network.node_runtime("submit", "task/task.yaml")
    network.node_runtime("wait", "1", "--timeout", "5m")
    network.node_runtime("fetch", "1", "model")
    assert (network.folder / "model" / "model").exists()
    assert " done " in network.compose("run", "--rm", "-T", "cli", "list")
    paid = [json.loads(network.node_runtime("balance", account, "--json")) for account in sorted(accounts)]
    assert sorted(one["free"] > 25 * 10**12 for one in paid) == [False] * REPLICAS + [True]
    wait_until(lambda: len(scraped(network)) == REPLICAS + 1, "Prometheus scrapes each daemon")

    with closing(connect(docker_engine.url)) as client:
        see_killed_daemons_go_on(network, client)
        nodes = re.findall("[0-9a-f]{8}", network.compose("exec", "-T", "worker", "sh", "-c", "cat $NODES/*/work/id"))
        assert len(nodes) == REPLICAS + 1
        assert any("-holder-" in name for name in left_at(client, network.project, nodes))
        network.compose("stop", "worker", "scorer")
        stopped = [one for one in network.services().values() if one["Service"] in ("worker", "scorer")]
        assert {one["ExitCode"] for one in stopped} == {0}
        network.compose("down", "--volumes")
        assert left_at(client, network.project, nodes) == []


def see_killed_daemons_go_on(network: Network, client: docker.APIClient) -> None:
    """Kill the workers' processes while the second task runs: the engine starts them again, and its attempt goes on."""
    file = network.folder / "task" / "task.yaml"
    file.write_text(file.read_text().replace("rounds: 200", f"rounds: {LONG}"))
    network.node_runtime("submit", str(file))
    running = {"name": "-task-2-epoch-1-train", "status": "running"}
    wait_until(lambda: client.containers(filters=running), "the second task runs")
    for number in range(1, REPLICAS + 1):
        killing = "kill -9 $(cat /proc/1/task/1/children)"
        network.compose("exec", "-T", "--index", str(number), "worker", "sh", "-c", killing)
    network.node_runtime("wait", "2", "--timeout", "5m")
    assert re.findall(r"^ +[0-9]+  5\S+  (\w+)", network.node_runtime("show", "2"), re.MULTILINE)[0] == "submitted"
    assert "attempt_resumed" in network.compose("logs", "worker")


def scraped(network: Network) -> set[str]:
    """The daemons that Prometheus has read."""
    url = f"http://127.0.0.1:{network.ports['PROMETHEUS_PORT']}/api/v1/query"
    answer = requests.get(url, params={"query": 'up{job="node-runtime"} == 1'}, timeout=30).json()
    return {one["metric"]["instance"] for one in answer["data"]["result"]}


def test_images_are_built_once(docker_engine: DockerHost) -> None:
    engine = Engine(url=docker_engine.url, build_network=docker_engine.build_network)
    build_images(engine, DEFAULT, say=print)
    told: list[str] = []
    build_images(engine, DEFAULT, say=told.append)
    assert [line.partition(": ")[2] for line in told[1:]] == ["there already"] * len(DEFAULT)


def test_docker_compose_is_found_or_built(docker_engine: DockerHost) -> None:
    command = compose_command(Engine(url=docker_engine.url, build_network=docker_engine.build_network), say=print)
    assert shutil.which(command[0]) is not None
    told = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, timeout=60, check=True)
    assert int(told.stdout.strip().removeprefix("v").split(".")[0]) >= 2
