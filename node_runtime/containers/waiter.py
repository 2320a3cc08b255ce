"""When has a container ended, and with which exit code? The engine is asked from a thread that waits for its answer."""

import threading

import docker
from requests.exceptions import RequestException

from node_runtime.containers.connection import was_silence
from node_runtime.errors import HostError

ASK_AGAIN = 60  # seconds


class Waiter(threading.Thread):
    """Asks the engine to answer when the container has ended.

    Again and again: where something between us forgets a connection on which nothing was said for long, the answer
    never comes. Who waits for `done` ends the container in time, and notices by that an engine that answers nobody.
    """

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
            while self._exit_code is None:
                self._exit_code = self._ask()
        except Exception as error:  # raised again where the run is
            self._error = error
        finally:
            self.done.set()

    def _ask(self) -> int | None:
        timeout = (self._client.timeout, ASK_AGAIN)  # to be heard, and for the answer
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
