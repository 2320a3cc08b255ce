"""A Docker Engine (dockerd) of this program: start where no engine answers, record, stop and cleanup.

The engine's folder holds its record: process id and start time, address, and the network that its builds need.
"""

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import psutil

from node_runtime.engines.docker.discovery import answers, find_engine
from node_runtime.engines.docker.quota import unmount_below
from node_runtime.errors import HostError
from node_runtime.localnet import processes
from node_runtime.localnet.processes import ProcessRecord, birth
from node_runtime.platform.host_commands import install_packages
from node_runtime.platform.locks import locked
from node_runtime.platform.printable import Say
from node_runtime.platform.signals import uninterrupted
from node_runtime.platform.stored_format import StoredFormat, decode_document, encode_document, unversioned

_STOPS_WITHIN = 30.0  # seconds, including its containers


@dataclass(frozen=True, kw_only=True)
class StartedEngine:
    """The record of a started engine. ``build_network`` is for `EngineSettings.build_network`."""

    url: str
    pid: int
    birth: str  # of the process: an id alone may be reused
    log: str
    build_network: str | None

    @property
    def record(self) -> ProcessRecord:
        return ProcessRecord(name="Docker Engine", pid=self.pid, birth=self.birth, log=Path(self.log))

    def runs(self) -> bool:
        """Whether the process runs and is an engine: the record may be a copy from another machine."""
        process = self.record.process()
        with suppress(psutil.NoSuchProcess):  # it may exit between the checks
            return process is not None and process.name().startswith("dockerd")
        return False


def run_folder(folder: Path) -> Path:
    """The runtime folder (sockets, pid files) of the engine whose data is in `folder`.

    Its path is short, because socket paths are limited to about a hundred characters.
    """
    return Path("/run/node-runtime", sha256(os.fsencode(folder.resolve())).hexdigest()[:12])


def end_engine(engine: StartedEngine | None, folder: Path) -> None:
    """End the process and its leftovers: a killed engine leaves containers, containerd processes and mounts."""
    if engine is not None and engine.runs():
        processes.stop(engine.record, grace=_STOPS_WITHIN)
    run = run_folder(folder)
    if run.exists():
        _end_left_behind(str(run / "exec"))
        unmount_below(run)
        unmount_below(folder / "data")
        shutil.rmtree(run, ignore_errors=True)


def _end_left_behind(exec_root: str) -> None:
    """Kill processes whose arguments name this engine's folder, with their children, the containers.

    This includes an engine whose starter was killed before it wrote the record.
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
    """Whether the process has our root: in a chroot or container, the same path is another folder and engine."""
    try:
        return Path("/proc/self/root").samefile(f"/proc/{pid}/root")
    except OSError:  # it has exited or belongs to another user
        return False


RECORD = "engine.json"
FORMAT = StoredFormat(
    name="the record of the engine that was started here",
    remedy="stop the engine with that release's 'node-runtime down'",
    steps=(unversioned,),
)
_STARTS_WITHIN = 120.0  # seconds; a process that exits is noticed at once
_ANSWER_TIMEOUT = 5  # seconds: timeout of one readiness request


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A running engine. ``started_here`` says whether `stop_engine` ends it."""

    url: str
    build_network: str | None = None
    started_here: bool = False


@dataclass(frozen=True, kw_only=True)
class _Networking:
    """A network configuration of the engine."""

    flags: tuple[str, ...]
    build_network: str | None
    told: str


_QUIET = ("--iptables=false", "--ip6tables=false", "--ip-forward=false")
_TOLD = "it leaves this machine's network as it is: image builds share the host's network"
_BRIDGE = _Networking(flags=(), build_network=None, told="")
_UNUSED_BRIDGE = _Networking(flags=_QUIET, build_network="host", told=_TOLD)
_NO_BRIDGE = _Networking(flags=("--bridge=none", *_QUIET), build_network="host", told=_TOLD)
_BRIDGE_NAME = "docker0"


def ensure_engine(folder: Path, *, say: Say) -> Engine:
    """Find an engine that answers or was started from `folder`, or start a new one (root on Debian only).

    Idempotent. Raises `HostError` with installation instructions where none can be started.
    """
    if started_engine(folder) is None:
        found = find_engine()
        if found is not None:
            return Engine(url=found)
    new = start_engine(folder, say=say)
    return Engine(url=new.url, build_network=new.build_network, started_here=True)


def start_engine(folder: Path, *, say: Say, with_network: bool = True) -> StartedEngine:
    """Start a separate Docker Engine with its images and containers in `folder`. It outlives this process.

    Root only; installs Docker with apt-get when it is missing. ``with_network=False`` leaves the machine's bridges and
    firewall unchanged, which is also the fallback when another engine runs or they can't be changed. Raises `HostError`
    with the last lines of the engine's log when the start fails.
    """
    if platform.system() != "Linux" or os.geteuid() != 0:
        raise HostError(
            "no container engine answers, and starting one needs root on Linux",
            remedy="install and start Docker (https://docs.docker.com/engine/install/), then repeat",
        )
    with locked(folder, waiting=lambda: say("waiting for another command that starts or ends this Docker Engine")):
        running = started_engine(folder)
        if running is not None and _answers_in_the_end(running, say):
            return running
        _end(folder)
        _require_dockerd(folder / "apt.log", say)
        return _start_one_way(folder, _ways(with_network and not _another_runs()), say)


