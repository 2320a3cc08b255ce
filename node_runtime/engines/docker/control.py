"""Control builds and containers: they use the node's own image to tell a task's failure from the host's.

After a failed build or start, a control runs under the same limits: when it fails too, the host is at fault. The
engine's messages are no evidence, because images and Dockerfiles can contain any text.
"""

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import docker
from docker.errors import APIError
from docker.types import ContainerConfig

from node_runtime.errors import FailureCategory, HostError, NodeRuntimeError, TaskFailed
from node_runtime.platform.files import scratch_folder
from node_runtime.ports.engine import ContainerSpec, Mount

from .build import Build, BuildFailed, BuildLimits, build, build_failure_message
from .client import TROUBLE, create_container, explanation, remove_container, remove_image
from .dockerfile import build_label
from .host_config import Sandbox, container_config, is_relative
from .pause_container import IMAGE, PauseContainer
from .settings import BUILT_LABEL, EngineTimes

CONTROL = "node-runtime/control"  # the repository of the images of control builds, which are removed at once
LEAST_MEMORY = 64 << 20  # bytes with which any container starts
_UNREACHED = 42  # exit code of a control build's step that can't reach the index
_PORTS = {"http": 80, "https": 443}
# without a configured index, the default of the image's pip
_PROBE = f"""
import socket, sys
host, port = sys.argv[1], int(sys.argv[2])
try:
    if not host:
        from pip._internal.models.index import PyPI
        host = PyPI.netloc
    socket.create_connection((host, port), 10)
except ImportError:
    pass
except OSError:
    sys.exit({_UNREACHED})
"""


@dataclass(frozen=True, kw_only=True)
class BuildControl:
    """Settings of a control build: the node's base image, and the build arguments of its builds."""

    node: str
    image: str
    arguments: dict[str, str]
    limits: BuildLimits

    def run(self, client: docker.APIClient) -> None:
        """Build. Raises `BuildFailed`, with the code `_UNREACHED` when only the index can't be reached."""
        host, port = _index(self.arguments)
        lines = (
            f"FROM {self.image}",
            build_label(uuid4().hex),  # no steps of an earlier control are used again
            "RUN true",
            f"RUN {json.dumps(['python3', '-c', _PROBE, host, str(port)])}",
        )
        tag = f"{CONTROL}:{self.node}"
        with scratch_folder() as empty:
            what = Build(
                folder=empty,
                dockerfile="\n".join((*lines, "")),
                tag=tag,
                labels={BUILT_LABEL: self.node},
                arguments=self.arguments,
                limits=self.limits,
            )
            build(client, what, lambda _: None, threading.Event())
        remove_image(client, tag)


@dataclass(frozen=True, kw_only=True)
class ControlResult:
    """``trouble`` is the reason of a failed control, else empty; ``reached`` says whether it reached the index."""

    trouble: str = ""
    reached: bool = True

    def require_works(self, what: str) -> None:
        if self.trouble:
            raise HostError(
                f"{what}, and neither does the node's own image: {self.trouble}",
                remedy="see the engine's log and its disk; no task is claimed until it works",
            )


class Controls:
    """The controls of one node. Thread-safe: one runs at a time, and its result is reused for some seconds.

    ``any_start`` configures a start without any of a task's resources, to detect that starts work again.
    """

    def __init__(
        self,
        client: docker.APIClient,
        *,
        node: str,
        build: BuildControl,
        times: EngineTimes,
        any_start: Callable[[], ContainerConfig],
    ) -> None:
        self._client = client
        self._name = f"node-runtime-{node}-control"
        self._build = build
        self._times = times
        self._any_start = any_start
        self._guard = threading.Lock()
        self._known: dict[str, tuple[float, ControlResult]] = {}
        self._failing: dict[str, _Failing] = {}

    def build(self) -> ControlResult:
        """Run a control build."""
        return self._result("build", self._built, lambda: self.build())

    def start(self, config: ContainerConfig) -> ControlResult:
        """Start a container of the node's own image with this configuration."""
        return self._result("start", lambda: self._started(config), self._start_any, of=repr(config))

    def unable(self) -> str | None:
        """The reason of the last control's failure; None after a success. Returns at once.

        A failed control is repeated periodically in a background thread.
        """
        for failing in tuple(self._failing.values()):
            if failing.due():
                threading.Thread(target=failing.again, daemon=True, name="control").start()
            return failing.trouble
        return None

    def _result(
        self, kind: str, run: Callable[[], ControlResult], again: Callable[[], object], *, of: str = ""
    ) -> ControlResult:
        with self._guard:
            at, result = self._known.get(kind + of, (float("-inf"), ControlResult()))
            kept = self._times.control_again / 2 if result.trouble else self._times.control_kept
            if time.monotonic() < at + kept:
                return result
            result = run()
            self._known = {kind + of: (time.monotonic(), result), **self._others(kind)}
            self._failing.pop(kind, None)
            if result.trouble:
                self._failing[kind] = _Failing(trouble=result.trouble, again=again, pause=self._times.control_again)
            return result

    def _others(self, kind: str) -> dict[str, tuple[float, ControlResult]]:
        """The verdicts of the other kinds: only the last of each kind is kept."""
        return {key: known for key, known in self._known.items() if not key.startswith(kind)}

    def _start_any(self) -> ControlResult:
        return self.start(self._any_start())

    def _built(self) -> ControlResult:
        try:
            self._build.run(self._client)
        except BuildFailed as failed:
            return ControlResult(reached=False) if failed.code == _UNREACHED else ControlResult(trouble=failed.reason)
        except (TaskFailed, HostError) as error:
            return ControlResult(trouble=error.message)
        return ControlResult()

    def _started(self, config: ContainerConfig) -> ControlResult:
        remove_container(self._client, self._name)  # left by a killed process
        try:
            self._client.start(create_container(self._client, config, self._name))
        except APIError as error:
            return ControlResult(trouble=explanation(error))
        finally:
            remove_container(self._client, self._name)
        return ControlResult()


