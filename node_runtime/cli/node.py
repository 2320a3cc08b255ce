"""How is a node put together? From the operator's configuration: chain, stores, engine, books and rules."""

import shlex
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential_jitter

from node_runtime.chain.client import SubstrateChain, connect
from node_runtime.cli.session import open_store
from node_runtime.config import NodeConfig
from node_runtime.containers.engine import DockerEngine
from node_runtime.containers.own_engine import answering_engine
from node_runtime.containers.settings import EngineSettings
from node_runtime.daemon.audit import Audit
from node_runtime.daemon.chain_files import ChainFiles, mark_of
from node_runtime.daemon.deliver import Courier
from node_runtime.daemon.lock import engine_name, only_daemon, only_daemon_in
from node_runtime.daemon.metrics import Metrics
from node_runtime.daemon.node import Node
from node_runtime.daemon.outage import Outage
from node_runtime.daemon.outbox import Outbox
from node_runtime.daemon.policy import AllowList, Policy
from node_runtime.daemon.pool import Demand, Pool
from node_runtime.daemon.seek import Seeker
from node_runtime.daemon.timings import FILE_NAME, TimingsFile
from node_runtime.errors import ChainUnavailable, ConfigError
from node_runtime.home import home
from node_runtime.ports import AssetStore
from node_runtime.storage.cache import Cache
from node_runtime.storage.local import LocalStore
from node_runtime.task import Asset, AssetKind, AssetRef, Label, Visibility

MINIMUM_TIME = 10_000  # ms that must be left until a task's deadline
PRIVATE_URI = "private:"  # there is nowhere to fetch it from
AUDIT, PRIVATE = "audit.jsonl", "private"


@contextmanager
def open_node(config: NodeConfig, chain: SubstrateChain) -> Iterator[Node]:
    """The node, alone with its account on this machine, until the end of the ``with``, which closes `chain` too.

    Raises `HostError` when no container engine answers, `ConfigError` when the account is taken or storage away.
    """
    with ExitStack() as stack:
        stack.callback(chain.close)
        stack.enter_context(only_daemon(home() / "locks", chain.account, network_of(config, chain)))
        stack.enter_context(only_daemon_in(config.work))
        name = engine_name(config.work, config.node)
        files = ChainFiles(work=config.work, node=name, mark=mark_of(chain.genesis))
        engine = DockerEngine(engine_settings(config, name))
        stack.callback(engine.close)
        outbox, audit = Outbox(files.outbox), Audit(config.work / AUDIT)
        stack.callback(outbox.close)
        stack.callback(audit.close)
        cache = Cache(config.work / "cache", limit=config.cache)
        stack.callback(cache.close)
        store = shared_store(config)
        quitting = threading.Event()
        yield Node(
            id=config.node,
            work=config.work,
            files=files,
            chain=chain,
            store=store,
            private=private_store(config),
            cache=cache,
            workspaces=files.workspaces(engine),
            engine=engine,
            pool=pool_of(config),
            outbox=outbox,
            courier=Courier(chain=chain, store=store, outbox=outbox, audit=audit, quitting=quitting),
            audit=audit,
            metrics=Metrics(),
            timings=TimingsFile(config.work / FILE_NAME),
            share_private_logs=config.policy.share_logs,
            log_cap=config.sandbox.log,
            quitting=quitting,
        )


def network_of(config: NodeConfig, chain: SubstrateChain) -> str:
    """The chain by its genesis. Local networks for development are alike in that: there the port tells them apart."""
    return f"{chain.genesis} {urlsplit(config.chain).port}" if config.key.startswith("//") else chain.genesis


def connect_node(config: NodeConfig) -> SubstrateChain:
    return connect(config.chain, config.key, password_file=config.password_file)


def connect_patiently(config: NodeConfig) -> SubstrateChain:
    """A daemon may start before its chain does: wait for it, saying so."""
    outage = Outage()

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, ChainUnavailable):
            outage.again(error)

    patience = Retrying(
        retry=retry_if_exception_type(ChainUnavailable),
        wait=wait_exponential_jitter(multiplier=0.5, max=30),
        before_sleep=tell,
    )
    chain = patience(connect_node, config)
    outage.over()
    return chain


def shared_store(config: NodeConfig) -> AssetStore:
    """The storage that is there: one that a node made itself would be empty, and shared with nobody."""
    if "://" not in config.storage and not Path(config.storage).is_dir():
        raise ConfigError(
            f"storage: the folder {config.storage} isn't there",
            remedy="mount it, name the one that creators use as `storage:` in the node's configuration, "
            f"or, to begin an empty one, mkdir {shlex.quote(config.storage)}",
        )
    return open_store(config.storage)


def add_private_sample(config: NodeConfig, folder: Path, label: Label) -> Asset:
    """Keep the sample's bytes on this node and register their digest and label. May be repeated."""
    digest = private_store(config).put(folder)
    chain = connect_node(config)
    try:
        asset = Asset(
            ref=AssetRef(owner=chain.account, digest=digest),
            kind=AssetKind.DATA_SAMPLE,
            label=label,
            visibility=Visibility.PRIVATE,
            uri=PRIVATE_URI,
        )
        chain.register_assets([asset])
        return asset
    finally:
        chain.close()


def seeker_of(node: Node, config: NodeConfig) -> Seeker:
    return Seeker(
        chain=node.chain,
        store=node.store,
        private=node.private,
        cache=node.cache,
        engine=node.engine,
        room=lambda: shutil.disk_usage(config.work).free - config.disk_floor,
        policy=policy_of(config),
        minimum_time=MINIMUM_TIME,
        approvals=node.files.approved,
        audit=node.audit,
        metrics=node.metrics,
    )


def private_store(config: NodeConfig) -> LocalStore:
    """The bytes of this node's own samples."""
    return LocalStore(config.work / PRIVATE)


def policy_of(config: NodeConfig) -> Policy:
    policy = config.policy
    return Policy(
        kinds=frozenset(policy.kinds),
        minimum_reward=policy.minimum_reward,
        creators=AllowList(entries=policy.creators),
        algos=AllowList(entries=policy.algos),
        datasets=AllowList(entries=policy.datasets),
        manual=policy.approve == "manual",
    )


def pool_of(config: NodeConfig) -> Pool:
    disk = config.pool.disk or max(shutil.disk_usage(config.work).total - config.disk_floor, 0)
    room = Demand(cpus=config.pool.cpus, memory=config.pool.memory, disk=disk)
    return Pool(
        slots=config.slots,
        room=room,
        disk_floor=config.disk_floor,
        free_disk=lambda: shutil.disk_usage(config.work).free,
    )


def engine_settings(config: NodeConfig, name: str) -> EngineSettings:
    """For a node that names no engine the one which the local network started, else the first that answers."""
    sandbox = config.sandbox
    started = answering_engine() if config.docker is None else None
    return EngineSettings(
        node=name,
        work=config.work,
        docker_host=started.url if started is not None else config.docker,
        build_network=started.build_network if started is not None else None,
        base_image=config.base_image,
        pids=sandbox.pids,
        tmp=sandbox.tmp,
        log=sandbox.log,
        files=sandbox.files,
        stop_grace=sandbox.stop_grace,
        build=config.building == "allow",
        build_memory=sandbox.build_memory,
        build_timeout=sandbox.build_timeout,
        disk_floor=config.disk_floor,
    )