def started_engine(folder: Path) -> StartedEngine | None:
    """Load the engine that was started from `folder`; None unless it runs."""
    try:
        engine = StartedEngine(**decode_document((folder / RECORD).read_bytes(), FORMAT, folder / RECORD))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return engine if engine.runs() else None


def stop_engine(folder: Path) -> None:
    """Stop the engine that was started from `folder`, with its containers. Idempotent."""
    if not folder.is_dir():
        return
    with locked(folder, waiting=lambda: None):
        _end(folder)


def _ways(with_network: bool) -> Iterator[_Networking]:
    """Yield the network configurations to try in order; interfaces are checked lazily."""
    if with_network:
        yield _BRIDGE
    # an engine without a bridge deletes an existing docker0 of another engine, so name one that stays unused
    yield _UNUSED_BRIDGE if _BRIDGE_NAME in psutil.net_if_addrs() else _NO_BRIDGE


def _start_one_way(folder: Path, ways: Iterable[_Networking], say: Say) -> StartedEngine:
    log = folder / "dockerd.log"
    for way in ways:
        say(f"starting a Docker Engine (data in {folder})")
        url = f"unix://{run_folder(folder)}/docker.sock"
        try:
            with uninterrupted():
                process = _spawn(folder, url, way, log)
                engine = _engine_of(process, url, way, log)
                _write_down(engine, folder)
            comes_up = _comes_up(engine)
        except BaseException:
            _end(folder)
            raise
        if comes_up:
            if way.told:
                say(way.told)
            return engine
        _end(folder)
        process.wait()
    last = "\n  ".join(log.read_text(errors="replace").splitlines()[-6:])
    raise HostError(f"the Docker Engine did not start; the end of its log:\n  {last}", remedy=f"see {log}, then repeat")


def _spawn(folder: Path, url: str, way: _Networking, log: Path) -> "subprocess.Popen[bytes]":
    run = run_folder(folder)
    run.mkdir(parents=True, exist_ok=True)
    run.chmod(0o700)
    # dockerd refuses to start when a stale pid file names another process
    (run / "docker.pid").unlink(missing_ok=True)
    settings = folder / "daemon.json"  # not the system-wide file, which configures the system's engine
    settings.write_text("{}\n")
    command = [
        _dockerd() or "dockerd",
        f"--config-file={settings}",
        f"--data-root={folder / 'data'}",
        f"--exec-root={run / 'exec'}",
        f"--pidfile={run / 'docker.pid'}",
        f"--host={url}",
        *way.flags,
    ]
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"}
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,  # keeps Ctrl-C from reaching the engine
        )


def _engine_of(process: "subprocess.Popen[bytes]", url: str, way: _Networking, log: Path) -> StartedEngine:
    born = birth(process.pid)
    return StartedEngine(url=url, pid=process.pid, birth=born, log=str(log), build_network=way.build_network)


def _write_down(engine: StartedEngine, folder: Path) -> None:
    """Write atomically: others read it without a lock."""
    unfinished = folder / f"{RECORD}.part"
    unfinished.write_text(encode_document(asdict(engine), FORMAT))
    unfinished.replace(folder / RECORD)


def _answers_in_the_end(engine: StartedEngine, say: Say) -> bool:
    """Wait for a running engine that doesn't answer yet; never stop it, since it may run containers."""
    if answers(engine.url, within=_ANSWER_TIMEOUT):
        return True
    say(f"waiting for the Docker Engine that runs already to answer (process {engine.pid})")
    return _comes_up(engine)


def _comes_up(engine: StartedEngine) -> bool:
    deadline = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < deadline and engine.runs():
        if answers(engine.url, within=_ANSWER_TIMEOUT):
            return True
        time.sleep(0.1)
    return False


def _end(folder: Path) -> None:
    end_engine(started_engine(folder), folder)
    (folder / RECORD).unlink(missing_ok=True)


def _another_runs() -> bool:
    """Whether another engine runs, which owns the bridge and the firewall rules even if it doesn't answer."""
    return any(process.info["name"] == "dockerd" for process in psutil.process_iter(["name"]))


def _dockerd() -> str | None:
    return shutil.which("dockerd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def _require_dockerd(log: Path, say: Say) -> None:
    if _dockerd() is None:
        install_packages(["docker.io", "iptables"], log=log, say=say)
    if _dockerd() is None:
        raise HostError("dockerd is not there though docker.io is installed", remedy="install Docker, then repeat")
