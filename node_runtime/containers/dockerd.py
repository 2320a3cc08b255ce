"""How is a container engine started where none answers? One that is there is left as it is.

The record of an engine that was started here lies in its folder: who it is (process id and birth), where it
answers, and which network its builds need.
"""

import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from node_runtime.containers.dockerd_process import StartedEngine, end_engine, run_folder
from node_runtime.containers.packages import install_packages
from node_runtime.containers.which_engine import answers, find_engine
from node_runtime.errors import HostError
from node_runtime.ports import Say
from node_runtime.processes import birth
from node_runtime.turns import in_turn
from node_runtime.uninterrupted import uninterrupted

_STARTS_WITHIN = 120.0  # seconds; one whose process ends is noticed at once
_LOOK = 5  # seconds for one answer of an engine that may not be ready yet


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine that answers. ``started_here`` says that `stop_engine` ends it."""

    url: str
    build_network: str | None = None
    started_here: bool = False


@dataclass(frozen=True, kw_only=True)
class _Networking:
    """A way to start the engine, from the best to the one that works nearly everywhere."""

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
    """The engine to use: one that answers, the one started earlier from `folder`, or a new one (root on Debian only).

    May be repeated. Raises `HostError` with what to install where this cannot start one.
    """
    if started_engine(folder) is None:
        found = find_engine()
        if found is not None:
            return Engine(url=found)
    new = start_engine(folder, say=say)
    return Engine(url=new.url, build_network=new.build_network, started_here=True)


def start_engine(folder: Path, *, say: Say, with_network: bool = True) -> StartedEngine:
    """Start a Docker Engine of its own, whose images and containers lie in `folder`. Outlives this process.

    Root only; installs Docker with apt-get when it is missing. ``with_network=False`` leaves the machine's bridges
    and firewall alone, which also happens by itself when another engine runs or when they may not be changed.
    Raises `HostError` with the last lines of the engine's log when it doesn't come up.
    """
    if platform.system() != "Linux" or os.geteuid() != 0:
        raise HostError(
            "no container engine answers, and starting one needs root on Linux",
            remedy="install and start Docker (https://docs.docker.com/engine/install/), then repeat",
        )
    with in_turn(folder, waiting=lambda: say("waiting for another command that starts or ends this Docker Engine")):
        running = started_engine(folder)
        if running is not None and _answers_in_the_end(running, say):
            return running
        _end(folder)
        _require_dockerd(folder / "apt.log", say)
        return _start_one_way(folder, _ways(with_network and not _another_runs()), say)


def started_engine(folder: Path) -> StartedEngine | None:
    """The engine that was started from `folder` and still runs."""
    try:
        engine = StartedEngine(**json.loads((folder / "engine.json").read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return engine if engine.runs() else None


def stop_engine(folder: Path) -> None:
    """End the engine that was started from `folder`, with its containers. Nothing else is touched; may be repeated."""
    if not folder.is_dir():
        return
    with in_turn(folder, waiting=lambda: None):
        _end(folder)


def _ways(with_network: bool) -> Iterator[_Networking]:
    """To be tried in turn; what exists is looked at when its turn comes."""
    if with_network:
        yield _BRIDGE
    # an engine without a bridge deletes the bridge that is there, which is another engine's: then we name it, unused
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
    raise HostError(f"the Docker Engine did not start; its last words:\n  {last}", remedy=f"see {log}, then repeat")


def _spawn(folder: Path, url: str, way: _Networking, log: Path) -> "subprocess.Popen[bytes]":
    run = run_folder(folder)
    run.mkdir(parents=True, exist_ok=True)
    run.chmod(0o700)
    # a left-over pid file may name a process that is something else by now: dockerd would refuse to start
    (run / "docker.pid").unlink(missing_ok=True)
    settings = folder / "daemon.json"  # not the system's, whose settings are for the system's engine
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
            start_new_session=True,  # a Ctrl-C is for us, not for the engine
        )


def _engine_of(process: "subprocess.Popen[bytes]", url: str, way: _Networking, log: Path) -> StartedEngine:
    born = birth(process.pid)
    return StartedEngine(url=url, pid=process.pid, birth=born, log=str(log), build_network=way.build_network)


def _write_down(engine: StartedEngine, folder: Path) -> None:
    """All at once: others read it without a lock."""
    unfinished = folder / "engine.json.part"
    unfinished.write_text(json.dumps(asdict(engine)))
    unfinished.replace(folder / "engine.json")


def _answers_in_the_end(engine: StartedEngine, say: Say) -> bool:
    """One that starts, or has much to do, isn't ended for that: containers may run in it."""
    if answers(engine.url, within=_LOOK):
        return True
    say(f"waiting for the Docker Engine that runs already to answer (process {engine.pid})")
    return _comes_up(engine)


def _comes_up(engine: StartedEngine) -> bool:
    give_up = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < give_up and engine.runs():
        if answers(engine.url, within=_LOOK):
            return True
        time.sleep(0.1)
    return False


def _end(folder: Path) -> None:
    end_engine(started_engine(folder), folder)
    (folder / "engine.json").unlink(missing_ok=True)


def _another_runs() -> bool:
    """Another engine owns the bridge and the firewall's rules, whether it answers us or not."""
    return any(process.info["name"] == "dockerd" for process in psutil.process_iter(["name"]))


def _dockerd() -> str | None:
    return shutil.which("dockerd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def _require_dockerd(log: Path, say: Say) -> None:
    if _dockerd() is None:
        install_packages(["docker.io", "iptables"], log=log, say=say)
    if _dockerd() is None:
        raise HostError("dockerd is not there though docker.io is installed", remedy="install Docker, then repeat")
