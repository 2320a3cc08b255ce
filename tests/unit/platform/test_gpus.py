"""GPUs are found by NVML, each by its UUID; a machine without the driver has none."""

import threading
from contextlib import suppress

import pynvml
import pytest

from node_runtime.errors import HostError
from node_runtime.platform.gpus import Gpu, Nvml
from tests.background import LIMIT, wait_until
from tests.nvml import GIB, Card, error, stand_in


def test_each_gpu_has_index_name_uuid_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = stand_in(monkeypatch, Card(uuid="GPU-a", used=GIB), Card(uuid="GPU-b", name="NVIDIA L4", memory=24 * GIB))
    assert Nvml().gpus() == (
        Gpu(index="0", name="NVIDIA H200", uuid="GPU-a", memory=139 * GIB, free=138 * GIB),
        Gpu(index="1", name="NVIDIA L4", uuid="GPU-b", memory=24 * GIB, free=24 * GIB),
    )
    assert nvml.opened == 0


def test_a_gpu_that_mig_divides_is_its_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    instances = [Card(uuid="MIG-a", memory=10 * GIB), Card(uuid="MIG-b", memory=20 * GIB)]
    stand_in(monkeypatch, Card(uuid="GPU-a", instances=instances), Card(uuid="GPU-b"))
    assert [(gpu.index, gpu.uuid) for gpu in Nvml().gpus()] == [("0:0", "MIG-a"), ("0:1", "MIG-b"), ("1", "GPU-b")]


def test_a_lost_gpu_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = stand_in(monkeypatch, Card(uuid="GPU-a", lost=True), Card(uuid="GPU-b"))
    assert [gpu.uuid for gpu in Nvml().gpus()] == ["GPU-b"]
    assert nvml.opened == 0


def test_a_machine_without_the_drivers_library_has_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(pynvml, "CDLL", missing)
    monkeypatch.setattr(pynvml, "nvmlLib", None)
    assert Nvml().gpus() == ()


def test_a_machine_whose_driver_is_not_loaded_has_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, Card(uuid="GPU-a"), failing=error(pynvml.NVML_ERROR_DRIVER_NOT_LOADED))
    assert Nvml().gpus() == ()


def test_a_driver_that_fails_is_the_hosts_trouble_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, Card(uuid="GPU-a"), failing=error(pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH))
    with pytest.raises(HostError, match=r"the NVIDIA driver doesn't work: .*'nvidia-smi'"):
        Nvml().gpus()


def test_a_driver_that_hangs_is_waited_for_once_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    made, goes_on, looks = stand_in(monkeypatch, Card(uuid="GPU-a")), threading.Event(), list[int]()

    def hang() -> int:
        looks.append(1)
        goes_on.wait(LIMIT)
        return 1

    monkeypatch.setattr(made, "nvmlDeviceGetCount", hang)
    driver = Nvml(longest=0.05)
    for _ in range(3):
        with pytest.raises(HostError, match="doesn't answer within"):
            driver.gpus()
    assert len(looks) == 1
    goes_on.set()
    wait_until(lambda: bool(answered(driver)), "the driver to answer")


def answered(driver: Nvml) -> tuple[Gpu, ...]:
    with suppress(HostError):
        return driver.gpus()
    return ()
