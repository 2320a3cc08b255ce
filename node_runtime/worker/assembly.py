"""The worker's composition root: builds a `Node` and its adapters from the operator's configuration."""

import shlex
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential_jitter

from node_runtime.config import NodeConfig
from node_runtime.config.storage_access import storage_access
from node_runtime.domain.assets import Account
from node_runtime.domain.clock import ChainTime, Clock
from node_runtime.engines import open_engine
from node_runtime.engines.docker.settings import EngineSettings
from node_runtime.engines.session import answering_engine
from node_runtime.errors import ChainUnavailable, ConfigError
from node_runtime.platform.files import private_folder
from node_runtime.platform.gpus import Nvml
from node_runtime.platform.paths import home
from node_runtime.ports.engine import ContainerEngine
from node_runtime.ports.store import AssetStore
from node_runtime.stores import open_store
from node_runtime.stores.cache import Cache
from node_runtime.substrate.client import SubstrateChain, connect

from .audit import Audit
from .delivery import DeliveryService
from .gpus import GpuPool
from .live import LiveChannel
from .logging import ErrorThrottle
from .node import Node
from .outbox import Outbox
from .policy import AllowList, Policy
from .resources import ResourcePool, ResourceRequest
from .selection import TaskSelector
from .state_dir import ChainFiles, engine_name, mark_of, only_daemon, only_daemon_in
from .telemetry import Telemetry
from .times import DEFAULTS, Times
from .timings import TIMINGS_FILE, TimingsFile

MINIMUM_TIME = 10_000  # ms that must remain until a task's deadline
LOCKS = "locks"  # in this user's home: the locks of its daemons' accounts
PRIVATE_URI = "private:"  # the bytes can't be fetched from any store
AUDIT, PRIVATE = "audit.jsonl", "private"


@contextmanager
def open_node(
    config: NodeConfig, chain: SubstrateChain, *, file: Path | None = None, telemetry: Telemetry | None = None
) -> Iterator[Node]:
    """Open the node under the locks of its account and work folder; on exit close it and `chain`.

    ``file`` is its configuration, which a daemon names for `nodes` and `show`.

    Raises `HostError` when no container engine answers, `ConfigError` when a lock is taken or storage is missing.
    """
    with ExitStack() as stack:
        stack.callback(chain.close)
        stack.enter_context(only_daemon(home() / LOCKS, chain.account, network_of(config, chain), file=file))
        stack.enter_context(only_daemon_in(config.work))
        name = engine_name(config.work, config.node)
        engine = stack.enter_context(closing(open_engine(engine_settings(config, name))))
        store = shared_store(config, chain.account)
        yield stack.enter_context(assembled(config, chain, name=name, engine=engine, store=store, telemetry=telemetry))


@contextmanager
def assembled(
    config: NodeConfig,
    chain: SubstrateChain,
    *,
    name: str,
    engine: ContainerEngine,
    store: AssetStore,
    telemetry: Telemetry | None = None,
    times: Times = DEFAULTS,
) -> Iterator[Node]:
    """Build the node over these adapters; ``name`` identifies it on its engine. Close on exit what is opened here."""
    files = ChainFiles(work=config.work, node=name, mark=mark_of(chain.genesis))
    telemetry = telemetry or Telemetry()
    with ExitStack() as stack:
        outbox = stack.enter_context(closing(Outbox(files.outbox)))
        audit = stack.enter_context(closing(Audit(config.work / AUDIT, chain)))
        cache = stack.enter_context(closing(open_cache(config)))
        time = ChainTime(Clock(), slot=chain.slot_duration())
        quitting = threading.Event()
        delivery = DeliveryService(
            chain=chain, time=time, store=store, outbox=outbox, audit=audit, quitting=quitting, wait=times.delivery
        )
        live = LiveChannel(store.live, chain, genesis=chain.genesis, interval=times.live)
        stack.callback(live.close)
        gpu_pool = GpuPool(chosen=config.pool.gpus, driver=Nvml(), engine=engine)
        yield Node(
            id=config.node,
            work=config.work,
            files=files,
            chain=chain,
            time=time,
            store=store,
            private=private_store(config),
            cache=cache,
            workspaces=files.workspaces(engine),
            engine=engine,
            pool=pool_of(config, gpu_pool),
            gpus=gpu_pool,
            outbox=outbox,
            delivery_service=delivery,
            live=live,
            audit=audit,
            metrics=telemetry.metrics,
            health=telemetry.health,
            traces=telemetry.traces,
            timings=TimingsFile(config.work / TIMINGS_FILE),
            share_private_logs=config.policy.share_logs,
            log_cap=config.sandbox.log,
            quitting=quitting,
            times=times,
        )


def network_of(config: NodeConfig, chain: SubstrateChain) -> str:
    """Identify the chain by its genesis; on development networks, which share one genesis, by the port as well."""
    return f"{chain.genesis} {urlsplit(config.chain).port}" if config.key.startswith("//") else chain.genesis


