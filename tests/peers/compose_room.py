"""compose.yaml by pytest-docker: networks with a project, ports, settings and secrets of their own.

The fixtures, pytest-docker's among them, bring one network up that a session's tests share (``conftest.py`` imports
them); `prepared` makes another one, e.g. on an engine of a test's own.
"""

import json
import os
import re
import secrets
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest
from pytest_docker.plugin import Services

from images.build import CHECKOUT
from images.compose import ACCESS, STORAGE, set_up
from images.compose_tool import compose_command
from node_runtime.domain.task import UNIT
from node_runtime.engines.docker.client import connect
from node_runtime.engines.docker.settings import NODE_LABEL
from node_runtime.localnet.provision.dockerd import Engine
from tests.docker_engine import DockerHost
from tests.object_storage import free_port

UP_S, RUN_S = 300, 420  # bounds of a command, which no result depends on
PORTS = ("CHAIN_PORT", "STORAGE_PORT", "PROMETHEUS_PORT")
COMPOSE_FILE = str(CHECKOUT / "compose.yaml")
CLEANUP = "down --volumes --timeout 30"
PROJECT_LABEL, SERVICE_LABEL = "com.docker.compose.project", "com.docker.compose.service"
TRAINING = """\
kind: training
name: {name}
bundle: bundle/
data: [sample]
reward: 10
bond: 1
deadline: 2h
limits: {{cpus: 1, memory: 256MiB, timeout: 10m, outputs: {outputs}, scratch: 64MiB}}
"""
LONG = "#!/bin/sh\nsleep 10 && mkdir outputs/made && cp data/*/part outputs/made/\n"
FEES = UNIT // 5  # more than the fees of all transactions of one account for one task

Record = Callable[[str, object], None]


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network of compose.yaml on the engine at ``url``. ``command`` is docker compose with the network's settings.

    ``inside`` begins commands that reach the engine's published ports where these aren't this machine's.
    """

    project: str
    command: tuple[str, ...]
    folder: Path
    ports: dict[str, int]
    url: str
    inside: tuple[str, ...] = ()

    def compose(self, *arguments: str, within: float = UP_S) -> str:
        """Run docker compose; return what it prints."""
        return self._run([*self._compose(), *arguments], dict(os.environ), within)

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
        return self._run([*self.inside, sys.executable, "-m", "node_runtime", *arguments], environment, RUN_S)

    def _run(self, command: Sequence[str], environment: dict[str, str], within: float) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=within, check=False
        )
        assert done.returncode == 0, f"{shlex.join(command)}:\n{done.stdout}\n{done.stderr}\n{self._logs()}"
        return done.stdout

    def _compose(self) -> list[str]:
        return [*self.command, "--file", COMPOSE_FILE, "--project-name", self.project]

    def _logs(self) -> str:
        command = [*self._compose(), "logs", "--tail", "40"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout

    def up(self, *options: str) -> None:
        """Bring it up, and take the creator's storage access out of it."""
        self.compose("up", "--detach", "--wait", *options)
        self.compose("cp", f"prepare:/creator/access/{ACCESS}", str(self.folder / ACCESS))

    def told(self, *arguments: str) -> Any:
        """Run a command of the creator; return the JSON that it prints."""
        return json.loads(self.node_runtime(*arguments, "--json"))

    def submit(self, file: Path) -> int:
        """Submit the file's one task; return its number."""
        (task,) = self.told("submit", str(file))["tasks"]
        return int(task["id"])

    def wealth(self, *accounts: str) -> int:
        """What the accounts have, free and held, in base units."""
        balances = [self.told("balance", account) for account in accounts]
        return sum(int(one["free"]) + int(one["held"]) for one in balances)

    def accounts(self) -> list[str]:
        """The daemons' accounts."""
        return sorted(set(re.findall(r"ready (5\w+)", self.compose("logs", "worker", "scorer"))))

    def nodes(self) -> list[str]:
        """The ids of the daemons' nodes."""
        return re.findall("[0-9a-f]{8}", self.compose("exec", "-T", "worker", "sh", "-c", "cat $NODES/*/work/id"))

    def services(self) -> dict[str, dict[str, Any]]:
        """The containers by their names, as docker compose tells them."""
        listed = self.compose("ps", "--all", "--format", "json").splitlines()
        return {one["Name"]: one for one in map(json.loads, listed)}

    def is_healthy(self) -> bool:
        """Whether all of the network runs and is ready."""
        lasting = [one for one in self.services().values() if one["Service"] != "prepare"]
        return {(one["State"], one["Health"]) for one in lasting} == {("running", "healthy")}

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers."""
        with closing(connect(self.url)) as client:
            filters = {"label": [f"{PROJECT_LABEL}={self.project}", f"{SERVICE_LABEL}={service}"]}
            return [one["Id"] for one in client.containers(all=True, filters=filters)]

    def events(self, event: str, task: int) -> list[dict[str, Any]]:
        """What the workers logged of a task under this name, in the order of each one's log."""
        with closing(connect(self.url)) as client:
            logs = [client.logs(one, stderr=True).decode() for one in self.containers("worker")]
        lines = [json.loads(line) for log in logs for line in log.splitlines() if line.startswith("{")]
        return [one for one in lines if (one["event"], one.get("task")) == (event, task)]

    def task_runs(self, task: int) -> bool:
        """Whether a container of the task runs that one of the workers has started."""
        with closing(connect(self.url)) as client:
            names = [one["container"] for one in self.events("container_starts", task)]
            return any(client.containers(filters={"name": f"^/{name}$", "status": "running"}) for name in names)


