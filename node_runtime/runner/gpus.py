"""The choice of GPUs for an attempt: each belongs to one attempt at a time, among all that run on this machine."""

from collections.abc import Iterable, Set

from node_runtime.domain.document import Limits
from node_runtime.domain.units import gpus as told
from node_runtime.errors import HostError
from node_runtime.platform.gpus import Gpu, GpuDriver
from node_runtime.ports.engine import ContainerEngine


def free_gpus(gpus: Iterable[Gpu], *, memory: int, used: Set[str]) -> tuple[Gpu, ...]:
    """Return the GPUs that are not ``used`` and have ``memory`` bytes free: the smallest first, so that larger stay."""
    free = (gpu for gpu in gpus if gpu.uuid not in used and gpu.free >= memory)
    return tuple(sorted(free, key=lambda gpu: (gpu.memory, -gpu.free, gpu.index)))


def gpus_for(limits: Limits, engine: ContainerEngine, driver: GpuDriver) -> tuple[str, ...]:
    """Choose GPUs of this machine for a task that a person runs here. Raises `HostError` when too few are free."""
    asked, memory = limits.gpus or 0, limits.gpu_memory or 0
    if not asked:
        return ()
    obstacle = engine.gpu_obstacle()
    if obstacle:
        raise HostError(f"the task asks for {told(asked, memory)}: {obstacle}", remedy=DOCTOR)
    found = driver.gpus()
    free = free_gpus(found, memory=memory, used=engine.gpus_in_use())
    if len(free) < asked:
        message = f"the task asks for {told(asked, memory)}: {len(free)} free of this machine's {len(found)}"
        raise HostError(message, remedy=f"wait until others end, or lower limits.gpus or limits.gpu_memory; {DOCTOR}")
    return tuple(gpu.uuid for gpu in free[:asked])


DOCTOR = "'node-runtime doctor' lists this machine's GPUs"
