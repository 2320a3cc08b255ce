"""The GPUs that the operator gives to tasks, as they are now."""

from collections.abc import Set
from dataclasses import dataclass, replace

import structlog

from node_runtime.config.fields import ALL_GPUS
from node_runtime.errors import HostError
from node_runtime.platform.gpus import Gpu, GpuDriver
from node_runtime.ports.engine import ContainerEngine
from node_runtime.runner.gpus import free_gpus

log = structlog.get_logger()

NONE_FOUND = "the NVIDIA driver shows none of the GPUs that pool.gpus names"
REMEDY = "'node-runtime doctor --config node.yaml' tells what is missing; only tasks without GPUs are claimed"


def chosen_gpus(chosen: tuple[str, ...], driver: GpuDriver) -> tuple[Gpu, ...]:
    """Return the GPUs named by ``chosen``: UUIDs, or `ALL_GPUS` of this machine. Raises `HostError`."""
    if not chosen:
        return ()
    return tuple(gpu for gpu in driver.gpus() if ALL_GPUS in chosen or gpu.uuid in chosen)


@dataclass(frozen=True, kw_only=True)
class GpuView:
    """The pool's GPUs for one request: those that can be read, of these the large enough ones, of these the free ones.

    ``unread``: whether the pool has others, that can't be read now.
    """

    found: tuple[Gpu, ...] = ()
    large: tuple[Gpu, ...] = ()
    free: tuple[Gpu, ...] = ()
    unread: bool = False

    def without(self, taken: Set[str]) -> "GpuView":
        """Return the view in which the ``taken`` ones are not free."""
        return replace(self, free=tuple(gpu for gpu in self.free if gpu.uuid not in taken))


@dataclass(frozen=True, kw_only=True)
class GpuPool:
    """The GPUs named by ``chosen``, see `chosen_gpus`, and the engine whose containers get them."""

    chosen: tuple[str, ...]
    driver: GpuDriver
    engine: ContainerEngine

    def gives(self, uuid: str) -> bool:
        """Return whether the operator gives this GPU to tasks, whether it can be read now or not."""
        return ALL_GPUS in self.chosen or uuid in self.chosen

    def found(self) -> tuple[Gpu, ...]:
        """Return those that can be read now. Raises `HostError` when the driver fails."""
        return chosen_gpus(self.chosen, self.driver)

    def look(self, *, memory: int, own: Set[str]) -> GpuView:
        """Look for GPUs with ``memory`` bytes each that no container has. Raises `HostError`.

        ``own`` are those of the request's running container, which are free for it alone, whatever it has filled.
        """
        found = self.found()
        if own:
            kept = tuple(gpu for gpu in found if gpu.uuid in own)
            return GpuView(found=found, large=kept, free=kept, unread=self._unread(found))
        large = tuple(gpu for gpu in found if gpu.memory >= memory)
        # a container may run on after its attempt's thread has ended, until the attempt is resumed
        free = free_gpus(large, memory=memory, used=self.engine.gpus_in_use())
        return GpuView(found=found, large=large, free=free, unread=self._unread(found))

    def _unread(self, found: tuple[Gpu, ...]) -> bool:
        """Return whether a GPU of the pool is lost, another user's for now, or its driver not loaded yet."""
        if ALL_GPUS in self.chosen:
            return not found or len({gpu.card for gpu in found}) < self.driver.number()
        return not {gpu.uuid for gpu in found}.issuperset(self.chosen)

    def obstacle(self) -> str:
        """Return why no container gets a GPU here, as far as it can be known without a run; empty when it does."""
        try:
            return self.engine.gpu_obstacle() or ("" if self.found() else NONE_FOUND)
        except HostError as error:
            return error.message

    def report(self) -> None:
        """Log which GPUs tasks may get, or why they get none; nothing where the operator gives none."""
        if not self.chosen:
            return
        obstacle = self.obstacle()
        if obstacle:
            log.warning("gpus_missing", reason=obstacle, remedy=REMEDY)
        else:
            log.info("gpus_given", gpus=", ".join(self.chosen))
