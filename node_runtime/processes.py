"""How background processes are started, recognised and ended: by process id and birth, never by name."""

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

SAID_AFTER = 3.0  # seconds
KILL_SECONDS = 60.0  # a busy machine needs to take a killed process apart
_START_TICKS = 19  # proc(5): the 22nd field of stat, the 20th after the command's name, which may hold anything


class ProcessRecord(BaseModel):
    """One process we started. A recycled id is told from ours by its `birth`."""

    model_config = ConfigDict(frozen=True)

    name: str
    pid: int
    birth: str
    log: Path

    def process(self) -> psutil.Process | None:
        """The process, if it still runs."""
        try:
            process = psutil.Process(self.pid)
            # one of which only its main thread has ended still has its files, and the locks on them
            ended = process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
            return process if birth(self.pid) == self.birth and not ended else None
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


def birth(pid: int) -> str:
    """What no other process of this id has, before or after it. Raises `psutil.NoSuchProcess`.

    On Linux the machine's start and the process's own, counted from there: the time of day may be set meanwhile.
    """
    if sys.platform != "linux":
        return f"{psutil.Process(pid).create_time():.2f}"
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        raise psutil.NoSuchProcess(pid) from None
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{fields[_START_TICKS]}"


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
    return ProcessRecord(name=name, pid=child.pid, birth=birth(child.pid), log=log), child


def stop(record: ProcessRecord, *, grace: float, say: Callable[[str], None] = lambda _: None) -> bool:
    """Ask the process to end, and kill it after `grace` seconds. Answers whether it was running.

    ``say`` is told when that takes a while. Raises `HostError` for one that even then doesn't end.
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
    """Whether it ends in time. Whose child it is may be too busy to take note of that, or wait for us."""
    give_up = time.monotonic() + seconds
    while record.process() is not None:
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True
