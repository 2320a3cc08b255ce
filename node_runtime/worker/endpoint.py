"""The daemon's HTTP endpoint: /metrics for Prometheus, /healthz and /readyz for whoever supervises it.

It has no password and tells nothing secret; it is bound to this machine unless the operator says otherwise. Whoever
reaches it can't use it up: connections are bounded in number and time, requests in bytes.
"""

import ipaddress
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedIOBase
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from node_runtime.errors import ConfigError

from .gauges import observe_health
from .health import STATUS_REMEDY, Health
from .metrics import Metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger()

METRICS, ALIVE, READY = "/metrics", "/healthz", "/readyz"
_PLAIN = "text/plain; charset=utf-8"
_LONGEST = 30.0  # seconds from a connection's begin to its end, however busy its client is
_MOST = 32  # connections at once; a further one ends the oldest of the client that has the most
_LARGEST_HEAD = 16 << 10  # bytes of a request


@dataclass(frozen=True, kw_only=True)
class _Answer:
    status: str
    body: bytes
    content_type: str = _PLAIN
    allow: str = ""


class Endpoint:
    """Answers from what is known already: no request waits for the chain, the storage or the engine."""

    def __init__(self, metrics: Metrics, health: Health) -> None:
        """Add the parts' readiness to the metrics."""
        self._metrics = metrics
        self._health = health
        observe_health(metrics, health)

    def serve(self, port: int, address: str = "127.0.0.1") -> None:
        """Serve from a thread until the process ends. Port 0 selects any free port.

        Raises `ConfigError` for an address or a port that can't be bound.
        """
        server = _listening(port, address, self._respond)
        threading.Thread(target=server.serve_forever, daemon=True, name="endpoint").start()
        log.info("metrics_served", url=f"http://{_shown(address)}:{server.server_port}{METRICS}")

    def _respond(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        answer = self._answer(environ)
        headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body)))]
        headers += [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
        start_response(answer.status, [*headers, *([("Allow", answer.allow)] if answer.allow else [])])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _answer(self, environ: "WSGIEnvironment") -> _Answer:
        answers: dict[str, Callable[[], _Answer]] = {
            METRICS: self._scraped,
            ALIVE: self._alive,
            READY: self._ready,
        }
        answer = answers.get(environ["PATH_INFO"])
        if answer is None:
            return _Answer(status="404 Not Found", body=f"nothing is here; see {', '.join(answers)}\n".encode())
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _Answer(status="405 Method Not Allowed", body=b"only GET and HEAD\n", allow="GET, HEAD")
        return answer()

    def _scraped(self) -> _Answer:
        body = generate_latest(self._metrics.registry)
        return _Answer(status="200 OK", body=body, content_type=CONTENT_TYPE_PLAIN_0_0_4)

    def _alive(self) -> _Answer:
        stalled = self._health.stalled()
        if stalled is None:
            return _Answer(status="200 OK", body=b"alive\n")
        told = f"the daemon's loop hasn't turned for {stalled:.0f} s; restart the daemon: it resumes its attempts\n"
        return _Answer(status="503 Service Unavailable", body=told.encode())

    def _ready(self) -> _Answer:
        obstacles = self._health.obstacles()
        if not obstacles:
            return _Answer(status="200 OK", body=b"ready\n")
        told = "".join(f"{part}: {obstacle}\n" for part, obstacle in obstacles.items())
        return _Answer(status="503 Service Unavailable", body=f"{told}{STATUS_REMEDY}\n".encode())


@dataclass(frozen=True, kw_only=True)
class _Client:
    address: str
    since: float  # by `time.monotonic`


def check_address(port: int, address: str) -> None:
    """Raise `ConfigError` for an address or a port that can't be bound now."""
    _listening(port, address, lambda *_: ()).server_close()


def _listening(port: int, address: str, respond: "WSGIApplication") -> WSGIServer:
    server_class = _Server6 if ipaddress.ip_address(address).version == 6 else _Server
    try:
        return make_server(address, port, respond, server_class, _SilentHandler)
    except OSError as error:
        raise ConfigError(
            f"metrics_port: {_shown(address)}:{port} can't be listened at: {error.strerror}",
            remedy="name another one, or 0 for any that is free; metrics_address has to be one of this machine's",
        ) from error


def _shown(address: str) -> str:
    return f"[{address}]" if ":" in address else address


class _Server(ThreadingMixIn, WSGIServer):
    """A server whose connections end after `_LONGEST` seconds, and of which there are at most `_MOST`."""

    daemon_threads = True
    request_queue_size = _MOST

    def __init__(self, *args: Any) -> None:
        self._guard = threading.Lock()
        self._clients: dict[socket.socket, _Client] = {}  # in order of their begin
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._clients[request] = _Client(address=client_address[0], since=time.monotonic())
            if len(self._clients) > _MOST:
                busiest, _ = Counter(client.address for client in self._clients.values()).most_common(1)[0]
                self._end(next(one for one, client in self._clients.items() if client.address == busiest))
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """End what has lasted too long; called twice a second."""
        with self._guard:
            before = time.monotonic() - _LONGEST
            for request in [one for one, client in self._clients.items() if client.since < before]:
                self._end(request)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._clients.pop(request, None)
        super().shutdown_request(request)

    def _end(self, request: socket.socket) -> None:
        """Break the connection off: its thread's reads and writes end, and it closes the socket."""
        del self._clients[request]
        with suppress(OSError):  # the client has left
            request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: clients that break off or stay silent are no errors of the daemon."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Head:
    """The lines of a request, up to `_LARGEST_HEAD` bytes; nothing follows them in what is answered here."""

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream
        self._left = _LARGEST_HEAD
        self.close = stream.close

    def readline(self, size: int) -> bytes:
        line = self._stream.readline(min(size, self._left))
        self._left -= len(line)
        if not self._left:
            raise ConnectionError("the request is too large")
        return line


class _SilentHandler(WSGIRequestHandler):
    def setup(self) -> None:
        super().setup()
        self.rfile = _Head(self.rfile)  # type: ignore[assignment]

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: each scrape would be a line."""
