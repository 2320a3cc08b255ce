"""The status of a node: its account, capacity, policy, attempts, outbox, refusals, and why it claims nothing.

It is read from the node's configuration, its work folder and the chain. The daemon need not run; where the chain does
not answer, the status has what the node itself knows.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from node_runtime.config import NodeConfig
from node_runtime.domain.assets import Account
from node_runtime.domain.clock import wall_clock
from node_runtime.domain.task import Assignment, AssignmentState, Balance, Kind, TaskId
from node_runtime.domain.units import size
from node_runtime.errors import ChainError, HostError, NodeRuntimeError
from node_runtime.platform.gpus import Gpu, Nvml
from node_runtime.substrate.client import SubstrateChain, connect_reader
from node_runtime.substrate.keys import account_of

from .assembly import policy_of, pool_size
from .funding import describe_lack, pay_command
from .gpus import NONE_FOUND, chosen_gpus
from .outbox import Outbox, Step
from .policy import Policy
from .state_dir import ChainFiles, daemon_process, mark_of
from .status_file import NodeState, Obstacle, Refused, StatusFile, Working


@dataclass(frozen=True, kw_only=True)
class Share:
    """A resource of the node: the whole of it, and what running tasks have reserved. Sizes in bytes."""

    whole: float
    used: float


@dataclass(frozen=True, kw_only=True)
class GpuUse:
    """A GPU that the node gives to tasks, and the task that has it."""

    gpu: Gpu
    task: TaskId | None


@dataclass(frozen=True, kw_only=True)
class Held:
    """An attempt of this account that the chain shows as live. ``step`` is empty if no daemon works on it."""

    task: TaskId
    epoch: int
    step: str
    since: int
    due: int


@dataclass(frozen=True, kw_only=True)
class WaitingDelivery:
    """An entry of the outbox: a result, or a failure of this ``category``. ``step`` is the last that was done."""

    task: TaskId
    epoch: int
    step: Step
    category: str | None


@dataclass(frozen=True, kw_only=True)
class NodeStatus:
    """``process``: the daemon's process id; ``refused`` and ``left_out`` as in `NodeState`. Sizes in bytes."""

    node: str
    account: Account
    chain: str
    process: int | None
    balance: Balance | None
    capacity: Mapping[str, Share]
    free_disk: int
    disk_floor: int
    policy: Policy
    building: str
    obstacles: tuple[Obstacle, ...]
    running: tuple[Held, ...]
    outbox: tuple[WaitingDelivery, ...]
    refused: tuple[Refused, ...]
    left_out: int = 0
    gpus: tuple[GpuUse, ...] = ()
    gpus_missing: str = ""  # why none of those that the operator gives is there

    @property
    def slots_left(self) -> int:
        slots = self.capacity["slots"]
        return int(slots.whole - slots.used)


@dataclass(frozen=True, kw_only=True)
class _OnChain:
    """What the chain says of a node's account."""

    mark: str
    balance: Balance
    live: tuple[Assignment, ...]
    claimable: frozenset[TaskId]

    @classmethod
    def read(cls, chain: SubstrateChain, account: Account) -> "_OnChain":
        listed = (chain.offers(account), *(chain.open_tasks(kind) for kind in Kind))
        return cls(
            mark=mark_of(chain.genesis),
            balance=chain.balance(account),
            live=tuple(one for one in chain.assignments(account) if one.state is AssignmentState.LIVE),
            claimable=frozenset(task for tasks in listed for task in tasks),
        )


def read_status(config: NodeConfig, file: Path) -> NodeStatus:
    """Read the status of the node that ``file`` configures. Raises `HostError` for damaged files of the node."""
    account = account_of(config.key)
    seen, trouble = _seen_on_chain(config.chain, account)
    kept = StatusFile(config.work).read()
    if kept is not None and (kept.account != account or (seen is not None and kept.chain != seen.mark)):
        kept = None  # of another key, or of another chain
    process = daemon_process(config.work)
    working = kept.working if kept is not None and process is not None else ()
    gpus, gpus_missing = _gpus(config, working)
    obstacles = (
        *_not_running(process, file),
        *_told_by_daemon(kept if process is not None else None, trouble),
        *(() if seen is None else _unfunded(seen, account, config.chain)),
        *_policy_obstacle(config, file),
        *_disk_obstacle(config),
    )
    return NodeStatus(
        node=config.node,
        account=account,
        chain=config.chain,
        process=process,
        balance=seen.balance if seen is not None else None,
        capacity=_capacity(config, working),
        free_disk=_free_disk(config.work),
        disk_floor=config.disk_floor,
        policy=policy_of(config),
        building=config.building,
        obstacles=obstacles,
        running=_held(seen.live if seen is not None else (), working, known=seen is not None),
        outbox=_outbox(config, seen.mark if seen is not None else kept.chain if kept is not None else None),
        refused=_still_refused(kept.refused if kept is not None else (), seen),
        left_out=kept.left_out if kept is not None else 0,
        gpus=gpus,
        gpus_missing=gpus_missing,
    )


