"""`make bench-staging`: the cost of giving a task a data sample of 1 GiB, against a copy in the same minute.

Two tasks with the same sample, one after the other: the first fetches it into the node's cache, the second finds it
there. Printed are the seconds until the container can start, and what the node's folder grew by on disk. Beside them a
plain copy of the sample and, where ``SUBSTRA`` names a Python with the package ``substra``, the staging of its local
mode with Docker, which copies each task's samples.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from node_runtime.creator.submit import submit
from node_runtime.localnet.network import NetworkSettings, bring_up, take_down
from node_runtime.localnet.record import CREATOR
from node_runtime.spec.read import read_specs
from node_runtime.stores.local import LocalStore
from node_runtime.substrate.client import connect
from tests.bench import NOOP, Bench

SIZE = 1 << 30
BLOCK = 1 << 20
STAGING = ("fetch_inputs", "open_workspace", "prepare_container")  # steps
SUBSTRA_S = 600  # timeout

SUBSTRA_STAGING = """
import pathlib, sys, time
from substra.sdk.backends.local.compute.spawner import docker
started = time.monotonic()
docker._copy_data_samples({"sample": pathlib.Path(sys.argv[1])}, sys.argv[2])
print(time.monotonic() - started)
"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="node-runtime-bench-") as folder:
        task = write_task(Path(folder) / "creator")
        settings = NetworkSettings(folder=Path(folder) / "network", port=0, slots=1)
        network = bring_up(settings, print)
        chain = connect(network.chain, CREATOR)
        try:
            work = settings.folder / "nodes" / settings.nodes[0] / "work"
            store = LocalStore(network.storage)
            bench = Bench(network=network, chain=chain, store=store, work=work)
            print(f"\na sample of {SIZE >> 20} MiB: time until the container can start, growth of the node's folder")
            for name in ("first task", "second task, same sample"):
                before = bytes_on_disk(work)
                number = submit(read_specs(task), chain, store, say=lambda _: None).tasks[0].id
                bench.wait_for([number])
                (timings,) = bench.timings([number])
                show(name, sum(timings.steps[step] for step in STAGING), bytes_on_disk(work) - before)
        finally:
            chain.close()
            take_down(settings.folder, print)
        baselines(task.parent / "sample", Path(folder))


def baselines(sample: Path, folder: Path) -> None:
    started = time.monotonic()
    shutil.copytree(sample, folder / "copy")
    show("a copy of the sample", time.monotonic() - started, bytes_on_disk(folder / "copy"))
    python = os.environ.get("SUBSTRA")
    if python:
        target = folder / "substra"
        target.mkdir()
        command = [python, "-c", SUBSTRA_STAGING, str(sample), str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SUBSTRA_S)
        show("Substra, local mode with Docker, each task", float(done.stdout), bytes_on_disk(target))


def write_task(folder: Path) -> Path:
    """Write a no-op task with a sample of random bytes; return its YAML."""
    shutil.copytree(NOOP.parent / "algo", folder / "algo")
    sample = folder / "sample"
    sample.mkdir()
    with (sample / "rows.bin").open("wb") as file:
        for _ in range(SIZE // BLOCK):
            file.write(os.urandom(BLOCK))
    task = folder / NOOP.name
    task.write_text(NOOP.read_text())
    return task


def bytes_on_disk(folder: Path) -> int:
    """The blocks that the folder's files occupy, each file once; a file that vanishes meanwhile counts as none."""
    blocks: dict[int, int] = {}
    for at, _, files in os.walk(folder):
        for name in files:
            try:
                status = os.lstat(Path(at) / name)
            except FileNotFoundError:
                continue
            blocks[status.st_ino] = status.st_blocks * 512
    return sum(blocks.values())


def show(name: str, seconds: float, grown: int) -> None:
    print(f"  {name:<44} {seconds * 1e3:9.1f} ms   {grown / (1 << 20):8.1f} MiB")


if __name__ == "__main__":
    main()
