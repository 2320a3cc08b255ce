"""How do tests run a node daemon? As an operator does: a node.yaml and ``node-runtime daemon``."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.models.containers import Container

from node_runtime.daemon.audit import Deed, Entry
from node_runtime.daemon.timings import FILE_NAME, Timings, TimingsFile
from node_runtime.ports import Chain
from node_runtime.task import Account


@dataclass(frozen=True, kw_only=True)
class DaemonProcess:
    """A daemon of the test. ``account`` is its key's, ``work`` its work folder, ``chain`` any view of the chain."""

    name: str
    account: Account
    work: Path
    log: Path
    chain: Chain
    process: subprocess.Popen[bytes]

    @property
    def audit(self) -> Path:
        return self.work / "audit.jsonl"

    def kill(self) -> None:
        """End it as a power cut would: nothing is told to it."""
        self.process.kill()
        self.process.wait(10)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        return self.process.wait(60)

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def deeds(self, deed: Deed) -> list[Entry]:
        lines = self.audit.read_bytes().splitlines() if self.audit.exists() else []
        entries = [Entry.model_validate_json(line) for line in lines]
        return [entry for entry in entries if entry.deed is deed]

    def timings(self) -> tuple[Timings, ...]:
        return TimingsFile(self.work / FILE_NAME).read()

    def workspaces(self) -> list[str]:
        return [path.name for path in (self.work / "attempts").iterdir()]

    def containers(self, *, running: bool = False) -> list[Container]:
        """The containers of its attempts, holders not counted."""
        client = docker.from_env()
        try:
            found = client.containers.list(all=not running, filters={"label": f"node-runtime.node={self.name}"})
            return [one for one in found if any(label.endswith("epoch") for label in one.labels)]
        finally:
            client.close()

    def wealth(self) -> int:
        """What its account has, held or free, in base units."""
        balance = self.chain.balance(self.account)
        return balance.free + balance.held


def launch_daemon(config: Path, log: Path, home: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "node_runtime", "daemon", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "NODE_RUNTIME_HOME": str(home)},
        )