def _still_refused(refused: tuple[Refused, ...], seen: _OnChain | None) -> tuple[Refused, ...]:
    """Leave out tasks that nobody can claim any more: a daemon whose slots are taken looks at none of them."""
    return refused if seen is None else tuple(one for one in refused if one.task in seen.claimable)


def _seen_on_chain(url: str, account: Account) -> tuple[_OnChain | None, ChainError | None]:
    try:
        chain = connect_reader(url, patience=0)  # a chain that isn't there is what the status tells
        try:
            return _OnChain.read(chain, account), None
        finally:
            chain.close()
    except ChainError as error:
        return None, error


def _not_running(process: int | None, file: Path) -> Iterator[Obstacle]:
    if process is None:
        remedy = f"node-runtime daemon --config {file}"
        yield _obstacle("not_running", "its daemon isn't running", remedy)


def _told_by_daemon(state: NodeState | None, trouble: NodeRuntimeError | None) -> Iterator[Obstacle]:
    told = state.obstacles if state is not None else ()
    yield from told
    if trouble is not None and not any(one.reason == "chain_unavailable" for one in told):
        yield _obstacle("chain_unavailable", trouble.message, trouble.remedy)


def _unfunded(seen: _OnChain, account: Account, chain: str) -> Iterator[Obstacle]:
    lack = describe_lack(seen.balance)
    if lack is not None:
        yield _obstacle("unfunded", lack, pay_command(account, chain))


def _policy_obstacle(config: NodeConfig, file: Path) -> Iterator[Obstacle]:
    empty = policy_of(config).empty_lists
    if empty:
        message = f"{', '.join(empty)} {'is' if len(empty) == 1 else 'are'} empty, and an empty list allows nothing"
        yield _obstacle("policy_allows_nothing", message, f"fill them in {file} and start the daemon again")


def _disk_obstacle(config: NodeConfig) -> Iterator[Obstacle]:
    free = _free_disk(config.work)
    if free <= config.disk_floor:
        message = f"{size(free)} of disk are free, and disk_floor keeps {size(config.disk_floor)}"
        yield _obstacle("low_disk", message, f"free some disk where {config.work} is, or lower disk_floor")


def _obstacle(reason: str, message: str, remedy: str) -> Obstacle:
    return Obstacle(reason=reason, message=message, remedy=remedy, since=wall_clock())


def _free_disk(work: Path) -> int:
    place = next(folder for folder in (work, *work.parents) if folder.is_dir())
    return shutil.disk_usage(place).free


def _capacity(config: NodeConfig, working: tuple[Working, ...]) -> Mapping[str, Share]:
    room = pool_size(config)
    return {
        "slots": Share(whole=config.slots, used=len(working)),
        "cpus": Share(whole=room.cpus, used=sum(one.cpus for one in working)),
        "memory": Share(whole=room.memory, used=sum(one.memory for one in working)),
        "disk": Share(whole=room.disk, used=sum(one.disk for one in working)),
    }


def _gpus(config: NodeConfig, working: tuple[Working, ...]) -> tuple[tuple[GpuUse, ...], str]:
    """Return the GPUs that tasks may get, or why there are none."""
    tasks = {gpu: one.task for one in working for gpu in one.gpus}
    try:
        found = chosen_gpus(config.pool.gpus, Nvml())
    except HostError as error:
        return (), error.message
    missing = NONE_FOUND if config.pool.gpus and not found else ""
    return tuple(GpuUse(gpu=gpu, task=tasks.get(gpu.uuid)) for gpu in found), missing


def _held(live: tuple[Assignment, ...], working: tuple[Working, ...], *, known: bool) -> tuple[Held, ...]:
    """Return the live attempts, by the chain if it is ``known``, else by the daemon."""
    steps = {(one.task, one.epoch): one.step for one in working}
    told = live if known else working
    return tuple(
        Held(
            task=one.task,
            epoch=one.epoch,
            step=steps.get((one.task, one.epoch), ""),
            since=one.since,
            due=one.due,
        )
        for one in told
    )


def _outbox(config: NodeConfig, mark: str | None) -> tuple[WaitingDelivery, ...]:
    if mark is None:
        return ()
    path = ChainFiles(work=config.work, node=config.node, mark=mark).outbox
    if not path.exists():
        return ()
    outbox = Outbox(path)
    try:
        return tuple(
            WaitingDelivery(task=one.task, epoch=one.epoch, step=one.step, category=one.category)
            for one in (*outbox.undelivered(), *outbox.undecided())
        )
    finally:
        outbox.close()
