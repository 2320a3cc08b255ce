"""`node-runtime doctor`: checks of this machine, with a remedy for each finding."""

import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

import node_runtime
from node_runtime.config import UID_BASE, load_config
from node_runtime.domain.clock import CLOCK_REMEDY, TOLD, wall_clock
from node_runtime.domain.units import amount, duration
from node_runtime.engines import open_engine
from node_runtime.engines.docker.client import connect, engine_trouble
from node_runtime.engines.docker.discovery import find_engine
from node_runtime.engines.docker.images import ALIAS_REMEDY, alias_faults
from node_runtime.engines.docker.settings import (
    EngineSettings,
)
from node_runtime.errors import HostError, NodeRuntimeError
from node_runtime.localnet.provision.base_image import OFFICIAL
from node_runtime.localnet.provision.dockerd import started_engine
from node_runtime.localnet.record import NetworkFile
from node_runtime.platform.files import host_errors
from node_runtime.platform.gpus import Nvml
from node_runtime.platform.paths import engine_folder, home
from node_runtime.ports.engine import ContainerEngine
from node_runtime.worker.funding import pay_command, read_balance

from .gpus import NAMES_REMEDY, NO_GPU, NO_GPU_REMEDY, describe_uses, faults_of, toolkit_remedy
from .output import facts, paragraph, print_json
from .uid_ranges import UID_REMEDY, collisions_of, describe_isolation, ranges_of

GIB = 1 << 30
LITTLE_DISK = 5 * GIB


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The outcome of one check; with a remedy if it failed, and only then."""

    name: str
    well: bool
    seen: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if self.well and self.remedy:
            raise ValueError(f"the check {self.name} is well and has a remedy")


def run_doctor(configs: Sequence[Path] = (), *, as_json: bool) -> int:
    """Print the findings; return the exit code, 4 if a check failed."""
    findings = list(_findings(configs))
    if as_json:
        print_json(findings)
    else:
        _print_findings(findings)
    return 0 if all(finding.well for finding in findings) else HostError.exit_code


def _print_findings(findings: Sequence[Finding]) -> None:
    """Print a row for each finding; under it its remedy, from the left on, so that a command fits into a line."""
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        label = f"{'ok' if finding.well else 'no'}  {finding.name:<{width}}"
        facts([(label, finding.seen)], marks={"ok": "green", "no": "red"})
        if finding.remedy:
            paragraph(f"→ {finding.remedy}", first="    ", rest="      ")


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
    yield _looked_at("disk", _disk)
    yield _looked_at("docker", _docker)
    yield _looked_at("sandbox", _sandbox)
    yield _looked_at("users", lambda: _users(configs))
    yield from _all_looked_at("gpus", lambda: _gpus(configs))
    yield _looked_at("local network", _network)
    yield _looked_at("clock", lambda: _clock(configs))
    for path in configs:
        yield _looked_at("funds", partial(_funds, path))
        yield _looked_at("image aliases", partial(_image_aliases, path))


def _looked_at(name: str, look: Callable[[], Finding]) -> Finding:
    (finding,) = _all_looked_at(name, lambda: iter((look(),)))
    return finding


def _all_looked_at(name: str, look: Callable[[], Iterator[Finding]]) -> tuple[Finding, ...]:
    try:
        return tuple(look())
    except NodeRuntimeError as error:
        return (Finding(name=name, well=False, seen=error.message, remedy=error.remedy),)


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
    if not any("name=seccomp" in option for option in info.get("SecurityOptions") or ()):
        remedy = "use a kernel and an engine with seccomp: the system calls of containers are filtered by it"
        return Finding(name="docker", well=False, seen=f"{seen}, without seccomp", remedy=remedy)
    return Finding(name="docker", well=True, seen=seen + (", base image there" if has_base else ", no base image yet"))


def _sandbox() -> Finding:
    with _trial_engine() as engine:
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


def _funds(file: Path) -> Finding:
    """Check that the node's account can pay a bond."""
    from node_runtime.substrate.keys import account_of  # slow to import

    config = load_config(file)
    account = account_of(config.key)
    balance, lack = read_balance(account, config.chain)
    seen = f"{account}, the account of {config.node}, has {amount(balance.free)} free"
    remedy = "" if lack is None else pay_command(account, config.chain)
    return Finding(name="funds", well=lack is None, seen=seen, remedy=remedy)


def _image_aliases(file: Path) -> Finding:
    """Check that what the aliases of a node name is there."""
    config = load_config(file)
    faults = alias_faults(config.docker or _engine_url(), config.image_aliases, base=config.base_image)
    if faults:
        return Finding(name="image aliases", well=False, seen="; ".join(faults), remedy=ALIAS_REMEDY)
    return Finding(name="image aliases", well=True, seen=", ".join(config.image_aliases) or "none")


def _users(configs: Sequence[Path]) -> Finding:
    """Check the uid ranges of nodes that exist: a new node's is chosen by `init`."""
    url = _engine_url()
    ranges = ranges_of(configs)
    with _trial_engine(uid_base=ranges[0].first if ranges else UID_BASE) as engine:
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
    with _trial_engine(gpu_driver=next((one.sandbox.gpu_driver for one in nodes), None)) as engine:
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
def _trial_engine(*, uid_base: int | None = None, gpu_driver: str | None = None) -> Iterator[ContainerEngine]:
    with host_errors(home()):
        home().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="doctor-", dir=home()) as work:
        settings = EngineSettings(
            node="doctor", work=Path(work), docker_host=_engine_url(), uid_base=uid_base, gpu_driver=gpu_driver
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
