"""`node-runtime doctor`: checks of this machine, with a remedy for each finding."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil

import node_runtime
from node_runtime.config import UID_BASE, load_config
from node_runtime.domain.clock import CLOCK_REMEDY, TOLD, wall_clock
from node_runtime.domain.units import duration
from node_runtime.engines import open_engine
from node_runtime.engines.docker.client import connect, engine_trouble
from node_runtime.engines.docker.discovery import find_engine
from node_runtime.engines.docker.settings import (
    EngineSettings,
)
from node_runtime.errors import HostError
from node_runtime.localnet.provision.base_image import OFFICIAL
from node_runtime.localnet.provision.dockerd import started_engine
from node_runtime.localnet.record import NetworkFile
from node_runtime.platform.files import host_errors
from node_runtime.platform.gpus import Nvml
from node_runtime.platform.paths import engine_folder, home
from node_runtime.ports.engine import ContainerEngine

from .findings import Finding, all_found_by, found_by, print_findings
from .gpus import NAMES_REMEDY, NO_GPU, NO_GPU_REMEDY, describe_uses, faults_of, toolkit_remedy
from .node_checks import node_findings
from .output import print_json
from .uid_ranges import UID_REMEDY, collisions_of, describe_isolation, ranges_of

GIB = 1 << 30
LITTLE_DISK = 5 * GIB


def run_doctor(configs: Sequence[Path] = (), *, as_json: bool) -> int:
    """Print the findings; return the exit code, 4 if a check failed."""
    findings = list(_findings(configs))
    if as_json:
        print_json(findings)
    else:
        print_findings(findings)
    return 0 if all(finding.well for finding in findings) else HostError.exit_code


def _findings(configs: Sequence[Path]) -> Iterator[Finding]:
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
    yield found_by("disk", _disk)
    yield from (engines := tuple(all_found_by("docker", lambda: map(_docker, _engines(configs)))))
    yield _told_once(found_by("sandbox", lambda: _sandbox(configs)), engines)
    yield _told_once(found_by("users", lambda: _users(configs)), engines)
    yield from all_found_by("gpus", lambda: _gpus(configs))
    yield found_by("local network", _network)
    yield found_by("clock", lambda: _clock(configs))
    for path in configs:
        yield from all_found_by("configuration", partial(_node, path))


def _told_once(finding: Finding, engines: Sequence[Finding]) -> Finding:
    """The finding, or in short that it needs the engine, where a row of ``engines`` has the same fault."""
    if finding.well or finding.seen not in [one.seen for one in engines]:
        return finding
    return Finding(name=finding.name, well=False, seen="not checked: it needs the engine", remedy="see docker above")


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


def _node(file: Path) -> Iterator[Finding]:
    """Check the node of this configuration, without its engine where none answers, which `docker` tells."""
    engine: str | None = None
    with suppress(HostError):
        (engine,) = _engines([file])
    return node_findings(file, engine)


def _engines(configs: Sequence[Path]) -> tuple[str, ...]:
    """Return the engines of the nodes: those that they name, and the one that answers if one names none, or none is."""
    named = dict.fromkeys(load_config(path).docker or _engine_url() for path in configs)
    return tuple(named) or (_engine_url(),)


def _docker(url: str) -> Finding:
    with closing(connect(url, timeout=30)) as client, engine_trouble(f"the engine at {url}"):
        info = client.info()
        has_base = bool(client.images(name=OFFICIAL)) or bool(client.images(name="node-runtime/base"))
    seen = f"{info['ServerVersion']} at {url}, {info['Driver']}, cgroup v{info.get('CgroupVersion', '1')}"
    if not any("name=seccomp" in option for option in info.get("SecurityOptions") or ()):
        remedy = "use a kernel and an engine with seccomp: the system calls of containers are filtered by it"
        return Finding(name="docker", well=False, seen=f"{seen}, without seccomp", remedy=remedy)
    return Finding(name="docker", well=True, seen=seen + (", base image there" if has_base else ", no base image yet"))


def _sandbox(configs: Sequence[Path]) -> Finding:
    with _trial_engine(configs) as engine:
        confined = engine.confinement()
    obstacle = confined.build_obstacle
    processes = f"not limited ({obstacle}; see `sandbox.build_cgroup` in node.yaml)" if obstacle else "limited"
    seen = f"output quotas are {confined.quotas}, processes of image builds {processes}"
    return Finding(name="sandbox", well=True, seen=seen)


def _clock(configs: Sequence[Path]) -> Finding:
    """Check that the clock is not behind the newest block. Only a node that sends claims can detect one ahead."""
    network = NetworkFile.load_running()
    chains = {load_config(path).chain for path in configs} | ({network.chain} if network is not None else set())
    if not chains:
        return Finding(name="clock", well=True, seen="no chain to compare it with; name a node by --config")
    from node_runtime.substrate.client import newest_stamp  # slow to import

    stamps = {chain: newest_stamp(chain) for chain in sorted(chains)}
    ages = {chain: wall_clock() - stamp for chain, stamp in stamps.items()}
    behind = [f"{duration(-age)} behind the newest block at {chain}" for chain, age in ages.items() if age < -TOLD]
    if behind:
        return Finding(name="clock", well=False, seen="; ".join(behind), remedy=CLOCK_REMEDY)
    told = [_age(chain, stamp) for chain, stamp in stamps.items()]
    return Finding(name="clock", well=True, seen="; ".join(told))


def _age(chain: str, stamp: int) -> str:
    if not stamp:
        return f"the chain at {chain} has no block with a time yet to compare it with"
    return f"the newest block at {chain} is {duration(max(wall_clock() - stamp, 0))} old"


def _users(configs: Sequence[Path]) -> Finding:
    """Check the uid ranges of nodes that exist: a new node's is chosen by `init`."""
    url = _engines(configs)[0]
    ranges = ranges_of(configs)
    with _trial_engine(configs, uid_base=ranges[0].first if ranges else UID_BASE) as engine:
        confined = engine.confinement()
    seen = describe_isolation(confined)
    collided = tuple(collisions_of(ranges, engine=url)) if confined.user_per_slot else ()
    if not collided:
        return Finding(name="users", well=True, seen=seen)
    return Finding(name="users", well=False, seen="; ".join((seen, *collided)), remedy=UID_REMEDY)


