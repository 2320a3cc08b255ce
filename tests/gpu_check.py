"""Run tasks with and without a GPU on this machine's GPUs, by a real node: ``python -m tests.gpu_check``.

A local network is brought up whose node gives its GPUs to tasks. Prints what the containers saw, and ends with an error
unless the task that asks for one saw exactly that and the other saw none. It needs NVIDIA's driver, and its container
toolkit in the engine.
"""

import os
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from node_runtime.cli.doctor import run_doctor
from node_runtime.creator.results import fetch_result
from node_runtime.creator.submit import submit
from node_runtime.domain.task import SubmissionState, TaskId
from node_runtime.localnet.network import NetworkSettings, bring_up, take_down
from node_runtime.localnet.record import CREATOR, NetworkFile
from node_runtime.platform.gpus import Nvml
from node_runtime.spec.read import read_specs
from node_runtime.stores import open_store
from node_runtime.substrate.client import SubstrateChain, connect
from tests.background import wait_until

WITHIN = 600.0  # seconds, the building of the image included
DOCKERFILE = """\
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}
ENV NVIDIA_VISIBLE_DEVICES=all
COPY look.sh /
ENTRYPOINT ["sh", "/look.sh"]
"""
LOOK = """\
# /proc/driver/nvidia shows every GPU of the machine, also to those that have none
look() { nvidia-smi -L || { ls /dev/nvidia[0-9]* && cat /proc/driver/nvidia/gpus/*/information; }; }
look > /sandbox/model/model 2>&1
cat /sandbox/model/model
"""
TASK = """\
kind: training
name: {name}
algo: algo/
data: [sample/]
label: train
reward: 1
limits: {{gpus: {gpus}, timeout: 2m}}
"""


def main() -> None:
    found = Nvml().gpus()
    if not found:
        sys.exit("no GPU on this machine")
    run_doctor(as_json=False)
    os.environ["NODE_RUNTIME_POOL__GPUS"] = "all"  # of the node, which inherits it
    with tempfile.TemporaryDirectory(prefix="node-runtime-gpu-") as folder:
        seen = check(Path(folder), with_gpu=1)
    given = [gpu for gpu in found if gpu.uuid in seen["with"]]
    if len(given) != 1 or any(gpu.uuid in seen["without"] for gpu in found):
        sys.exit("the tasks saw other GPUs than they were given")
    print(f"the task that asked for one GPU saw {given[0]}, the other none")


def check(folder: Path, *, with_gpu: int) -> dict[str, str]:
    """Run both tasks; return what each saw, by its name."""
    file = write_tasks(folder, with_gpu=with_gpu)
    try:
        network = bring_up(NetworkSettings(folder=folder / "network", port=0, nodes=("bob",), fresh=True), print)
        return run_tasks(file, network)
    finally:
        take_down(folder / "network", print)


def write_tasks(folder: Path, *, with_gpu: int) -> Path:
    for name, content in (("algo/Dockerfile", DOCKERFILE), ("algo/look.sh", LOOK), ("sample/sample.txt", "a sample\n")):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    file = folder / "tasks.yaml"
    documents = (TASK.format(name=name, gpus=gpus) for name, gpus in (("with", with_gpu), ("without", 0)))
    file.write_text("---\n".join(documents))
    return file


def run_tasks(file: Path, network: NetworkFile) -> dict[str, str]:
    store = open_store(network.storage)
    with closing(connect(network.chain, CREATOR)) as chain:
        tasks = submit(read_specs(file), chain, store, say=print).tasks
        wait_until(lambda: all(is_over(chain, one.id) for one in tasks), "the tasks to end", within=WITHIN)
        seen: dict[str, str] = {}
        for one in tasks:
            accepted = [each for each in chain.submissions(one.id) if each.state is SubmissionState.ACCEPTED]
            if not accepted:
                ends = [f"{attempt.state} {attempt.category or ''}" for attempt in chain.attempts(one.id)]
                logs = "\n".join(record.last_lines() for record in network.processes)
                sys.exit(f"task '{one.name}' has no result: {', '.join(ends)}\n{logs}")
            target = file.parent / one.name
            fetch_result(accepted[0], store, target)
            seen[one.name] = (target / "model").read_text()
            print(f"task '{one.name}' saw:\n{seen[one.name]}")
    return seen


def is_over(chain: SubstrateChain, number: TaskId) -> bool:
    task = chain.task(number)
    return task is None or task.state.final or bool(task.counters.failures)


if __name__ == "__main__":
    main()
