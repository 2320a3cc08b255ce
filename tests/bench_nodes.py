"""`make bench-nodes`: many nodes that claim shared tasks, and two nodes against one.

First 20 nodes and 500 open tasks, on a chain that makes a block at once and on one that makes a block every 2 s. All
nodes begin at the same moment. The chain is the embedded one, a process with its JSON-RPC over sockets; each node is a
process with the daemon's code, its containers are functions in memory: what is counted are claims and calls.

Then a local network of one node and one of two, with one slot each, and Docker's containers.
"""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from node_runtime.domain.task import UNIT, Kind, TaskId, TaskState
from node_runtime.localnet.network import NetworkSettings, bring_up, take_down
from node_runtime.localnet.record import CREATOR
from node_runtime.substrate.client import SubstrateChain, connect
from tests.background import all_at_once, wait_until
from tests.devnet import running_devnet
from tests.node_crowd import Counts, Crowd, CrowdNode, open_crowd
from tests.shared_tasks import SharedTasks

NODES, TASKS, SLOTS = 20, 500, 2
SECONDS = 2.0  # of a task's container
IDLE_SECONDS = 20.0
TIMEOUT = 900.0
BLOCK_TIMES = ("instant", "2s")
DOCKER = "docker"
DOCKER_TASKS = 12
ALGO = """\
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}
ENTRYPOINT ["sh", "-c", "sleep 5; echo nothing was learnt > /sandbox/model/model"]
"""


def main() -> None:
    parts = sys.argv[1:] or (*BLOCK_TIMES, DOCKER)
    for part in parts:
        with tempfile.TemporaryDirectory(prefix="node-runtime-bench-") as folder:
            if part == DOCKER:
                two_against_one(Path(folder))
            else:
                many(Path(folder), part)


def many(folder: Path, block_time: str) -> None:
    """Let the nodes do the tasks; print what they claimed and asked the chain."""
    with (
        running_devnet(folder / "chain", "--block-time", block_time) as devnet,
        closing(connect(devnet.url, "//Alice")) as creator,
    ):
        tasks = SharedTasks(creator, folder)
        crowd = Crowd(
            folder=folder, chain=devnet.url, storage=tasks.storage, algo=tasks.algo, seconds=SECONDS, slots=SLOTS
        )
        with open_crowd(crowd, NODES) as nodes:
            all_at_once([partial(creator.pay, node.account, 1000 * UNIT) for node in nodes])
            numbers = tasks.create(TASKS)
            before, started = counted(nodes), time.monotonic()
            for node in nodes:
                node.begin()
            finish(creator, numbers)
            seconds, after = time.monotonic() - started, counted(nodes)
            show(block_time, crowd, creator, numbers, seconds=seconds, counts=difference(before, after))
            before = counted(nodes)
            time.sleep(IDLE_SECONDS)
            idle = difference(before, counted(nodes)).requests
            rate = idle.total() / NODES / IDLE_SECONDS
            print(f"  nothing to do        {rate:8.2f} calls per node and second   {top(idle)}", flush=True)


def all_done(chain: SubstrateChain, tasks: Sequence[TaskId]) -> bool:
    """Return whether all tasks are done; look at each only where none is open any more."""
    time.sleep(0.5)  # between two looks: the chain is what is measured
    if chain.open_tasks(Kind.TRAINING):
        return False
    return all(record.task.state is TaskState.DONE for record in chain.records(tasks))


def counted(nodes: Sequence[CrowdNode]) -> Counts:
    """Return the sums of what the nodes have done."""
    each = [node.counts() for node in nodes]
    return Counts(
        requests=sum((one.requests for one in each), Counter()), claims=sum((one.claims for one in each), Counter())
    )


def difference(before: Counts, after: Counts) -> Counts:
    return Counts(requests=after.requests - before.requests, claims=after.claims - before.claims)


def show(
    block_time: str, crowd: Crowd, chain: SubstrateChain, tasks: Sequence[TaskId], *, seconds: float, counts: Counts
) -> None:
    done = sum(1 for record in chain.records(tasks) if record.task.state is TaskState.DONE)
    twice = sum(1 for times in crowd.ran().values() if times > 1)
    claims, calls = counts.claims, counts.requests.total()
    print(
        f"\n{NODES} nodes of {SLOTS} slots, {TASKS} tasks of {SECONDS:g} s, blocks {block_time}; containers in memory"
    )
    print(f"  tasks done           {done:8}   run twice {twice}")
    print(f"  claims sent          {claims.total():8}   refused {claims['refused']}, unanswered {claims['unanswered']}")
    print(f"  refused per task     {claims['refused'] / len(tasks):8.3f}")
    print(f"  seconds              {seconds:8.1f}   at least {len(tasks) * SECONDS / NODES / SLOTS:.1f}")
    print(f"  calls per task       {calls / len(tasks):8.1f}   {top(counts.requests)}")
    print(f"  calls                {calls / NODES / seconds:8.2f} per node and second", flush=True)


def two_against_one(folder: Path) -> None:
    """Let one node, then two, do the same number of tasks; print both times and the factor."""
    one, two = (network_seconds(folder / str(len(nodes)), nodes) for nodes in (("bob",), ("bob", "charlie")))
    print(f"\n{DOCKER_TASKS} tasks of 5 s, one slot a node, Docker's containers; chain and nodes on this machine")
    print(f"  one node             {one:8.1f} seconds")
    print(f"  two nodes            {two:8.1f} seconds   factor {one / two:.2f}", flush=True)


def network_seconds(folder: Path, nodes: tuple[str, ...]) -> float:
    """Return the seconds that a local network of these nodes takes, after some tasks which build the image."""
    algo = folder.with_name(f"algo{len(nodes)}")
    algo.mkdir()
    (algo / "Dockerfile").write_text(ALGO)
    network = bring_up(NetworkSettings(folder=folder, port=0, nodes=nodes, slots=1), lambda _: None)
    try:
        with closing(connect(network.chain, CREATOR)) as creator:
            tasks = SharedTasks(creator, folder, algo=algo)
            finish(creator, tasks.create(2 * len(nodes)))
            started = time.monotonic()
            finish(creator, tasks.create(DOCKER_TASKS))
            return time.monotonic() - started
    finally:
        take_down(folder, lambda _: None)


def finish(chain: SubstrateChain, tasks: Sequence[TaskId]) -> None:
    wait_until(partial(all_done, chain, tasks), "the end of all tasks", within=TIMEOUT)


def top(requests: Counter[str]) -> str:
    return ", ".join(f"{method} {count}" for method, count in requests.most_common(6))


if __name__ == "__main__":
    main()
