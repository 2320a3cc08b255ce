"""When has a container ended, and with which exit code? The engine is asked once, from a thread that waits for it."""

import threading

import docker

from node_runtime.errors import HostError


class Waiter(threading.Thread):
    """Asks the engine, once, to answer when the container has ended."""

    def __init__(self, client: docker.APIClient, container: str) -> None:
        super().__init__(daemon=True, name="wait")
        self.done = threading.Event()
        self._client = client
        self._container = container
        self._exit_code: int | None = None
        self._error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self._exit_code = int(self._client.wait(self._container, timeout=None)["StatusCode"])
        except Exception as error:  # raised again where the run is
            self._error = error
        finally:
            self.done.set()

    def result(self) -> int:
        if self._error is not None:
            raise self._error
        if self._exit_code is None:
            raise HostError("the engine did not say how a container ended", remedy="see the engine's log")
        return self._exit_code
