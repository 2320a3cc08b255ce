"""Many node daemons on one chain, each a process of its own; their containers are functions in memory.

Everything else of a daemon is real: selection, claims, outbox, delivery, and the chain's client over its own socket.
"""

import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import yaml
from substrateinterface import Keypair

from node_runtime.config import load_config
from node_runtime.domain.assets import Account, Digest
from node_runtime.domain.task import TaskId
from node_runtime.engines import open_engine
from node_runtime.engines.memory import MemorySettings
from node_runtime.engines.memory_host import Inside, MemoryHost
from node_runtime.stores import open_store
from node_runtime.substrate.client import SubstrateChain
from node_runtime.substrate.connection import Connection
from node_runtime.worker.assembly import assembled, selector_of
from node_runtime.worker.daemon import Daemon
from node_runtime.worker.metrics import ClaimOutcome
from node_runtime.worker.times import Pace
from tests.background import LIMIT, in_background

_FORK = multiprocessing.get_context("fork")  # a new interpreter for each of them would take minutes


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """What all its nodes share. The image of the tasks, which a build of ``algo`` would give, runs for ``seconds``.

    Each run of a task appends its number to the file ``runs``.
    """

    folder: Path
    chain: str
    storage: Path
    algo: Digest
    seconds: float
    slots: int

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    def ran(self) -> Counter[TaskId]:
        """Return how often each task was run."""
        text = self.runs.read_text() if self.runs.exists() else ""
        return Counter(TaskId(int(line)) for line in text.split())


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a node has done since its start: requests to the chain by method, and claims by their outcome."""

    requests: Counter[str]
    claims: Counter[str]


@dataclass(frozen=True, kw_only=True)
class CrowdNode:
    """A node of the crowd, in a process that waits for `begin`."""

    account: Account
    process: BaseProcess
    pipe: Pipe

    def begin(self) -> None:
        self.pipe.send("begin")

    def counts(self) -> Counts:
        counts = self._ask("counts")
        assert isinstance(counts, Counts)
        return counts

    def ready(self) -> None:
        """Wait until it has connected to the chain."""
        self._ask("ready")

    def _ask(self, what: str) -> Any:
        self.pipe.send(what)
        assert self.pipe.poll(LIMIT), f"a node answers nothing to '{what}'"
        return self.pipe.recv()


def key_of(number: int) -> str:
    return f"//crowd{number}"


@contextmanager
def open_crowd(crowd: Crowd, count: int) -> Iterator[Sequence[CrowdNode]]:
    """Start ``count`` nodes whose accounts, of `key_of`, have funds; stop them at the end."""
    with ExitStack() as stack:
        nodes = []
        for number in range(count):
            ours, theirs = _FORK.Pipe()
            process = _FORK.Process(target=_work, args=(crowd, number, theirs), daemon=True)
            process.start()
            stack.callback(_end, process)
            account = Account(Keypair.create_from_uri(key_of(number)).ss58_address)
            nodes.append(CrowdNode(account=account, process=process, pipe=ours))
        for node in nodes:
            node.ready()
        yield nodes


def _end(process: BaseProcess) -> None:
    process.terminate()
    process.join(10)
    process.kill()


class CountedConnection(Connection):
    """Counts the requests that are sent to the chain."""

    def __init__(self, url: str) -> None:
        self.counts: Counter[str] = Counter()
        super().__init__(url)

    def _exchange(self, method: str, params: tuple[object, ...]) -> Any:
        self.counts[method] += 1
        return super()._exchange(method, params)


def _work(crowd: Crowd, number: int, pipe: Pipe) -> None:
    """Run one node until SIGTERM, and answer what is asked about it."""
    folder = crowd.folder / f"node{number}"
    folder.mkdir()
    with (folder / "daemon.log").open("wb") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    connection = CountedConnection(crowd.chain)
    chain = SubstrateChain(connection, Keypair.create_from_uri(key_of(number)))
    engine = open_engine(MemorySettings(host=_host(crowd), node=f"crowd{number}"))
    config, store = load_config(_configured(crowd, number, folder)), open_store(crowd.storage)
    config.work.mkdir()
    with assembled(config, chain, name=f"crowd{number}", engine=engine, store=store) as node:
        daemon = Daemon(node, selector_of(node, config), Pace(poll=config.poll, grace=0.0))
        signal.signal(signal.SIGTERM, lambda *_: daemon.stop())
        running = None
        while running is None or not running.done():
            if not pipe.poll(0.2):
                continue
            match pipe.recv():
                case "begin":
                    running = in_background(lambda: daemon.run(lambda: None))
                case "ready":
                    pipe.send(None)
                case "counts":
                    claims = Counter(
                        {str(outcome): _claims(node.metrics.registry, outcome) for outcome in ClaimOutcome}
                    )
                    pipe.send(Counts(requests=Counter(connection.counts), claims=claims))


def _claims(registry: Any, outcome: ClaimOutcome) -> int:
    return int(registry.get_sample_value("node_runtime_claims_total", {"outcome": str(outcome)}))


def _host(crowd: Crowd) -> MemoryHost:
    def program(inside: Inside) -> int:
        end = time.monotonic() + crowd.seconds
        with crowd.runs.open("a") as runs:
            runs.write(f"{dict(inside.spec.labels)['task']}\n")
        inside.wait(lambda: time.monotonic() > end or inside.term.is_set())
        (inside.folder("/sandbox/model") / "model").write_text("trained\n")
        return 0

    host = MemoryHost()
    host.add(f"memory:{crowd.algo}", program, source=crowd.algo)
    return host


def _configured(crowd: Crowd, number: int, folder: Path) -> Path:
    file = folder / "node.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "node": f"crowd{number}",
                "chain": crowd.chain,
                "key": key_of(number),
                "storage": str(crowd.storage),
                "work": str(folder / "work"),
                "slots": crowd.slots,
                "pool": {"cpus": crowd.slots, "gpus": "none"},
                "disk_floor": "1MiB",
                "policy": {"kinds": ["training"], "creators": ["any"], "algos": ["any"], "datasets": ["any"]},
            }
        )
    )
    return file
