"""Background processes, identified by process id and start time, never by name."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

from node_runtime.errors import HostError

SAID_AFTER = 3.0  # seconds of waiting before the user is told
KILL_SECONDS = 60.0  # seconds: a busy machine may be slow to reap a killed process
_START_TICKS = 19  # proc(5): field 22 of stat, the 20th after the command's name, which may contain spaces


class ProcessRecord(BaseModel):
    """A process that this program started; `birth` distinguishes it from a later process with the same id."""

    model_config = ConfigDict(frozen=True)

    name: str
    pid: int
    birth: str
    log: Path

    def process(self) -> psutil.Process | None:
        """The process, or None when it has exited."""
        try:
            process = psutil.Process(self.pid)
            # a zombie main thread with other threads still holds files and locks
            ended = process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
            return process if birth(self.pid) == self.birth and not ended else None
        except psutil.NoSuchProcess:
            return None

    def last_lines(self, count: int = 12) -> str:
        """The last lines of its log, for an error message."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - 16_384))
                return "\n".join(log.read().decode(errors="replace").splitlines()[-count:])
        except FileNotFoundError:
            return ""


def birth(pid: int) -> str:
    """An identifier that no other process with this id shares. Raises `psutil.NoSuchProcess`.

    On Linux, the boot id and the start time in ticks since boot, which changes of the system clock don't affect.
    """
    if sys.platform != "linux":
        return f"{psutil.Process(pid).create_time():.2f}"
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        raise psutil.NoSuchProcess(pid) from None
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{fields[_START_TICKS]}"


def start(name: str, command: Sequence[str], *, log: Path) -> tuple[ProcessRecord, subprocess.Popen[bytes]]:
    """Start `command` in its own session, so that a terminal's Ctrl-C doesn't reach it.

    NODE_RUNTIME_* variables, except NODE_RUNTIME_HOME, apply to the user's command only and are not inherited.
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
    return ProcessRecord(name=name, pid=child.pid, birth=birth(child.pid), log=log), child


def stop(record: ProcessRecord, *, grace: float, say: Callable[[str], None] = lambda _: None) -> bool:
    """Terminate the process, and kill it after `grace` seconds. Returns whether it was running.

    Reports a longer wait through ``say``. Raises `HostError` when the killed process doesn't exit.
    """
    process = record.process()
    if process is None:
        return False
    with suppress(psutil.NoSuchProcess):
        process.terminate()
        if _ends(record, min(SAID_AFTER, grace)):
            return True
        say(f"waiting for {record.name} to end, process {record.pid}; in {grace:g} s at the latest it is killed")
        if _ends(record, grace - SAID_AFTER):
            return True
        process.kill()
        if not _ends(record, KILL_SECONDS):
            raise HostError(
                f"{record.name}, process {record.pid}, doesn't end although it was killed",
                remedy="see what it waits for, e.g. a disk that doesn't answer",
            )
    return True


def _ends(record: ProcessRecord, seconds: float) -> bool:
    """Wait for the process's end; False at the timeout. Polls, since the process may be another process's child."""
    deadline = time.monotonic() + seconds
    while record.process() is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
