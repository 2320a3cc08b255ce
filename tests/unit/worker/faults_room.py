"""A node over in-memory adapters with fault injection: a call fails, or the process ends at it."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from node_runtime.config import NodeConfig, load_config
from node_runtime.domain.assets import Account, Asset, AssetKind, AssetRef, Digest, Label, Visibility
from node_runtime.domain.clock import ChainTime, Clock
from node_runtime.domain.document import FILE_NAME, Image, Limits
from node_runtime.domain.permissions import PUBLIC, Permissions
from node_runtime.domain.task import UNIT, Assignment, AssignmentState, Kind, PlanId, Review, Spec, TaskId, Terms
from node_runtime.engines import open_engine
from node_runtime.engines.memory import MemorySettings
from node_runtime.engines.memory_host import Inside, MemoryHost
from node_runtime.errors import (
    AssetUnavailable,
    ChainRefused,
    ChainUnavailable,
    EngineUnavailable,
    HostError,
    NodeRuntimeError,
    StorageError,
)
from node_runtime.kinds.training import TrainingDocument
from node_runtime.ports.chain import Chain
from node_runtime.ports.store import AssetStore
from node_runtime.stores import open_store
from node_runtime.substrate.memory import MemoryNetwork
from node_runtime.worker.assembly import assembled, private_store, selector_of
from node_runtime.worker.daemon import Daemon
from node_runtime.worker.delivery import DeliveryService
from node_runtime.worker.node import Node
from node_runtime.worker.recovery import collect_garbage
from node_runtime.worker.times import Backoff, Pace, Times
from tests.background import LIMIT, in_background, wait_until

QUICK = Backoff(first=0.005, longest=0.02)
TIMES = Times(
    full_poll=0.05,
    settle=0.02,
    live=0.02,
    journey=QUICK,
    delivery=QUICK,
    refusal=QUICK,
    approval=0.02,
    resume_interval=0.02,
)
HOUR = 3_600_000
MIB = 1 << 20

METHODS = {
    "chain": """now claimable record records pending_claims named_by assign_task assignment assignments assignments_of
        send_task_result report_failure hand_back submissions_named""",
    "store": "read_file size fetch has put",
    "private": "size fetch has",
    "engine": """unable can_have_image image open_folder reopen_folder run run_with_terminal list remove close_folder
        prune""",
    "outbox": "claim claimed pack uploaded sent forget unclaim undelivered undecided claims find",
    "audit": "record",
}
"""The calls of each adapter at which a fault can be injected."""


class Crash(BaseException):
    """The simulated process ends here: later calls have no effect."""


@dataclass(kw_only=True)
class Fault:
    """An injected fault: ``kind`` is one of `KINDS`, ``nth`` counts the calls of that name from 1."""

    call: str
    kind: str
    nth: int = 1
    happened: bool = False


@dataclass(kw_only=True)
class Process:
    """One process of the daemon: counts calls and injects the fault."""

    fault: Fault | None
    calls: Counter[str] = field(default_factory=Counter)
    dead: bool = False
    guard: threading.Lock = field(default_factory=threading.Lock)

    def call(self, name: str, done: Callable[[], Any]) -> Any:
        with self.guard:
            if self.dead:
                raise Crash(name)
            self.calls[name] += 1
            fault = self.fault
            hit = fault is not None and not fault.happened and (fault.call, fault.nth) == (name, self.calls[name])
            if fault is None or not hit:
                fault = None
            else:
                fault.happened = True
                self.dead = fault.kind == "crash before"
        if fault is None:
            return done()
        if fault.kind == "crash before":
            raise Crash(name)
        if fault.kind == "crash after":
            done()
            self.dead = True
            raise Crash(name)
        if fault.kind == "answer lost":
            done()
        raise _error(name, fault.kind)


KINDS = ("unavailable", "answer lost", "defect", "crash before", "crash after")


def _error(name: str, kind: str) -> Exception:
    seam, _, method = name.partition(".")
    if kind == "defect":
        return RuntimeError(f"a defect in {name}")
    if kind == "refused":
        return ChainRefused("NotLive", "the chain refuses it [NotLive]", remedy="look what became of it")
    if seam == "chain":
        return ChainUnavailable("no answer from the chain", remedy="see that it runs")
    if seam == "engine":
        return EngineUnavailable("no answer from the engine", remedy="see that it runs")
    if seam in ("store", "private"):
        read = method in ("fetch", "size", "read_file")
        return AssetUnavailable("not there now") if read else StorageError("storage is full")
    return HostError("the disk is full", remedy="free some")


class Faulty:
    """A proxy of one adapter that passes its calls through the process."""

    def __init__(self, seam: str, target: Any, process: Process) -> None:
        self._seam, self._target, self._process = seam, target, process

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if name not in METHODS[self._seam].split():
            return found
        return lambda *args, **keywords: self._process.call(f"{self._seam}.{name}", lambda: found(*args, **keywords))


@dataclass(frozen=True, kw_only=True)
class Story:
    """The scenario around the fault. ``before``: calls at which earlier processes crashed; ``stops``: the daemon is
    stopped without grace while the program runs; ``private``: the task's sample is this node's private data;
    ``collects``: the process with the fault is the command `gc`."""

    exits: int = 0
    before: tuple[tuple[str, str], ...] = ()
    stops: bool = False
    private: bool = False
    collects: bool = False


@dataclass(kw_only=True)
class Room:
    """One machine with its node, a creator, and one chain. ``gpus`` are those that the node gives to tasks."""

    folder: Path
    creator: Chain
    network: MemoryNetwork
    key: str
    host: MemoryHost = field(default_factory=MemoryHost)
    store: AssetStore = field(default_factory=lambda: open_store("memory:"))
    secrets: list[Digest] = field(default_factory=list)  # of this node's private samples
    runs: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    slots: int = 1
    gpus: tuple[str, ...] = ()
    policy: dict[str, object] = field(
        default_factory=lambda: {"kinds": ["training"], "creators": ["any"], "algos": ["any"], "datasets": ["any"]}
    )

    def __post_init__(self) -> None:
        self.creator.pay(self.account, 10 * UNIT)

    @cached_property
    def account(self) -> Account:
        return self.network.connect(self.key).account

    def task(
        self,
        *,
        exits: int = 0,
        window: int = 0,
        private: bool = False,
        permissions: Permissions = PUBLIC,
        plan: PlanId | None = None,
        gpus: int | None = None,
        gpu_memory: int | None = None,
    ) -> TaskId:
        """Create a training task assigned to this node; its program waits for the gate, then exits with ``exits``.

        With ``private`` its sample is this node's private data. ``permissions`` are those of its sample.
        A task of a ``plan`` writes the plan's local folder.
        """

        def program(inside: Inside) -> int:
            self.runs.append(inside.spec.name)
            inside.say("begins")
            inside.wait(lambda: self.gate.is_set() or inside.term.is_set())
            inside.say("training")
            (inside.folder("/sandbox/model") / "model").write_text("trained\n")
            return exits

        algo = self._asset(AssetKind.ALGO, "algo")
        name = "sample" if permissions == PUBLIC else f"sample for {permissions}"[:99].replace("/", " ")
        sample = self._private_sample(permissions) if private else self._asset(AssetKind.DATA_SAMPLE, name)
        self.host.add(f"memory:{algo.ref.digest}", program, source=algo.ref.digest)
        self.creator.register_assets([algo])
        self.creator.register_assets([] if private else [sample], permissions)
        local = None if plan is None else MIB
        limits = Limits(
            cpus=0.1, memory=16 * MIB, timeout=600, outputs=MIB, local=local, gpus=gpus, gpu_memory=gpu_memory
        )
        document = TrainingDocument(
            name="training",
            algo=Image(source=str(algo.ref)),
            data=(str(sample.ref),),
            limits=limits,
        )
        (self.folder / FILE_NAME).write_bytes(document.encode())
        digest = self.store.put(self.folder / FILE_NAME)
        spec = Spec(digest=digest, uri="memory:", assets=(algo.ref, sample.ref), models=(), parents=(), objectives=())
        return self.creator.create_task(replace(self._terms(window), plan=plan), spec)

    def _terms(self, window: int) -> Terms:
        return Terms(
            kind=Kind.TRAINING,
            reward=UNIT,
            bond=UNIT,
            slots=1,
            max_rejects=1,
            max_failures=3,
            review=Review(judge=self.creator.account, window=window),
            deadline=self.creator.now() + 24 * HOUR,
            timeout=HOUR,
            assignee=self.account,
        )

    def _asset(self, kind: AssetKind, name: str) -> Asset:
        path = self.folder / name
        path.write_text(f"{name} of {self.folder}")
        ref = AssetRef(owner=self.creator.account, digest=self.store.put(path))
        label = Label.TRAIN if kind is AssetKind.DATA_SAMPLE else None
        return Asset(ref=ref, kind=kind, label=label, visibility=Visibility.SHARED, uri="memory:")

    def _private_sample(self, permissions: Permissions) -> Asset:
        (self.folder / "own").write_text(f"own of {self.folder}")
        digest = private_store(self.config).put(self.folder / "own")
        self.secrets.append(digest)
        ref = AssetRef(owner=self.account, digest=digest)
        sample = Asset(
            ref=ref, kind=AssetKind.DATA_SAMPLE, label=Label.TRAIN, visibility=Visibility.PRIVATE, uri="private:"
        )
        self.network.connect(self.key).register_assets([sample], permissions)
        return sample

    @property
    def config(self) -> NodeConfig:
        file = self.folder / "node.yaml"
        file.write_text(
            yaml.safe_dump(
                {
                    "node": "twin",
                    "chain": "ws://127.0.0.1:1",
                    "key": self.key,
                    "storage": str(self.folder),
                    "work": str(self.folder / "work"),
                    "slots": self.slots,
                    "pool": {"gpus": list(self.gpus) or "none"},
                    "disk_floor": "1MiB",
                    "policy": self.policy,
                }
            )
        )
        return load_config(file)

    @contextmanager
    def node(self, fault: Fault | None = None, *, clock: Clock | None = None) -> Iterator[tuple[Node, Process]]:
        """Open the node as one process with an injected fault, on this machine's clock or ``clock``."""
        process, config = Process(fault=fault), self.config
        config.work.mkdir(exist_ok=True)
        chain: Any = Faulty("chain", self.network.connect(self.key), process)
        engine: Any = Faulty("engine", open_engine(MemorySettings(host=self.host, node="twin")), process)
        store: Any = Faulty("store", self.store, process)
        with assembled(config, chain, name="twin", engine=engine, store=store, times=TIMES) as node:
            time = node.time if clock is None else ChainTime(clock, slot=chain.slot_duration())
            outbox: Any = Faulty("outbox", node.outbox, process)
            audit: Any = Faulty("audit", node.audit, process)
            delivery_service = DeliveryService(
                chain=chain,
                time=time,
                store=store,
                outbox=outbox,
                audit=audit,
                quitting=node.quitting,
                wait=TIMES.delivery,
            )
            private: Any = Faulty("private", node.private, process)
            yield (
                replace(
                    node, time=time, private=private, outbox=outbox, audit=audit, delivery_service=delivery_service
                ),
                process,
            )

    def live(self, task: TaskId, story: "Story", fault: Fault) -> "Rest":
        """Run processes of the daemon one after another, one of them with the fault, until the task is settled."""
        before = [Fault(call=call, kind=kind) for call, kind in story.before]
        plans: list[Fault | None] = [*before, fault, None, None]
        for number, planned in enumerate(plans):
            if story.collects and number == len(before):
                self._collect_garbage(planned)
                continue
            stops = story.stops and number == len(before)
            rest = self._run_process(task, planned, stops=stops)
            if rest is not None:
                return rest if fault.happened else replace(rest, ends="not called")
        raise AssertionError("the task is not settled after a process without a fault")

    def _collect_garbage(self, fault: Fault | None) -> None:
        """Run the command `gc`, which the fault may end."""
        with self.node(fault) as (node, _process), suppress(Crash, RuntimeError, NodeRuntimeError):
            collect_garbage(node)

    def _run_process(self, task: TaskId, fault: Fault | None, *, stops: bool) -> "Rest | None":
        """Run one process; return None when it crashed or was stopped before its work was done."""
        with self.node(fault) as (node, process):
            daemon = Daemon(node, selector_of(node, self.config), Pace(poll=0.01, grace=0.0 if stops else 5.0))
            running = in_background(lambda: daemon.run(lambda: None))
            if stops:
                wait_until(lambda: bool(self.runs) or process.dead, "the program to run")
            else:
                self.gate.set()
                again = AssignmentState.HANDED_BACK
                wait_until(lambda: process.dead or self.rest(task, node, again) is not None, "a rest")
            daemon.stop()
            ended = running.exception(LIMIT)
            assert ended is None or isinstance(ended, Crash), ended
            return None if process.dead else self.rest(task, node)

    def rest(self, task: TaskId, node: Node, *goes_on: AssignmentState) -> "Rest | None":
        """Return the task's outcome once this node has no work left for it, else None.

        An attempt in one of the states ``goes_on`` is followed by another attempt.
        """
        outbox = node.outbox._target  # type: ignore[attr-defined]
        left = outbox.undelivered() or outbox.undecided() or node.workspaces.attempts() or self.host.containers
        assignment = self.creator.assignment(self.account, task)
        if left or assignment is None or assignment.state in (AssignmentState.LIVE, *goes_on):
            return None
        return Rest(
            ends=state_of(assignment),
            runs=len(self.runs),
            submissions=len(self.creator.submissions(task)),
            held=self.creator.balance(assignment.worker).held,
        )


@dataclass(frozen=True, kw_only=True)
class Rest:
    """The outcome: the attempt's state, runs of its program, number of submissions, balance still held."""

    ends: str
    runs: int
    submissions: int
    held: int


def state_of(assignment: Assignment) -> str:
    return str(assignment.category or {AssignmentState.SUBMITTED: "done"}.get(assignment.state, assignment.state))