def prepared(engine: Engine, folder: Path, *, workers: int, inside: Sequence[str] = ()) -> Network:
    """Build the images and write settings and secrets for a network; nothing of it runs yet."""
    project, ports = f"test-{secrets.token_hex(4)}", {name: free_port() for name in PORTS}
    settings = {"COMPOSE_PROJECT_NAME": project, "WORKERS": workers, **ports}
    environment = folder / "settings"
    environment.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    set_up(engine, environment, folder / "secrets")
    named = ("env", f"DOCKER_HOST={engine.url}")  # the engine may be the tests' own
    options = ("--project-directory", str(CHECKOUT), "--env-file", str(environment), "--progress", "quiet")
    return Network(
        project=project,
        command=(*named, *compose_command(engine, say=print), *options),
        folder=folder,
        ports=ports,
        url=engine.url,
        inside=tuple(inside),
    )


@pytest.fixture(scope="session")
def prepared_network(docker_engine: DockerHost, tmp_path_factory: pytest.TempPathFactory) -> Network:
    """The network of this session, before it is brought up."""
    engine = Engine(url=docker_engine.url, build_network=docker_engine.build_network)
    return prepared(engine, tmp_path_factory.mktemp("network"), workers=2)


@pytest.fixture(scope="session")
def docker_compose_command(prepared_network: Network) -> str:
    return shlex.join(prepared_network.command)


@pytest.fixture(scope="session")
def docker_compose_file() -> str:
    return COMPOSE_FILE


@pytest.fixture(scope="session")
def docker_compose_project_name(prepared_network: Network) -> str:
    return prepared_network.project


@pytest.fixture(scope="session")
def docker_setup() -> str:
    return "create"  # the fixture `network` starts it: what fails here isn't cleaned up


@pytest.fixture(scope="session")
def docker_cleanup() -> str:
    return CLEANUP


@pytest.fixture(scope="session")
def network(prepared_network: Network, docker_services: Services) -> Network:
    """The network of this session, up, with a worker and a scorer."""
    prepared_network.up()
    assert docker_services.port_for("chain", 9944) == prepared_network.ports["CHAIN_PORT"]
    return prepared_network


@dataclass(kw_only=True)
class Paid:
    """A task; ``shown`` is what `show` tells of it once it is paid."""

    task: int
    shown: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """From its creation to its payment, by the chain's clock."""
        on_chain = self.shown["task"]["task"]
        return float(on_chain["ended"] - on_chain["created"]) / 1000

    @property
    def worker(self) -> str:
        (submission,) = self.shown["task"]["submissions"]
        return str(submission["worker"])


@contextmanager
def paid_once(network: Network, file: Path, *, reward: int, to: Sequence[str] = ()) -> Iterator[Paid]:
    """Submit the task; after the ``with`` see that it has one result, accepted, verified, and paid for once.

    Its result is then in the folder ``fetched-<number>``. What ``to`` have between them grows by the reward.
    """
    creator, workers = network.wealth("//Alice"), network.wealth(*to)
    paid = Paid(task=network.submit(file))
    yield paid
    network.node_runtime("wait", str(paid.task), "--timeout", "6m")
    paid.shown = network.told("show", str(paid.task))
    assert [one["state"] for one in paid.shown["task"]["submissions"]] == ["accepted"]
    assert [one["state"] for one in paid.shown["task"]["attempts"]].count("submitted") == 1
    network.node_runtime("fetch", str(paid.task), f"fetched-{paid.task}")
    assert reward * UNIT < creator - network.wealth("//Alice") < reward * UNIT + FEES
    assert not to or reward * UNIT - FEES < network.wealth(*to) - workers <= reward * UNIT


def training(network: Network, name: str, script: str, *, outputs: str) -> tuple[Path, float]:
    """Write a training by this script, and run it twice; return its file, and the seconds of the second time.

    The first has to make images, which later ones find.
    """
    folder = network.folder / name
    (folder / "bundle").mkdir(parents=True)
    (folder / "sample").mkdir()
    (folder / "sample" / "part").write_text("one\n")
    (folder / "bundle" / "start_task.sh").write_text(script)
    (folder / "task.yaml").write_text(TRAINING.format(name=name, outputs=outputs))
    network.node_runtime("wait", str(network.submit(folder / "task.yaml")), "--timeout", "6m")
    with paid_once(network, folder / "task.yaml", reward=10) as paid:
        pass
    return folder / "task.yaml", paid.seconds


def long_training(network: Network) -> tuple[Path, float]:
    """A training that lasts some seconds, whatever else the machine does, and how many it takes undisturbed."""
    return training(network, "long", LONG, outputs="16MiB")


def tell(fault: str, delay: float, record: Record) -> None:
    """Print the delay of a task by a fault, in seconds, and record it."""
    print(f"\n{fault}: nothing lost, delay {delay:.1f} s")
    record(f"delay_seconds: {fault}", round(delay, 1))


def left_at(client: docker.APIClient, project: str, nodes: Sequence[str]) -> list[str]:
    """What the engine has of a project: containers, volumes, networks, and containers that its daemons made."""
    ours = {"label": f"{PROJECT_LABEL}={project}"}
    found = [one["Names"][0] for one in client.containers(all=True, filters=ours)]
    found += [one["Name"] for one in client.volumes(filters=ours)["Volumes"] or ()]
    found += [one["Name"] for one in client.networks(filters=ours)]
    made = client.containers(all=True, filters={"label": NODE_LABEL})
    return found + [one["Names"][0] for one in made if one["Labels"][NODE_LABEL].endswith(tuple(nodes))]
