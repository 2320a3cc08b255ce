"""GPUs are chosen so that larger ones stay, and a person's command gets none that another container has."""

from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from node_runtime.domain.document import Limits
from node_runtime.engines import open_engine
from node_runtime.engines.memory import MemorySettings
from node_runtime.engines.memory_host import Inside, MemoryHost
from node_runtime.errors import HostError
from node_runtime.platform.gpus import Gpu, Nvml
from node_runtime.ports.engine import ContainerSpec
from node_runtime.runner.gpus import free_gpus, gpus_for
from tests.background import LIMIT, in_background, wait_until
from tests.nvml import GIB, Card, stand_in


def gpu(uuid: str, *, memory: int = 24, free: int = 24) -> Gpu:
    return Gpu(index="0", name="NVIDIA L4", uuid=uuid, memory=memory * GIB, free=free * GIB)


def test_the_smallest_that_is_free_enough_comes_first() -> None:
    gpus = (gpu("GPU-a", memory=80, free=80), gpu("GPU-b", free=20), gpu("GPU-c"), gpu("GPU-d", free=2), gpu("GPU-e"))
    chosen = free_gpus(gpus, memory=8 * GIB, used={"GPU-e"})
    assert [one.uuid for one in chosen] == ["GPU-c", "GPU-b", "GPU-a"]


def test_a_persons_command_gets_what_no_container_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, Card(uuid="GPU-a"), Card(uuid="GPU-b"))
    host = MemoryHost(gpus=frozenset({"GPU-a", "GPU-b"}))
    gate = Event()

    def program(inside: Inside) -> int:
        inside.wait(gate.is_set)
        return 0

    host.add("memory:waits", program)
    spec = ContainerSpec(
        name="other-run",
        labels=(),
        image="memory:waits",
        cpus=1,
        memory=64 << 20,
        timeout=600,
        log=tmp_path / "log",
        gpus=("GPU-a",),
    )
    with (
        closing(open_engine(MemorySettings(host=host, node="other"))) as other,
        closing(open_engine(MemorySettings(host=host, node="run"))) as engine,
    ):
        running = in_background(lambda: other.run(spec, stop=Event()))
        wait_until(lambda: bool(other.list()), "the container to run")
        assert gpus_for(Limits(gpus=1), engine, Nvml()) == ("GPU-b",)
        assert gpus_for(Limits(), engine, Nvml()) == ()
        with pytest.raises(HostError, match="asks for 2 GPUs with 8 GiB each: 1 free of this machine's 2"):
            gpus_for(Limits(gpus=2, gpu_memory=8 * GIB), engine, Nvml())
        gate.set()
        running.result(LIMIT)
        assert gpus_for(Limits(gpus=2), engine, Nvml()) == ("GPU-a", "GPU-b")


def test_a_command_on_an_engine_that_gives_no_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, Card(uuid="GPU-a"))
    with (
        closing(open_engine(MemorySettings(host=MemoryHost(), node="run"))) as engine,
        pytest.raises(HostError, match=r"asks for 1 GPU: the engine has no GPU .*'node-runtime doctor'"),
    ):
        gpus_for(Limits(gpus=1), engine, Nvml())