def _gpus(configs: Sequence[Path]) -> Iterator[Finding]:
    """Tell each GPU, and check that those which nodes give are there and that the engine gives them to containers."""
    nodes = [config for config in map(load_config, configs) if config.pool.gpus]
    found = Nvml().gpus()
    if not found:
        yield Finding(name="gpus", well=not nodes, seen=NO_GPU, remedy=NO_GPU_REMEDY if nodes else "")
        return
    driver = next((one.sandbox.gpu_driver for one in nodes), None)
    with _trial_engine(configs, gpu_driver=driver) as engine:
        obstacle, uses = engine.gpu_obstacle(), tuple(describe_uses(found, engine, nodes))
    yield from (Finding(name=f"gpu {gpu.index}", well=True, seen=use) for gpu, use in zip(found, uses, strict=True))
    faults = "; ".join(faults_of(found, nodes))
    if faults:
        yield Finding(name="gpus", well=False, seen=faults, remedy=NAMES_REMEDY)
    if obstacle and nodes:
        yield Finding(name="gpus", well=False, seen=obstacle, remedy=toolkit_remedy(nodes))
    elif obstacle:
        yield Finding(name="gpus", well=True, seen=f"{obstacle}; for tasks with GPUs {toolkit_remedy(nodes)}")


@contextmanager
def _trial_engine(
    configs: Sequence[Path], *, uid_base: int | None = None, gpu_driver: str | None = None
) -> Iterator[ContainerEngine]:
    with host_errors(home()):
        home().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="doctor-", dir=home()) as work:
        settings = EngineSettings(
            node="doctor", work=Path(work), docker_host=_engines(configs)[0], uid_base=uid_base, gpu_driver=gpu_driver
        )
        with closing(open_engine(settings)) as engine:
            yield engine


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
