"""A node daemon of a test, run as an operator does: a node.yaml and ``node-runtime daemon``."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import docker
import yaml

from node_runtime.domain.assets import Account
from node_runtime.domain.task import Kind, TaskId
from node_runtime.engines.docker.build_environment import build_settings
from node_runtime.substrate.client import SubstrateChain
from node_runtime.substrate.keys import account_of
from node_runtime.worker.audit import AuditEntry, AuditEvent
from node_runtime.worker.audit_check import verified
from node_runtime.worker.state_dir import ID, ChainFiles, engine_name, mark_of
from node_runtime.worker.timings import TIMINGS_FILE, Timings, TimingsFile
from tests.background import LIMIT
from tests.docker_engine import DockerHost
from tests.e2e.daemon_world import wait_for

NODE_LABEL = "node-runtime.node"
TASK_LABEL = "node-runtime.task"
EPOCH_LABEL = "node-runtime.epoch"  # a label of task containers, not of pause containers


@dataclass(frozen=True, kw_only=True)
class DaemonSettings:
    """The settings of a daemon that differ between tests."""

    chain: str
    storage: Path | str
    engine: DockerHost
    engine_named: bool = True  # in node.yaml
    key: str = "//Bob"
    slots: int = 1
    grace: int = 2  # seconds
    building: str = "allow"
    base_image: str | None = None  # the engine's
    image_aliases: tuple[tuple[str, str], ...] = ()
    build_arguments: tuple[tuple[str, str], ...] = field(default_factory=build_settings)
    build_memory: str = "4GiB"
    kinds: tuple[str, ...] = tuple(Kind)
    creators: tuple[str, ...] = ("any",)
    algos: tuple[str, ...] = ("any",)
    approve: str = "auto"
    metrics_port: int | None = None
    traces: str | None = None
    storage_access: Path | None = None
    password_file: Path | None = None
    machine: str = "home"  # daemons on different machines don't share locks

    def text(self, node: str, work: Path) -> str:
        """Return the node.yaml."""
        return yaml.safe_dump(
            {
                "node": node,
                "chain": self.chain,
                "key": self.key,
                "storage": str(self.storage),
                "work": str(work),
                "slots": self.slots,
                "disk_floor": "1GiB",
                "building": self.building,
                **({"docker": self.engine.url} if self.engine_named else {}),
                "base_image": self.base_image or self.engine.base_image,
                "image_aliases": dict(self.image_aliases),
                "build_arguments": dict(self.build_arguments),
                "sandbox": {"build_memory": self.build_memory},
                "poll": "200ms",
                "grace": f"{self.grace}s",
                "policy": {
                    "kinds": [str(kind) for kind in self.kinds],
                    "creators": list(self.creators),
                    "algos": list(self.algos),
                    "datasets": ["any"],
                    "approve": self.approve,
                },
                **({} if self.metrics_port is None else {"metrics_port": self.metrics_port}),
                **({} if self.traces is None else {"traces": self.traces}),
                **({} if self.password_file is None else {"password_file": str(self.password_file)}),
                **({} if self.storage_access is None else {"storage_access": str(self.storage_access)}),
            }
        )


@dataclass(frozen=True, kw_only=True)
class DaemonProcess:
    """A running daemon: its ``account``, ``work`` folder, and a connection to its ``chain``."""

    node: str
    account: Account
    work: Path
    log: Path
    engine: DockerHost
    chain: SubstrateChain
    process: subprocess.Popen[bytes]

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run another command of `node-runtime` with the configuration of this node."""
        return run_command(*words, "--config", str(self.work.parent / "node.yaml"), home=self.work.parents[1] / "home")

    @property
    def name(self) -> str:
        """Return the name of the node in the labels of its containers."""
        return engine_name(self.work, self.node)

    @property
    def files(self) -> ChainFiles:
        """Return the node's state files of the test's chain."""
        return ChainFiles(work=self.work, node=self.name, mark=mark_of(self.chain.genesis))

    @property
    def audit(self) -> Path:
        return self.work / "audit.jsonl"

    def ready(self) -> bool:
        return "\nready " in f"\n{self.log_text()}"

    def kill(self) -> None:
        """Kill the daemon with SIGKILL, as a power failure would."""
        self.process.kill()
        self.process.wait(LIMIT)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        return self.process.wait(LIMIT)

    def clean_up(self) -> None:
        """Remove the containers and mounted folders of the stopped daemon."""
        if not (self.work / ID).exists():
            return
        with self.engine.engine(node=self.name, work=self.work) as engine:
            for files in (self.files, *self.files.others()):
                workspaces = files.workspaces(engine)
                for attempt in workspaces.attempts():
                    workspaces.remove(attempt)

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def deeds(self, deed: AuditEvent) -> list[AuditEntry]:
        entries = verified(self.audit, {self.account}) if self.audit.exists() else ()
        return [entry for entry in entries if entry.deed is deed]

    def timings(self) -> tuple[Timings, ...]:
        return TimingsFile(self.work / TIMINGS_FILE).read()

    def workspaces(self) -> list[str]:
        return [path.name for path in self.work.glob("attempts-*/task-*")]

    def containers(self, *, running: bool = False) -> list[str]:
        """Return the ids of the containers of its attempts."""
        return self._listed(EPOCH_LABEL, every=not running)

    def container_of(self, task: TaskId) -> str:
        """Wait for the container of the task; return its id."""
        return wait_for(lambda: next(iter(self._listed(f"{TASK_LABEL}={task}")), None), f"the container of task {task}")

    def let_go(self, *tasks: TaskId, file: str = "/tmp/go") -> None:
        """Release the containers of these tasks, which wait in `daemon_world.WAITS`."""
        for task in tasks:
            container = self.container_of(task)
            with closing(docker.APIClient(base_url=self.engine.url)) as client:
                output = client.exec_create(container, ["touch", file])
                # no exit status: the container may be removed, with the exec, as soon as it is released
                assert client.exec_start(output["Id"]) == b""

    def kill_with_its_result_in_the_box(self, task: TaskId) -> None:
        """Let the container end while the chain is down; kill the daemon with the result in its outbox."""
        self.let_go(task)
        wait_for(lambda: "delivery_retried" in self.log_text(), "the result to wait for the chain")
        self.kill()

    def _listed(self, *labels: str, every: bool = False) -> list[str]:
        if not (self.work / ID).exists():
            return []
        wanted = [f"{NODE_LABEL}={self.name}", *labels]
        with closing(docker.APIClient(base_url=self.engine.url)) as client:
            return [str(one["Id"]) for one in client.containers(all=every, filters={"label": wanted})]

    def wealth(self) -> int:
        """Return the sum of its account's free and held balance, in base units."""
        balance = self.chain.balance(self.account)
        return balance.free + balance.held


def run_command(*words: str, home: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "node_runtime", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env={**os.environ, "NODE_RUNTIME_HOME": str(home)},
    )


def start(settings: DaemonSettings, folder: Path, *, view: SubstrateChain) -> DaemonProcess:
    """Start a daemon in `folder`, which may be that of a killed daemon."""
    folder.mkdir(exist_ok=True)
    node = f"test-{folder.parent.name}-{folder.name}".replace("_", "-")[-32:].strip("-")
    config, log = folder / "node.yaml", folder / "daemon.log"
    config.write_text(settings.text(node, folder / "work"))
    account = account_of(settings.key)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "node_runtime", "daemon", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "NODE_RUNTIME_HOME": str(folder.parent / settings.machine)},
        )
    return DaemonProcess(
        node=node, account=account, work=folder / "work", log=log, engine=settings.engine, chain=view, process=process
    )
