"""`make bench`: what a task costs here, against bare runs of the same image in the same minute.

Fifty no-op tasks one after the other, between every two a bare run by ``docker run --rm`` and one by the engine's API;
then fifty tasks and fifty of ``docker run`` four at a time. Everything is real: the embedded chain, a node daemon,
containers. Ratios say more than seconds, because machines are noisy.
"""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import docker
import psutil

from node_runtime.creator.submit import submit
from node_runtime.domain.task import TaskId, TaskState
from node_runtime.localnet.network import NetworkSettings, bring_up, take_down
from node_runtime.localnet.record import CREATOR, NetworkFile
from node_runtime.runner.result_document import FILE_NAME, ResultDocument
from node_runtime.spec.read import read_specs
from node_runtime.stores.local import LocalStore
from node_runtime.substrate.client import SubstrateChain, connect
from node_runtime.worker.timings import EXIT_TO_CHAIN, SEEN_TO_STARTED, WHOLE, Timings, TimingsFile
from node_runtime.worker.timings import TIMINGS_FILE as TIMINGS
from tests.background import wait_until

NOOP = Path("assets/noop/train.yaml")
COUNT = 50
AT_ONCE = 4
RUN, REMOVE = "run_train", "remove_containers"  # steps
IDLE_SECONDS = 20.0
TIMEOUT = 900.0  # seconds: a node that is gone makes nothing final


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

        def done() -> bool:
            for number in tuple(waiting):
                task = self.chain.task(number)
                if task is not None and task.state.final:
                    assert task.state is TaskState.DONE, f"task {number} is {task.state}"
                    waiting.discard(number)
            return not waiting

        wait_until(done, f"the end of {len(tasks)} tasks", within=TIMEOUT)

    def timings(self, tasks: Sequence[TaskId]) -> list[Timings]:
        """The node's own books about these tasks; the last line of one is written just after its task is final."""
        found: list[Timings] = []

        def written() -> bool:
            found[:] = [one for one in TimingsFile(self.work / TIMINGS).read() if one.task in tasks]
            return len(found) == len(tasks)

        wait_until(written, "the node's books")
        return found


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
    client = docker.APIClient(base_url=bench.network.engine, version="auto")
    by_command, by_api = partial(bare_run, bench.network.engine, image), partial(bare_api_run, client, image)
    by_command()
    by_api()

    tasks, commanded, called = one_by_one(bench, by_command, by_api)
    steps = [one.steps for one in bench.timings(tasks)]
    print(f"\none after the other, {COUNT} tasks and bare runs in turn; medians in ms, ratios to both bare runs")
    row = partial(show, statistics.median(commanded), statistics.median(called))
    row("bare docker run --rm --network none", commanded)
    row("bare API create, start, wait, remove", called)
    row("container (create, start, wait, remove)", [one[RUN] + one[REMOVE] for one in steps])
    row("chain seen → container started", [one[SEEN_TO_STARTED] for one in steps])
    row("exit → result on chain", [one[EXIT_TO_CHAIN] for one in steps])
    row("whole task", [one[WHOLE] for one in steps])
    # the removal goes on beside other steps: what the task waits for it stays in
    row("whole task but create, start, wait", [one[WHOLE] - one[RUN] for one in steps])
    for name in [name for name in steps[0] if name not in (SEEN_TO_STARTED, EXIT_TO_CHAIN, WHOLE)]:
        row(f"  step {name}", [one.get(name, 0.0) for one in steps])

    at_once(bench, by_command)
    idle(bench.network)


def one_by_one(bench: Bench, *bare: Callable[[], float]) -> tuple[list[TaskId], list[float], list[float]]:
    """The tasks, and the seconds of both bare runs after each."""
    tasks, seconds = [], []
    for _ in range(COUNT):
        task = bench.submit_one()
        bench.wait_for([task])
        tasks.append(task)
        seconds.append([run() for run in bare])
    first, second = map(list, zip(*seconds, strict=True))
    return tasks, first, second


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


def bare_api_run(client: docker.APIClient, image: str) -> float:
    """Seconds of the same container by the client library that the node uses, with nothing around it."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        config = client.create_host_config(network_mode="none", binds=[f"{folder}:/sandbox/model"])
        container = client.create_container(image, host_config=config)["Id"]
        client.start(container)
        assert client.wait(container)["StatusCode"] == 0
        client.remove_container(container, v=True)
        return time.monotonic() - started


def show(by_command: float, by_api: float, name: str, seconds: list[float]) -> None:
    """One line; ``by_command`` and ``by_api`` are the bare runs' medians in seconds."""
    middle = statistics.median(seconds)
    worst = statistics.quantiles(seconds, n=20)[-1]
    ratios = f"{middle / by_command:5.2f} {middle / by_api:5.2f}"
    print(f"  {name:<42} {middle * 1e3:8.1f}   p95 {worst * 1e3:8.1f}   ratios {ratios}")


if __name__ == "__main__":
    main()
