"""`make bench`: what a task costs here, against bare ``docker run`` of the same image in the same minute.

Fifty no-op tasks one after the other, a bare run between every two, then fifty of both four at a time. Everything is
real: the embedded chain, a node daemon, containers. Ratios say more than seconds, because machines are noisy.
"""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from node_runtime.chain.client import SubstrateChain, connect
from node_runtime.creator.submit import submit
from node_runtime.daemon.timings import EXIT_TO_CHAIN, SEEN_TO_STARTED, WHOLE, Timings, TimingsFile
from node_runtime.daemon.timings import FILE_NAME as TIMINGS
from node_runtime.network import NetworkSettings, bring_up, take_down
from node_runtime.network_file import CREATOR, NetworkFile
from node_runtime.results import FILE_NAME, ResultDocument
from node_runtime.spec import read_specs
from node_runtime.storage.local import LocalStore
from node_runtime.task import TaskId, TaskState

NOOP = Path("assets/noop/train.yaml")
COUNT = 50
AT_ONCE = 4
IDLE_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A running network and the image its no-op tasks run."""

    network: NetworkFile
    chain: SubstrateChain
    store: LocalStore
    work: Path

    def submit_one(self) -> TaskId:
        return submit(read_specs(NOOP), self.chain, self.store, say=lambda _: None).tasks[0].id

    def wait_for(self, tasks: Sequence[TaskId]) -> None:
        waiting = set(tasks)
        while waiting:
            for number in tuple(waiting):
                task = self.chain.task(number)
                if task is not None and task.state.final:
                    assert task.state is TaskState.DONE, f"task {number} is {task.state}"
                    waiting.discard(number)
            time.sleep(0.01)

    def timings(self, tasks: Sequence[TaskId]) -> list[Timings]:
        """The node's own books about these tasks; the last line of one is written just after its task is final."""
        while True:
            found = [one for one in TimingsFile(self.work / TIMINGS).read() if one.task in tasks]
            if len(found) == len(tasks):
                return found
            time.sleep(0.05)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="node-runtime-bench-") as folder:
        settings = NetworkSettings(folder=Path(folder), port=0, slots=AT_ONCE)
        network = bring_up(settings, print)
        chain = connect(network.chain, CREATOR)
        try:
            work = Path(folder) / "nodes" / settings.nodes[0] / "work"
            measure(Bench(network=network, chain=chain, store=LocalStore(network.storage), work=work))
        finally:
            chain.close()
            take_down(Path(folder), print)


def measure(bench: Bench) -> None:
    first = bench.submit_one()  # builds the image, fills caches and starts the namespace holders: not counted
    bench.wait_for([first])
    image = image_of(first, bench)
    bare_run(bench.network.engine, image)

    tasks, bare = one_by_one(bench, lambda: bare_run(bench.network.engine, image))
    steps = [one.steps for one in bench.timings(tasks)]
    base = statistics.median(bare)
    print(f"\none after the other, {COUNT} tasks and {COUNT} bare runs in turn; medians in ms, ratio to a bare run")
    row("bare docker run --rm --network none", bare, base)
    row("container (create, start, wait)", [one["run_train"] for one in steps], base)
    row("chain seen → container started", [one[SEEN_TO_STARTED] for one in steps], base)
    row("exit → result on chain", [one[EXIT_TO_CHAIN] for one in steps], base)
    row("whole task", [one[WHOLE] for one in steps], base)
    row("whole task but its container", [one[WHOLE] - one["run_train"] for one in steps], base)
    for name in [name for name in steps[0] if name not in (SEEN_TO_STARTED, EXIT_TO_CHAIN, WHOLE, "run_train")]:
        row(f"  step {name}", [one.get(name, 0.0) for one in steps], base)

    at_once(bench, lambda: bare_run(bench.network.engine, image))
    idle(bench.network)


def one_by_one(bench: Bench, bare: Callable[[], float]) -> tuple[list[TaskId], list[float]]:
    tasks, seconds = [], []
    for _ in range(COUNT):
        task = bench.submit_one()
        bench.wait_for([task])
        tasks.append(task)
        seconds.append(bare())
    return tasks, seconds


def at_once(bench: Bench, bare: Callable[[], float]) -> None:
    started = time.monotonic()
    tasks = [bench.submit_one() for _ in range(COUNT)]
    bench.wait_for(tasks)
    ours = COUNT / (time.monotonic() - started) * 60
    started = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda _: bare(), range(COUNT)))
    theirs = COUNT / (time.monotonic() - started) * 60
    print(
        f"\n{AT_ONCE} at a time: {ours:.0f} tasks a minute, {theirs:.0f} bare runs a minute, ratio {ours / theirs:.2f}"
    )


def idle(network: NetworkFile) -> None:
    """What the processes cost while nothing happens."""
    running = [(record.name, record.process()) for record in network.processes]
    before = {name: sum(process.cpu_times()[:2]) for name, process in running if process is not None}
    time.sleep(IDLE_SECONDS)
    print(f"\nidle for {IDLE_SECONDS:.0f} s")
    for name, process in running:
        if isinstance(process, psutil.Process):
            share = (sum(process.cpu_times()[:2]) - before[name]) / IDLE_SECONDS * 100
            print(f"  {name:<12} {share:.2f}% of a core, {process.memory_info().rss / 1e6:.0f} MB resident")


def image_of(task: TaskId, bench: Bench) -> str:
    """The image that the node ran, as its result says."""
    (submission,) = bench.chain.submissions(task)
    with tempfile.TemporaryDirectory() as folder:
        bench.store.fetch(submission.result.digest, Path(folder) / "result")
        return ResultDocument.decode((Path(folder) / "result" / FILE_NAME).read_bytes()).stages[0].image


def bare_run(engine: str, image: str) -> float:
    """Seconds of the same container by the docker command line."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        subprocess.run(
            ["docker", "run", "--rm", "--network", "none", "-v", f"{folder}:/sandbox/model", image],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "DOCKER_HOST": engine},
        )
        return time.monotonic() - started


def row(name: str, seconds: list[float], base: float) -> None:
    middle = statistics.median(seconds)
    worst = statistics.quantiles(seconds, n=20)[-1]
    print(f"  {name:<42} {middle * 1e3:8.1f}   p95 {worst * 1e3:8.1f}   ratio {middle / base:5.2f}")


if __name__ == "__main__":
    main()
