"""The engine's way to give GPUs is found by what it says of itself, and an image asks for none by its environment."""

from dataclasses import replace
from typing import Any

import pytest

from node_runtime.engines.docker.gpus import CDI, NVIDIA, gpu_driver, gpu_obstacle
from node_runtime.engines.docker.host_config import container_config
from node_runtime.engines.docker.settings import gpus_given, labels_given
from tests.unit.engines.test_host_config import SANDBOX, SEEN, SPEC

BARE: dict[str, Any] = {"Runtimes": {"runc": {}}}
TOOLKIT: dict[str, Any] = {"Runtimes": {"runc": {}, "nvidia": {}}}
SPECIFIED = {**BARE, "CDISpecDirs": ["/etc/cdi"], "DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}]}
UNSPECIFIED = {**BARE, "CDISpecDirs": ["/etc/cdi"], "DiscoveredDevices": [{"Source": "cdi", "ID": "other.com/nic=0"}]}
OLDER = {**BARE, "CDISpecDirs": ["/etc/cdi"]}  # lists no devices


@pytest.mark.parametrize(
    ("info", "wanted", "hook", "driver", "works"),
    [
        (BARE, None, False, NVIDIA, False),
        (BARE, None, True, NVIDIA, True),
        (TOOLKIT, None, False, NVIDIA, True),
        (SPECIFIED, None, False, CDI, True),
        (UNSPECIFIED, None, False, NVIDIA, False),
        (OLDER, None, False, CDI, True),
        (TOOLKIT, CDI, False, CDI, False),
        (UNSPECIFIED, CDI, True, CDI, False),
        (SPECIFIED | TOOLKIT, CDI, False, CDI, True),
        (SPECIFIED, NVIDIA, False, NVIDIA, False),
    ],
)
def test_gpus_are_given_by_what_the_operator_names_or_the_engine_has(
    info: dict[str, Any], wanted: str | None, driver: str, *, hook: bool, works: bool
) -> None:
    assert gpu_driver(info, wanted, hook=hook) == driver
    assert (gpu_obstacle(info, driver, hook=hook) == "") is works


def test_a_container_is_given_its_gpus_by_their_uuids() -> None:
    spec = replace(SPEC, gpus=("GPU-a", "GPU-b"))
    told = container_config(spec, SANDBOX, pause=SEEN)
    (request,) = told["HostConfig"]["DeviceRequests"]
    assert request == {
        "Driver": "nvidia",
        "Count": 0,
        "DeviceIDs": ["GPU-a", "GPU-b"],
        "Capabilities": [["gpu", "compute", "utility"]],
        "Options": {},
    }
    assert "NVIDIA_VISIBLE_DEVICES=GPU-a,GPU-b" in told["Env"]
    assert gpus_given(told["Labels"]) == ("GPU-a", "GPU-b")
    assert labels_given(told["Labels"]) == (("epoch", "2"), ("task", "1"))


def test_a_container_is_given_its_gpus_by_cdi_where_that_is_the_way() -> None:
    told = container_config(replace(SPEC, gpus=("GPU-a",)), replace(SANDBOX, gpu_driver=CDI), pause=SEEN)
    (request,) = told["HostConfig"]["DeviceRequests"]
    assert (request["Driver"], request["DeviceIDs"]) == ("cdi", ["nvidia.com/gpu=GPU-a"])
    assert "NVIDIA_VISIBLE_DEVICES=void" in told["Env"]


@pytest.mark.parametrize("driver", [NVIDIA, CDI])
def test_a_container_without_gpus_gets_none_whatever_its_image_asks_for(driver: str) -> None:
    asking = replace(SPEC, environment=(("NVIDIA_VISIBLE_DEVICES", "all"),))
    told = container_config(asking, replace(SANDBOX, gpu_driver=driver), pause=SEEN)
    assert not told["HostConfig"].get("DeviceRequests")
    assert "NVIDIA_VISIBLE_DEVICES=void" in told["Env"]
    assert told["Labels"]["node-runtime.gpus"] == ""  # so that an image can't set it
    assert gpus_given(told["Labels"]) == gpus_given({}) == ()
