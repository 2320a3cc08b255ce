"""How is the process of an engine that was started here recognised and ended, with all it left behind?"""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import psutil

from node_runtime import processes
from node_runtime.containers.removal import unmount_below
from node_runtime.processes import ProcessRecord

_STOPS_WITHIN = 30.0  # seconds, for its containers too


@dataclass(frozen=True, kw_only=True)
class StartedEngine:
    """An engine that was started here. ``build_network`` goes into `EngineSettings.build_network`."""

    url: str
    pid: int
    birth: str  # of the process: an id alone may be somebody else's later
    log: str
    build_network: str | None

    @property
    def record(self) -> ProcessRecord:
        return ProcessRecord(name="Docker Engine", pid=self.pid, birth=self.birth, log=Path(self.log))

    def runs(self) -> bool:
        """Whether the process is there, and is an engine: a record may have been copied from another machine."""
        process = self.record.process()
        with suppress(psutil.NoSuchProcess):  # it may end between the two looks
            return process is not None and process.name().startswith("dockerd")
        return False


def run_folder(folder: Path) -> Path:
    """Of the sockets and process ids of the engine whose data is in `folder`.

    Short, because the paths of sockets are limited to about a hundred characters.
    """
    return Path("/run/node-runtime", sha256(os.fsencode(folder.resolve())).hexdigest()[:12])


def end_engine(engine: StartedEngine | None, folder: Path) -> None:
    """End the process, and what it left: an engine that was killed leaves containers, their keepers and mounts."""
    if engine is not None and engine.runs():
        processes.stop(engine.record, grace=_STOPS_WITHIN)
    run = run_folder(folder)
    if run.exists():
        _end_left_behind(str(run / "exec"))
        unmount_below(run)
        unmount_below(folder / "data")
        shutil.rmtree(run, ignore_errors=True)


def _end_left_behind(exec_root: str) -> None:
    """Processes that were told this engine's own folder, and their children: its containers.

    Also the engine itself, when whoever started it was killed before it was written down.
    """
    left: list[psutil.Process] = []
    for process in psutil.process_iter(["name", "cmdline"]):
        told = any(exec_root in word for word in process.info["cmdline"] or ())
        if told and process.info["name"].startswith(("containerd", "dockerd")) and _has_our_root(process.pid):
            with suppress(psutil.NoSuchProcess):
                left.extend([process, *process.children(recursive=True)])
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=_STOPS_WITHIN)


def _has_our_root(pid: int) -> bool:
    """In another root, of a chroot or a container, folders of the same name are others, and so are their engines."""
    try:
        return Path("/proc/self/root").samefile(f"/proc/{pid}/root")
    except OSError:  # it has ended, or is none of ours
        return False
