"""NVIDIA GPUs of this machine, found by NVML.

The driver's library is loaded at each look: without it a machine has no GPU, and one that is installed later is found.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from node_runtime.domain.units import size
from node_runtime.errors import HostError

LONGEST_LOOK = 5.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU, or an instance of one that MIG divides. ``memory``, the whole of it, and ``free`` in bytes.

    ``index`` is as `nvidia-smi` counts: ``0``, or ``0:1`` for an instance.
    """

    index: str
    name: str
    uuid: str
    memory: int
    free: int

    @property
    def card(self) -> str:
        """The index of the whole GPU."""
        return self.index.partition(":")[0]

    def __str__(self) -> str:
        return f"{self.name}, {size(self.memory)}, {size(self.free)} of it free, {self.uuid}"


class GpuDriver(Protocol):
    """The driver of this machine's GPUs. Thread-safe."""

    def gpus(self) -> tuple[Gpu, ...]:
        """Return the GPUs that can be read now; none without a driver. Raises `HostError` when the driver fails."""
        ...

    def number(self) -> int:
        """Return the number of GPUs, those that can't be read now too, each counted once. Raises as `gpus`."""
        ...


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """The GPUs of one look that can be read; ``number`` counts all, one that MIG divides as one."""

    gpus: tuple[Gpu, ...]
    number: int


class Nvml:
    """The `GpuDriver` of NVIDIA. One look at a time, in a thread of its own: a driver that hangs stops nobody."""

    def __init__(self, *, longest: float = LONGEST_LOOK) -> None:
        self._longest = longest
        self._guard = threading.Lock()
        self._look: Future[_Seen] | None = None

    def gpus(self) -> tuple[Gpu, ...]:
        return self._seen().gpus

    def number(self) -> int:
        return self._seen().number

    def _seen(self) -> "_Seen":
        with self._guard:
            if self._look is None or self._look.done():
                self._look = _begun(_look)
            look = self._look
        try:
            return look.result(self._longest)
        except TimeoutError:
            told = f"the NVIDIA driver doesn't answer within {self._longest:g} s"
            raise HostError(told, remedy="see whether 'nvidia-smi' ends; if it hangs, restart this machine") from None


def _begun(look: Callable[[], _Seen]) -> "Future[_Seen]":
    """Look in a thread that no end of the process waits for."""
    future: Future[_Seen] = Future()

    def run() -> None:
        try:
            future.set_result(look())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True, name="nvml").start()
    return future


def _look() -> _Seen:
    import pynvml as nvml  # slow to import, and of no use on most machines

    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        if error.value in (nvml.NVML_ERROR_LIBRARY_NOT_FOUND, nvml.NVML_ERROR_DRIVER_NOT_LOADED):
            return _Seen(gpus=(), number=0)
        raise _failing(error) from error
    try:
        return _Seen(gpus=tuple(_found(nvml)), number=nvml.nvmlDeviceGetCount())
    except nvml.NVMLError as error:
        raise _failing(error) from error
    finally:
        with suppress(nvml.NVMLError):
            nvml.nvmlShutdown()


def _found(nvml: Any) -> Iterator[Gpu]:
    for number in range(nvml.nvmlDeviceGetCount()):
        with suppress(nvml.NVMLError):  # it fell off the bus, or is another user's: the others go on
            device = nvml.nvmlDeviceGetHandleByIndex(number)
            instances = tuple(_instances(nvml, device)) if _is_divided(nvml, device) else None
            if instances is None:
                yield _described(nvml, device, str(number))
            else:
                yield from (_described(nvml, one, f"{number}:{index}") for index, one in instances)


def _is_divided(nvml: Any, device: Any) -> bool:
    """Return whether MIG divides the GPU, which then can be used by its instances alone."""
    try:
        current, _pending = nvml.nvmlDeviceGetMigMode(device)
    except (nvml.NVMLError_NotSupported, nvml.NVMLError_FunctionNotFound):  # the latter of old drivers
        return False
    return bool(current == nvml.NVML_DEVICE_MIG_ENABLE)


def _instances(nvml: Any, device: Any) -> Iterator[tuple[int, Any]]:
    for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(device)):
        with suppress(nvml.NVMLError_NotFound):
            yield index, nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, index)


def _described(nvml: Any, device: Any, index: str) -> Gpu:
    memory = nvml.nvmlDeviceGetMemoryInfo(device)
    return Gpu(
        index=index,
        name=nvml.nvmlDeviceGetName(device),
        uuid=nvml.nvmlDeviceGetUUID(device),
        memory=memory.total,
        free=memory.free,
    )


def _failing(error: Exception) -> HostError:
    return HostError(
        f"the NVIDIA driver doesn't work: {error}",
        remedy="see what 'nvidia-smi' says; after an upgrade of the driver this machine has to be restarted",
    )
