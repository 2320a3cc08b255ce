"""GPUs for containers: which of its ways the engine has to give them, and the request for some. Pure.

The container toolkit of NVIDIA gives them by a hook or a runtime of its own, or by CDI, whose specifications the engine
reads. What an image says of GPUs counts nowhere: every container's environment names those that it is given, or none.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from docker.types import DeviceRequest

NVIDIA, CDI = "nvidia", "cdi"  # the engine's names of its device drivers
HOOK = "nvidia-container-runtime-hook"  # the engine gives GPUs where it finds this program
VISIBLE = "NVIDIA_VISIBLE_DEVICES"  # by which a runtime of NVIDIA knows what to give
_NOTHING = "void"
_CAPABILITIES = ("gpu", "compute", "utility")  # nothing of displays and video
_CDI_KIND = "nvidia.com/gpu"

_MISSING = {
    NVIDIA: "the engine has no runtime 'nvidia', by which it gives GPUs to containers",
    CDI: f"the engine knows no CDI device {_CDI_KIND}, by which it gives GPUs to containers",
}
REMEDIES = {
    NVIDIA: "install nvidia-container-toolkit, then 'nvidia-ctk runtime configure --runtime=docker', and restart "
    "the engine and this node",
    CDI: "install nvidia-container-toolkit, then 'nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml', allow CDI "
    "in the engine's configuration, and restart the engine and this node",
}


def gpu_driver(info: Mapping[str, Any], wanted: str | None, *, hook: bool) -> str:
    """Return the engine's driver for GPUs: the ``wanted`` one, else the first that it has, else NVIDIA's.

    ``info`` is the engine's SystemInfo; ``hook`` says whether `HOOK` is in the engine's path, as far as it is known.
    """
    return wanted or next((driver for driver in (NVIDIA, CDI) if _has(info, driver, hook=hook)), NVIDIA)


def gpu_obstacle(info: Mapping[str, Any], driver: str, *, hook: bool) -> str:
    """Return why the driver gives no GPU; empty when it does, as far as the engine tells."""
    return "" if _has(info, driver, hook=hook) else _MISSING[driver]


def _has(info: Mapping[str, Any], driver: str, *, hook: bool) -> bool:
    if driver == NVIDIA:
        return hook or NVIDIA in (info.get("Runtimes") or {})
    devices = info.get("DiscoveredDevices")  # since API 1.50
    if devices is None:
        return bool(info.get("CDISpecDirs"))
    return any(str(one.get("ID", "")).startswith(f"{_CDI_KIND}=") for one in devices)


def device_requests(gpus: Sequence[str], driver: str) -> list[DeviceRequest]:
    """Return the request for the GPUs with these UUIDs; empty without any."""
    if not gpus:
        return []
    if driver == CDI:
        return [DeviceRequest(driver=CDI, device_ids=[f"{_CDI_KIND}={uuid}" for uuid in gpus])]
    return [DeviceRequest(driver=NVIDIA, device_ids=list(gpus), capabilities=[list(_CAPABILITIES)])]


def gpu_environment(gpus: Sequence[str], driver: str) -> dict[str, str]:
    """Return the variables that keep an image from asking for GPUs itself."""
    return {VISIBLE: ",".join(gpus) if gpus and driver == NVIDIA else _NOTHING}
