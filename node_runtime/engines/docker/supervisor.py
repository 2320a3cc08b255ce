"""Supervision of a running container: timeout, cancellation, quota, exit."""

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import docker
from docker.errors import APIError
from requests.exceptions import RequestException

from node_runtime.errors import HostError
from node_runtime.ports.engine import Mount

from .client import status, was_silence
from .exit_status import Stop
from .quota import Folders
from .usage import MemoryGauge, ScratchGauge

TICK = 0.1  # seconds between checks of a running container
FIRST_TICK = 0.02  # short, so that brief containers are sampled too
_IMMEDIATE = (Stop.TOO_LARGE, Stop.SCRATCH_FULL)


class ExitWaiter(threading.Thread):
    """A thread that waits for the container's end through the engine's API.

    It repeats the request after ``repeated`` seconds, because an idle connection may be dropped silently on the way to
    the engine, so that the response never arrives. The supervisor, which waits for `done`, detects an unresponsive
    engine when it stops the container at the deadline.
    """

    def __init__(self, client: docker.APIClient, container: str, *, repeated: float) -> None:
        super().__init__(daemon=True, name="wait")
        self.done = threading.Event()
        self._client = client
        self._container = container
        self._repeated = repeated
        self._exit_code: int | None = None
        self._error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            while self._exit_code is None:
                self._exit_code = self._ask()
        except Exception as error:  # raised again in `result`
            self._error = error
        finally:
            self.done.set()

    def _ask(self) -> int | None:
        timeout = (self._client.timeout, self._repeated)  # connect, read
        try:
            return int(self._client.wait(self._container, timeout=timeout)["StatusCode"])  # type: ignore[arg-type]
        except RequestException as error:
            if was_silence(error):
                return None
            raise

    def result(self) -> int:
        if self._error is not None:
            raise self._error
        if self._exit_code is None:
            raise HostError("the engine did not say how a container ended", remedy="see the engine's log")
        return self._exit_code


class StopMarkers:
    """Markers of containers that this node stopped early: one empty file each, by its name, in a folder of the node.

    The exit code of a stopped container, 0 included, says nothing about the task, and the process that stops it may be
    killed before it reports that. So the marker is written before the container is signalled, and stays until its
    removal.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def set(self, container: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._of(container).touch()

    def is_set(self, container: str) -> bool:
        return self._of(container).exists()

    def clear(self, container: str) -> None:
        """Remove the marker of a container that is removed or was not signalled. Idempotent."""
        self._of(container).unlink(missing_ok=True)

    def _of(self, container: str) -> Path:
        return self._folder / container


class Supervisor:
    """The supervisor of one container: sends TERM, and KILL after the grace. ``deadline`` is on the monotonic clock.

    ``before_stop`` is called before the container is signalled because ``stop`` is set.
    """

    def __init__(
        self,
        client: docker.APIClient,
        container: str,
        *,
        folders: Folders,
        written: Iterable[Mount],
        deadline: float,
        grace: float,
        stop: threading.Event,
        before_stop: Callable[[], None],
    ) -> None:
        self._client = client
        self._container = container
        self._folders = folders
        self._watched = folders.watched(written)
        self._deadline = deadline
        self._grace = grace
        self._stop = stop
        self._before_stop = before_stop

    def wait(self, waiter: ExitWaiter, *gauges: MemoryGauge | ScratchGauge) -> Stop | None:
        """Wait for the container's end; return the reason for stopping it, or None when it exited by itself."""
        stopped: Stop | None = None
        kill_at = float("inf")
        tick = FIRST_TICK
        _sample(gauges)
        while not waiter.done.wait(tick):
            tick = TICK
            _sample(gauges)
            reason = self._reason()
            if reason in _IMMEDIATE and stopped not in _IMMEDIATE:
                stopped = reason if self._signal("SIGKILL") else stopped
            elif reason is not None and stopped is None:
                if reason is Stop.REQUESTED:
                    self._before_stop()
                stopped = reason if self._signal("SIGTERM") else None
                kill_at = time.monotonic() + self._grace
            elif time.monotonic() >= kill_at:
                kill_at = float("inf")
                self._signal("SIGKILL")
        return stopped

    def _reason(self) -> Stop | None:
        if self._folders.overflow(self._watched):
            return Stop.TOO_LARGE if self._folders.full(self._watched) else Stop.SCRATCH_FULL
        if self._stop.is_set():
            return Stop.REQUESTED
        return Stop.TIMEOUT if time.monotonic() >= self._deadline else None

    def _signal(self, name: str) -> bool:
        """Send a signal; False when the container had already exited by itself."""
        try:
            self._client.kill(self._container, signal=name)
        except APIError as error:
            if status(error) not in (404, 409) and self._runs():  # Podman answers 500 where a container has ended
                raise
            return False
        return True

    def _runs(self) -> bool:
        return bool(self._client.inspect_container(self._container)["State"]["Running"])


def _sample(gauges: Iterable[MemoryGauge | ScratchGauge]) -> None:
    for gauge in gauges:
        gauge.sample()
