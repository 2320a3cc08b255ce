"""A relay before a Docker Engine's socket that drops responses while the connection stays open."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_CHUNK = 1 << 16


@dataclass(kw_only=True)
class ForgetfulEngine:
    """Forwards requests; the responses to the first ``times`` with this substring in their path are dropped.

    This happens after a laptop's sleep, or with a router that drops idle connections.
    """

    upstream: Path
    path: bytes
    times: int
    forgotten: int = 0
    lines: list[socket.socket] = field(default_factory=list)

    def relay(self, client: socket.socket) -> None:
        engine = socket.socket(socket.AF_UNIX)
        engine.connect(str(self.upstream))
        self.lines += [client, engine]
        forgets = threading.Event()
        threading.Thread(target=self._answers, args=(engine, client, forgets), daemon=True).start()
        with suppress(OSError):
            while asked := client.recv(_CHUNK):
                line = asked.partition(b"\r\n")[0]  # the request line; a body may arrive separately
                if line.endswith(b" HTTP/1.1") and self.path in line and self.forgotten < self.times:
                    self.forgotten += 1
                    forgets.set()
                engine.sendall(asked)
            engine.shutdown(socket.SHUT_WR)

    def _answers(self, engine: socket.socket, client: socket.socket, forgets: threading.Event) -> None:
        with suppress(OSError):
            while messages := engine.recv(_CHUNK):
                if not forgets.is_set():
                    client.sendall(messages)
            if not forgets.is_set():
                client.shutdown(socket.SHUT_WR)


@contextmanager
def forgetful_engine(url: str, folder: Path, *, path: bytes, times: int = 1) -> Iterator[tuple[str, ForgetfulEngine]]:
    """Start the relay; yield its address, a socket in `folder`, and the relay."""
    forgetful = ForgetfulEngine(upstream=Path(url.removeprefix("unix://")), path=path, times=times)
    place = folder / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen()

        def serve() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=forgetful.relay, args=(listening.accept()[0],), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"unix://{place}", forgetful
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            for line in forgetful.lines:
                line.close()