def control_config(spec: ContainerSpec, sandbox: Sandbox, *, pause: PauseContainer) -> ContainerConfig:
    """The configuration of a container with the node's own image in the task's sandbox.

    Nothing in it depends on the task's image: places below its working directory are left out.
    """
    own = replace(
        spec,
        image=IMAGE,
        entrypoint=("/wait",),
        arguments=(),
        environment=(),
        mounts=tuple(mount for mount in spec.mounts if not is_relative(mount.target)),
        scratch_folders=tuple(target for target in spec.scratch_folders if not is_relative(target)),
    )
    return container_config(own, sandbox, pause=pause)


def any_start(sandbox: Sandbox, *, work: Path, pause: PauseContainer) -> ContainerConfig:
    """A configuration with the common parts of every task: limits, a network namespace, a folder of the node."""
    folder = work / "control"
    folder.mkdir(parents=True, exist_ok=True)
    spec = ContainerSpec(
        name="control",
        labels=(),
        image=IMAGE,
        mounts=(Mount(source=folder, target="/sandbox/control"),),
        cpus=1,
        memory=LEAST_MEMORY,
        timeout=1,
        log=folder / "log",
    )
    return control_config(spec, sandbox, pause=pause)


class _Failing:
    """A failed control, due to be repeated after ``pause`` seconds."""

    def __init__(self, *, trouble: str, again: Callable[[], object], pause: float) -> None:
        self.trouble = trouble
        self._again = again
        self._pause = pause
        self._next = time.monotonic() + pause

    def due(self) -> bool:
        return time.monotonic() > self._next

    def again(self) -> None:
        self._next = time.monotonic() + self._pause
        with suppress(NodeRuntimeError, *TROUBLE):  # `unable` reports an engine that doesn't answer
            self._again()


def _index(arguments: dict[str, str]) -> tuple[str, int]:
    """Host and port that a build contacts for a package: the proxy, or else the index, whose name may be empty."""
    proxy = next((arguments[name] for name in ("https_proxy", "HTTPS_PROXY") if arguments.get(name)), None)
    address = proxy or arguments.get("PIP_INDEX_URL")
    if not address:
        return "", _PORTS["https"]
    parts = urlsplit(address if "://" in address else f"http://{address}")
    return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 80)


_KILLED = 128 + 9


def build_failure(failed: BuildFailed, control: ControlResult, *, memory: int) -> TaskFailed:
    """The task's failure with its category. Raises `HostError` when the control build failed too."""
    control.require_works("the image could not be built")
    message = build_failure_message(_reason(failed, memory), failed.last)
    if control.reached:
        return TaskFailed(
            FailureCategory.BUILD_FAILED,
            message,
            remedy="mend its Dockerfile, or of a bundle without an algo its requirements.txt and setup.sh "
            "('node-runtime run' builds it on this machine), and submit again",
        )
    return TaskFailed(
        FailureCategory.IMAGE_UNAVAILABLE,
        f"{message}\nthe node's package index can't be reached from its builds now, so the task may not be at fault",
        remedy="wait for a later try, or name a ready image by digest",
    )


def _reason(failed: BuildFailed, memory: int) -> str:
    if failed.code == _KILLED:
        return f"{failed.reason} (killed, as by the kernel when a step needs more than {memory >> 20} MiB)"
    return failed.reason
