"""What `doctor` tells of GPUs, and what it finds wrong with them."""

from collections.abc import Iterator, Sequence

from node_runtime.config import NodeConfig
from node_runtime.config.fields import ALL_GPUS
from node_runtime.engines.docker.gpus import NVIDIA, REMEDIES
from node_runtime.platform.gpus import Gpu
from node_runtime.ports.engine import ContainerEngine
from node_runtime.worker.status_file import StatusFile

NO_GPU = "none: this machine has no NVIDIA GPU, or no driver of it"
NO_GPU_REMEDY = "install NVIDIA's driver, which 'nvidia-smi -L' tests, or leave pool.gpus out of node.yaml"
NAMES_REMEDY = "name each GPU in pool.gpus of one node.yaml only, as 'nvidia-smi -L' says it"


def describe_uses(found: Sequence[Gpu], engine: ContainerEngine, nodes: Sequence[NodeConfig]) -> Iterator[str]:
    """Yield each GPU with what has it: a task of one of the nodes, a container of another, or nothing."""
    used = engine.gpus_in_use()
    tasks = dict(use for node in nodes for use in _uses(node))
    for gpu in found:
        use = tasks.get(gpu.uuid, "a container has it") if gpu.uuid in used else "no task has it"
        yield f"{gpu}; {use}"


def _uses(node: NodeConfig) -> Iterator[tuple[str, str]]:
    state = StatusFile(node.work).read()
    for working in state.working if state is not None else ():
        yield from ((gpu, f"task {working.task} of {node.node} has it") for gpu in working.gpus)


def faults_of(found: Sequence[Gpu], nodes: Sequence[NodeConfig]) -> Iterator[str]:
    """Yield what is wrong in the nodes' choices: a GPU that isn't there, and one that several nodes give."""
    known = [gpu.uuid for gpu in found]
    givers: dict[str, list[str]] = {uuid: [] for uuid in known}
    for node in nodes:
        chosen = known if ALL_GPUS in node.pool.gpus else node.pool.gpus
        for uuid in chosen:
            if uuid in givers:
                givers[uuid].append(node.node)
            else:
                yield f"{node.node} gives {uuid}, which isn't there"
    yield from (f"{' and '.join(names)} give {uuid}" for uuid, names in givers.items() if len(names) > 1)


def toolkit_remedy(nodes: Sequence[NodeConfig]) -> str:
    """Return how the engine gets to give GPUs, in the way that the first node names."""
    named = (node.sandbox.gpu_driver for node in nodes if node.sandbox.gpu_driver is not None)
    return REMEDIES[next(named, NVIDIA)]
