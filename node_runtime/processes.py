"""How background processes are started, recognised and ended: by process id and start time, never by name."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict


class ProcessRecord(BaseModel):
    """One process we started. A recycled id is told from ours by ``created`` (seconds since the epoch)."""

    model_config = ConfigDict(frozen=True)

    name: str
    pid: int
    created: float
    log: Path

    def process(self) -> psutil.Process | None:
        """The process, if it still runs."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < 1.0
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    def last_lines(self, count: int = 12) -> str:
        """The end of its log, for an error message."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - 16_384))
                return "\n".join(log.read().decode(errors="replace").splitlines()[-count:])
        except FileNotFoundError:
            return ""


def start(name: str, command: Sequence[str], *, log: Path) -> tuple[ProcessRecord, subprocess.Popen[bytes]]:
    """Start `command` in a session of its own, so that a terminal's Ctrl-C reaches it only through us.

    Settings of ours in the environment are meant for the command that was typed, not for what it starts.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NODE_RUNTIME_")}
    if "NODE_RUNTIME_HOME" in os.environ:
        environment["NODE_RUNTIME_HOME"] = os.environ["NODE_RUNTIME_HOME"]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    created = psutil.Process(child.pid).create_time()
    return ProcessRecord(name=name, pid=child.pid, created=created, log=log), child


def stop(record: ProcessRecord, *, grace: float) -> bool:
    """Ask the process to end, and kill it after `grace` seconds. Answers whether it was running."""
    process = record.process()
    if process is None:
        return False
    try:
        process.terminate()
        process.wait(grace)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(60)
    except psutil.NoSuchProcess:
        pass
    return True
