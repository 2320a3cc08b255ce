"""compose.yaml by docker compose v2: up, replicas, a task paid over S3, and nothing left after it is taken down."""

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest
import requests
from pytest_docker.plugin import get_docker_services

from images.build import CHECKOUT, DEFAULT, build_images
from images.compose import creator_of
from images.compose_tool import compose_command
from node_runtime.engines.docker.client import connect
from node_runtime.localnet.provision.dockerd import Engine
from tests.background import wait_until
from tests.docker_engine import DockerHost
from tests.peers.compose_room import CLEANUP, COMPOSE_FILE, Network, left_at, prepared

pytestmark = [pytest.mark.peers, pytest.mark.docker]

REPLICAS = 2
ENDLESS = 10_000_000  # rounds of a training that outlasts the test
KILLED = 128 + 9


@pytest.fixture
def network(docker_engine: DockerHost, tmp_path: Path) -> Iterator[Network]:
    """A network of the test's own, which it takes down."""
    engine = Engine(url=docker_engine.url, build_network=docker_engine.build_network)
    made = prepared(engine, tmp_path, workers=REPLICAS + 1)
    with get_docker_services(shlex.join(made.command), COMPOSE_FILE, made.project, [], CLEANUP):
        yield made


def test_a_network_comes_up_pays_for_a_task_and_leaves_nothing(network: Network, docker_engine: DockerHost) -> None:
    network.up("--scale", f"worker={REPLICAS}")
    services = network.services()
    job = services.pop(f"{network.project}-prepare-1")
    assert (job["State"], job["ExitCode"]) == ("exited", 0)
    assert {one["Health"] for one in services.values()} == {"healthy"}
    published = [port for one in services.values() for port in one["Publishers"] or () if port["PublishedPort"]]
    assert {port["URL"] for port in published} == {"127.0.0.1"}

    accounts = network.accounts()
    assert len(accounts) == REPLICAS + 1
    network.node_runtime("storage", "check")
    network.node_runtime("new", "training", "task")
    network.node_runtime("submit", "task/task.yaml")
    network.node_runtime("wait", "1", "--timeout", "5m")
    network.node_runtime("fetch", "1", "model")
    assert (network.folder / "model" / "model").exists()
    assert " done " in network.compose("run", "--rm", "-T", "cli", "list")
    paid = [json.loads(network.node_runtime("balance", account, "--json")) for account in accounts]
    assert sorted(one["free"] > 25 * 10**12 for one in paid) == [False] * REPLICAS + [True]
    wait_until(lambda: len(scraped(network)) == REPLICAS + 1, "Prometheus scrapes each daemon")

    nodes = network.nodes()
    assert len(nodes) == REPLICAS + 1
    with closing(connect(docker_engine.url)) as client:
        kill_a_daemon_under_its_task(network, client)
        network.compose("stop", "worker", "scorer")
        stopped = [one for one in network.services().values() if one["Service"] in ("worker", "scorer")]
        assert sorted(one["ExitCode"] for one in stopped) == [0] * REPLICAS + [KILLED]
        left = left_at(client, network.project, nodes)
        assert any("-task-2-" in name for name in left)
        assert any("-holder-" in name for name in left)
        network.compose("down", "--volumes")
        assert left_at(client, network.project, nodes) == []


def kill_a_daemon_under_its_task(network: Network, client: docker.APIClient) -> None:
    """Kill the container of the daemon that runs a second task; the engine doesn't start it again."""
    file = network.folder / "task" / "task.yaml"
    file.write_text(file.read_text().replace("rounds: 200", f"rounds: {ENDLESS}"))
    task = network.submit(file)
    wait_until(lambda: network.task_runs(task), "the second task to run")
    said = f'"task": {task},', '"event": "container_starts"'
    logs = {one: client.logs(one).decode().splitlines() for one in network.containers("worker")}
    (worker,) = (one for one, lines in logs.items() if any(all(each in line for each in said) for line in lines))
    client.kill(worker)


def scraped(network: Network) -> set[str]:
    """The daemons that Prometheus has read."""
    url = f"http://127.0.0.1:{network.ports['PROMETHEUS_PORT']}/api/v1/query"
    answer = requests.get(url, params={"query": 'up{job="node-runtime"} == 1'}, timeout=30).json()
    return {one["metric"]["instance"] for one in answer["data"]["result"]}


def test_the_key_for_commands_is_the_creators_of_the_settings(docker_engine: DockerHost, tmp_path: Path) -> None:
    settings = tmp_path / "settings"
    settings.write_text("CREATOR=//Bob\n")
    command = compose_command(Engine(url=docker_engine.url, build_network=docker_engine.build_network), say=print)
    compose = (*command, "--project-directory", str(CHECKOUT), "--env-file", str(settings))
    assert creator_of(compose) == "//Bob"


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
