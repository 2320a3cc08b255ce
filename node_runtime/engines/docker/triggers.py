"""Whether the engine tells the ONBUILD instructions of images: its builds follow them, so they have to be checked."""

import threading

import docker

from node_runtime.errors import HostError, TaskFailed
from node_runtime.platform.files import scratch_folder

from .build import Build, BuildFailed, BuildLimits, build
from .client import inspect_image, remove_image
from .control import CONTROL
from .pause_container import IMAGE, ensure_pause_image
from .settings import BUILT_LABEL

_TRIGGER = "LABEL node-runtime.probe=1"


class TriggerProbe:
    """Builds an image with an ONBUILD instruction, once, and looks whether its inspection has it. Thread-safe."""

    def __init__(self, client: docker.APIClient, *, node: str, architecture: str, limits: BuildLimits) -> None:
        self._client = client
        self._node = node
        self._architecture = architecture
        self._limits = limits
        self._guard = threading.Lock()
        self._told: bool | None = None

    def are_told(self) -> bool:
        """Whether the inspection of an image has its ONBUILD instructions (Podman's lacks them)."""
        with self._guard:
            if self._told is None:
                self._told = self._look()
            return self._told

    def _look(self) -> bool:
        ensure_pause_image(self._client, self._architecture)
        tag = f"{CONTROL}:{self._node}-triggers"
        with scratch_folder() as empty:
            what = Build(
                folder=empty,
                dockerfile=f"FROM {IMAGE}\nONBUILD {_TRIGGER}\n",
                tag=tag,
                labels={BUILT_LABEL: self._node},
                arguments={},
                limits=self._limits,
            )
            try:
                build(self._client, what, lambda _: None, threading.Event())
            except (BuildFailed, TaskFailed) as failed:
                raise HostError(
                    f"no image can be built to see whether the engine tells ONBUILD instructions: {failed}",
                    remedy="see the engine's log and its disk",
                ) from failed
        found = inspect_image(self._client, tag) or {}
        remove_image(self._client, tag)
        return bool((found.get("Config") or {}).get("OnBuild"))