def connect_node(config: NodeConfig) -> SubstrateChain:
    return connect(config.chain, config.key, password_file=config.password_file)


def connect_with_retry(config: NodeConfig, *, waits: Callable[[], None] = lambda: None) -> SubstrateChain:
    """Connect, retrying with backoff while the chain is unavailable; log the errors. Call ``waits`` before each."""
    errors = ErrorThrottle()

    def log_error(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, ChainUnavailable):
            errors.again(error)
        waits()

    retrying = Retrying(
        retry=retry_if_exception_type(ChainUnavailable),
        wait=wait_exponential_jitter(multiplier=0.5, max=30),
        before_sleep=log_error,
    )
    chain = retrying(connect_node, config)
    errors.over()
    return chain


def shared_store(config: NodeConfig, writer: Account | None = None) -> AssetStore:
    """Open the shared store; an object storage without a ``writer`` for reads only.

    Raises `ConfigError` when its folder is missing: a new one would be empty and unshared.
    """
    if "://" not in config.storage and not Path(config.storage).is_dir():
        raise ConfigError(
            f"storage: the folder {config.storage} isn't there",
            remedy="mount it, name the one that creators use as `storage:` in the node's configuration, "
            f"or, to begin an empty one, mkdir {shlex.quote(config.storage)}",
        )
    return open_store(config.storage, writer=writer, access=storage_access(config.storage_access))


def selector_of(node: Node, config: NodeConfig) -> TaskSelector:
    return TaskSelector(
        chain=node.chain,
        time=node.time,
        store=node.store,
        private=node.private,
        cache=node.cache,
        engine=node.engine,
        room=lambda: shutil.disk_usage(config.work).free - config.disk_floor,
        gpu_obstacle=node.gpus.obstacle,
        policy=policy_of(config),
        minimum_time=MINIMUM_TIME,
        approvals=node.files.approved,
        audit=node.audit,
        metrics=node.metrics,
        times=node.times,
    )


def private_store(config: NodeConfig) -> AssetStore:
    """Open the store of this node's own samples."""
    private_folder(config.work)
    return open_store(config.work / PRIVATE)


def open_cache(config: NodeConfig) -> Cache:
    return Cache(config.work / "cache", limit=config.cache)


def policy_of(config: NodeConfig) -> Policy:
    policy = config.policy
    return Policy(
        kinds=frozenset(policy.kinds),
        minimum_reward=policy.minimum_reward,
        minimum_rate=policy.minimum_rate,
        largest_bond=policy.largest_bond,
        longest=None if policy.longest is None else int(policy.longest * 1000),
        creators=AllowList(entries=policy.creators),
        algos=AllowList(entries=policy.algos),
        datasets=AllowList(entries=policy.datasets),
        manual=policy.approve == "manual",
        largest_scratch=config.sandbox.tmp,
        gives_gpus=bool(config.pool.gpus),
    )


def pool_size(config: NodeConfig) -> ResourceRequest:
    """Return what all tasks together may use. The work folder, or one that contains it, has to exist."""
    place = next(folder for folder in (config.work, *config.work.parents) if folder.is_dir())
    disk = config.pool.disk or max(shutil.disk_usage(place).total - config.disk_floor, 0)
    return ResourceRequest(cpus=config.pool.cpus, memory=config.pool.memory, disk=disk)


def pool_of(config: NodeConfig, gpus: GpuPool | None = None) -> ResourcePool:
    return ResourcePool(
        slots=config.slots,
        room=pool_size(config),
        disk_floor=config.disk_floor,
        free_disk=lambda: shutil.disk_usage(config.work).free,
        private_alone=config.policy.private_alone,
        gpus=gpus,
    )


def engine_settings(config: NodeConfig, name: str) -> EngineSettings:
    """Build the engine's settings; without `docker:`, use the local network's engine or else the first that answers."""
    sandbox = config.sandbox
    started = answering_engine() if config.docker is None else None
    return EngineSettings(
        node=name,
        work=config.work,
        docker_host=started.url if started is not None else config.docker,
        build_network=started.build_network if started is not None else None,
        base_image=config.base_image,
        image_aliases=tuple(config.image_aliases.items()),
        pids=sandbox.pids,
        uid_base=sandbox.uid_base,
        log=sandbox.log,
        files=sandbox.files,
        stop_grace=sandbox.stop_grace,
        gpu_driver=sandbox.gpu_driver,
        build=config.building == "allow",
        build_memory=sandbox.build_memory,
        build_timeout=sandbox.build_timeout,
        build_cpus=config.pool.cpus,
        build_pids=sandbox.build_pids,
        build_cgroup=sandbox.build_cgroup,
        build_arguments=tuple(sorted(config.build_arguments.items())),
        disk_floor=config.disk_floor,
    )
