"""How do tests lose what a Docker Engine answers? A relay before its socket that forgets a connection, and keeps it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_CHUNK = 1 << 16


@dataclass(kw_only=True)
class ForgetfulEngine:
    """Of requests whose path has this in it the first ``times`` are heard by the engine, but never answered.

    As after a laptop's sleep, or by a router that drops connections on which nothing is said for long.
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
                line = asked.partition(b"\r\n")[0]  # of a request; what it carries may come by itself
                if line.endswith(b" HTTP/1.1") and self.path in line and self.forgotten < self.times:
                    self.forgotten += 1
                    forgets.set()
                engine.sendall(asked)
            engine.shutdown(socket.SHUT_WR)

    def _answers(self, engine: socket.socket, client: socket.socket, forgets: threading.Event) -> None:
        with suppress(OSError):
            while said := engine.recv(_CHUNK):
                if not forgets.is_set():
                    client.sendall(said)
            if not forgets.is_set():
                client.shutdown(socket.SHUT_WR)


@contextmanager
def forgetful_engine(url: str, folder: Path, *, path: bytes, times: int = 1) -> Iterator[tuple[str, ForgetfulEngine]]:
    """The relay's address, a socket in `folder`, and what it did."""
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
