"""How do tests run a node daemon? As an operator does: a node.yaml and ``node-runtime daemon``."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import docker
import yaml
from substrateinterface import Keypair

from node_runtime.chain.client import SubstrateChain
from node_runtime.daemon.audit import Deed, Entry, verified
from node_runtime.daemon.chain_files import ChainFiles, mark_of
from node_runtime.daemon.lock import ID, engine_name
from node_runtime.daemon.timings import FILE_NAME, Timings, TimingsFile
from node_runtime.task import Account, Kind, TaskId
from tests.background import LIMIT
from tests.docker_engine import DockerHost
from tests.e2e.daemon_world import wait_for

NODE_LABEL = "node-runtime.node"
TASK_LABEL = "node-runtime.task"
EPOCH_LABEL = "node-runtime.epoch"  # task containers have it, namespace holders don't


@dataclass(frozen=True, kw_only=True)
class DaemonSettings:
    """What a test may say of its daemon; the rest is the same for all."""

    chain: str
    storage: Path
    engine: DockerHost
    engine_named: bool = True  # in node.yaml
    key: str = "//Bob"
    slots: int = 1
    grace: int = 2  # seconds
    building: str = "allow"
    base_image: str | None = None  # the engine's
    kinds: tuple[str, ...] = tuple(Kind)
    creators: tuple[str, ...] = ("any",)
    approve: str = "auto"
    metrics_port: int | None = None
    machine: str = "home"  # daemons of different machines don't see each other's locks

    def text(self, node: str, work: Path) -> str:
        """The node.yaml."""
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
                "poll": "200ms",
                "grace": f"{self.grace}s",
                "policy": {
                    "kinds": [str(kind) for kind in self.kinds],
                    "creators": list(self.creators),
                    "algos": ["any"],
                    "datasets": ["any"],
                    "approve": self.approve,
                },
                **({} if self.metrics_port is None else {"metrics_port": self.metrics_port}),
            }
        )


@dataclass(frozen=True, kw_only=True)
class DaemonProcess:
    """A daemon of the test. ``account`` is its key's, ``work`` its work folder, ``chain`` any view of the chain."""

    node: str
    account: Account
    work: Path
    log: Path
    engine: DockerHost
    chain: SubstrateChain
    process: subprocess.Popen[bytes]

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run another command of `node-runtime` with this node's configuration."""
        return run_command(*words, "--config", str(self.work.parent / "node.yaml"), home=self.work.parents[1] / "home")

    @property
    def name(self) -> str:
        """What the engine knows the node by."""
        return engine_name(self.work, self.node)

    @property
    def files(self) -> ChainFiles:
        """Those of the chain that its test looks at."""
        return ChainFiles(work=self.work, node=self.name, mark=mark_of(self.chain.genesis))

    @property
    def audit(self) -> Path:
        return self.work / "audit.jsonl"

    def ready(self) -> bool:
        return "\nready " in f"\n{self.log_text()}"

    def kill(self) -> None:
        """End it as a power cut would: nothing is told to it."""
        self.process.kill()
        self.process.wait(LIMIT)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        return self.process.wait(LIMIT)

    def clean_up(self) -> None:
        """No container and no mounted folder of the daemon, which has ended, is left."""
        if not (self.work / ID).exists():
            return
        with self.engine.engine(node=self.name, work=self.work) as engine:
            for files in (self.files, *self.files.others()):
                workspaces = files.workspaces(engine)
                for attempt in workspaces.left():
                    workspaces.remove(attempt)

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def deeds(self, deed: Deed) -> list[Entry]:
        entries = verified(self.audit) if self.audit.exists() else ()
        return [entry for entry in entries if entry.deed is deed]

    def timings(self) -> tuple[Timings, ...]:
        return TimingsFile(self.work / FILE_NAME).read()

    def workspaces(self) -> list[str]:
        return [path.name for path in self.work.glob("attempts-*/task-*")]

    def containers(self, *, running: bool = False) -> list[str]:
        """The ids of its attempts' containers."""
        return self._listed(EPOCH_LABEL, every=not running)

    def container_of(self, task: TaskId) -> str:
        """The id of the container that runs for the task, once it does."""
        return wait_for(lambda: next(iter(self._listed(f"{TASK_LABEL}={task}")), None), f"the container of task {task}")

    def let_go(self, *tasks: TaskId) -> None:
        """The containers of these tasks, which wait for it (see `daemon_world.WAITS`), go on."""
        for task in tasks:
            container = self.container_of(task)
            with closing(docker.APIClient(base_url=self.engine.url)) as client:
                told = client.exec_create(container, ["touch", "/tmp/go"])
                # how it ended can't be asked: the container, and it with it, may end and be gone as soon as it begins
                assert client.exec_start(told) == b""

    def _listed(self, *labels: str, every: bool = False) -> list[str]:
        if not (self.work / ID).exists():
            return []
        wanted = [f"{NODE_LABEL}={self.name}", *labels]
        with closing(docker.APIClient(base_url=self.engine.url)) as client:
            return [str(one["Id"]) for one in client.containers(all=every, filters={"label": wanted})]

    def wealth(self) -> int:
        """What its account has, held or free, in base units."""
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
    """Start a daemon whose files are in `folder`, which may be those of one that was killed."""
    folder.mkdir(exist_ok=True)
    node = f"test-{folder.parent.name}-{folder.name}".replace("_", "-")[-32:].strip("-")
    config, log = folder / "node.yaml", folder / "daemon.log"
    config.write_text(settings.text(node, folder / "work"))
    account = Account(Keypair.create_from_uri(settings.key).ss58_address)
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
