"""`node-runtime doctor`: does this machine have what is needed, and what to do where it hasn't."""

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

import node_runtime
from node_runtime.containers import DockerEngine, EngineSettings
from node_runtime.containers.base_image import OFFICIAL
from node_runtime.containers.connection import connect, engine_trouble
from node_runtime.containers.dockerd import started_engine
from node_runtime.containers.which_engine import find_engine
from node_runtime.errors import HostError, NodeRuntimeError
from node_runtime.home import engine_folder, home
from node_runtime.network_file import NetworkFile
from node_runtime.trouble import host_trouble

GIB = 1 << 30
LITTLE_DISK = 5 * GIB


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was looked at, what was seen, and what to do when it isn't well."""

    name: str
    well: bool
    seen: str
    remedy: str = ""


def run_doctor(console: Console, *, as_json: bool) -> int:
    """Print the findings; answers the exit code, 4 when something is missing."""
    findings = list(_findings())
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for finding in findings:
            mark = "[green]ok[/]" if finding.well else "[red]no[/]"
            table.add_row(mark, finding.name, finding.seen + (f"\n→ {finding.remedy}" if finding.remedy else ""))
        console.print(table)
    return 0 if all(finding.well for finding in findings) else HostError.exit_code


def _findings() -> Iterator[Finding]:
    yield Finding(
        name="node-runtime",
        well=True,
        seen=f"{node_runtime.__version__} on Python {platform.python_version()}, {platform.platform()}",
    )
    memory = psutil.virtual_memory()
    yield Finding(
        name="machine",
        well=True,
        seen=f"{os.cpu_count()} CPUs, {memory.total / GIB:.1f} GiB memory, {memory.available / GIB:.1f} GiB available",
    )
    yield _looked_at("disk", _disk)
    yield _looked_at("docker", _docker)
    yield _looked_at("sandbox", _sandbox)
    yield _looked_at("local network", _network)


def _looked_at(name: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except NodeRuntimeError as error:
        return Finding(name=name, well=False, seen=error.message, remedy=error.remedy)


def _disk() -> Finding:
    place = next(folder for folder in (home(), *home().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    well = free >= LITTLE_DISK
    remedy = "" if well else "free some space, or move the files with NODE_RUNTIME_HOME"
    return Finding(name="disk", well=well, seen=f"{free / GIB:.1f} GiB free at {place}", remedy=remedy)


def _engine_url() -> str:
    started = started_engine(engine_folder())
    url = started.url if started is not None else find_engine()
    if url is None:
        can = os.geteuid() == 0 and Path("/etc/debian_version").exists()
        raise HostError(
            "no Docker Engine answers",
            remedy="'node-runtime up' installs and starts one" if can else "install and start Docker",
        )
    return url


def _docker() -> Finding:
    url = _engine_url()
    with closing(connect(url, timeout=30)) as client, engine_trouble(f"the engine at {url}"):
        info = client.info()
        has_base = bool(client.images(name=OFFICIAL)) or bool(client.images(name="node-runtime/base"))
    seen = f"{info['ServerVersion']} at {url}, {info['Driver']}, cgroup v{info.get('CgroupVersion', '1')}"
    return Finding(name="docker", well=True, seen=seen + (", base image there" if has_base else ", no base image yet"))


def _sandbox() -> Finding:
    with host_trouble(home()):
        home().mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="doctor-", dir=home()) as work,
        closing(DockerEngine(EngineSettings(node="doctor", work=Path(work), docker_host=_engine_url()))) as engine,
    ):
        mode = engine.quota_mode()
    return Finding(name="sandbox", well=True, seen=f"output quotas are {mode}")


def _network() -> Finding:
    network = NetworkFile.load_running()
    if network is None:
        return Finding(name="local network", well=True, seen="not running")
    names = ", ".join(record.name for record in network.running())
    ended = [record.name for record in network.processes if record.process() is None]
    if ended:
        return Finding(
            name="local network",
            well=False,
            seen=f"{', '.join(ended)} ended by itself; {names} runs",
            remedy="node-runtime down, then up",
        )
    return Finding(name="local network", well=True, seen=f"{names} at {network.chain}")
