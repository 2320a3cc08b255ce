"""When must a running container be ended? At its timeout, when it is asked for, or when it writes too much."""

import threading
import time
from collections.abc import Callable, Iterable

import docker
from docker.errors import APIError

from node_runtime.containers.connection import status
from node_runtime.containers.ending import Stop
from node_runtime.containers.folders import Folders
from node_runtime.containers.memory import MemoryGauge
from node_runtime.containers.waiter import Waiter
from node_runtime.ports import Mount

TICK = 0.1  # seconds between looks at a running container
FIRST_TICK = 0.02  # so that short ones are sampled too


class Vigil:
    """Over one container: TERM first, KILL after the grace. ``deadline`` is on the monotonic clock.

    ``before_stop`` is called before a container hears that ``stop`` was set.
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

    def keep(self, waiter: Waiter, gauge: MemoryGauge) -> Stop | None:
        """Returns when the container has ended: why it was stopped, or None when it ended by itself."""
        stopped: Stop | None = None
        kill_at = float("inf")
        tick = FIRST_TICK
        gauge.sample()
        while not waiter.done.wait(tick):
            tick = TICK
            gauge.sample()
            reason = self._reason()
            if reason is Stop.TOO_LARGE and stopped is not Stop.TOO_LARGE:
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
            return Stop.TOO_LARGE
        if self._stop.is_set():
            return Stop.REQUESTED
        return Stop.TIMEOUT if time.monotonic() >= self._deadline else None

    def _signal(self, name: str) -> bool:
        """False when the container has ended meanwhile: then it was not we who ended it."""
        try:
            self._client.kill(self._container, signal=name)
        except APIError as error:
            if status(error) not in (404, 409):
                raise
            return False
        return True
