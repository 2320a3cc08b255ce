"""The daemon's endpoint: metrics, liveness and readiness by GET and HEAD, and nothing else."""

import http.client
import re
import socket
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from node_runtime.domain.task import UNIT
from node_runtime.errors import ConfigError
from node_runtime.worker import endpoint
from node_runtime.worker.endpoint import Endpoint
from node_runtime.worker.health import Health, HealthPart
from node_runtime.worker.metrics import Metrics

PATHS = ("/metrics", "/healthz", "/readyz")


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


class Served:
    """An endpoint at a free port of ``address``."""

    def __init__(self, address: str = "127.0.0.1", health: Health | None = None) -> None:
        self.metrics, self.health = Metrics(), health or Health()
        with capture_logs() as events:
            Endpoint(self.metrics, self.health).serve(0, address)
        (line,) = events
        self.url = str(line["url"])

    def ask(self, path: str, method: str = "GET") -> Answer:
        where = urlsplit(self.url)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=120)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return Answer(status=answer.status, headers=dict(answer.headers), body=answer.read().decode())
        finally:
            connection.close()


@pytest.fixture
def served() -> Served:
    return Served()


def test_a_free_port_is_chosen_logged_and_served(served: Served) -> None:
    served.metrics.paid(3 * UNIT)
    answer = served.ask("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert re.search(r"^node_runtime_paid_units_total 3.0$", answer.body, re.MULTILINE)
    assert served.url.endswith("/metrics")


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/metrics/more", "/readyz/", "/healthz/../metrics"])
def test_another_path_is_not_found(served: Served, path: str) -> None:
    answer = served.ask(path)
    assert (answer.status, answer.body) == (404, "nothing is here; see /metrics, /healthz, /readyz\n")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_another_method_than_get_and_head_is_refused(served: Served, path: str, method: str) -> None:
    answer = served.ask(path, method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", PATHS)
def test_head_has_the_headers_of_get_and_no_body(served: Served, path: str) -> None:
    got, head = served.ask(path), served.ask(path, "HEAD")
    assert (head.status, head.body) == (got.status, "")
    assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert int(head.headers["Content-Length"]) > 0


def test_a_daemon_that_starts_is_alive_and_each_part_that_is_not_ready_has_a_line(served: Served) -> None:
    assert (served.ask("/healthz").status, served.ask("/healthz").body) == (200, "alive\n")
    answer = served.ask("/readyz")
    assert answer.status == 503
    assert [line.partition(":")[0] for line in answer.body.splitlines()[:-1]] == list(HealthPart)


def test_a_daemon_is_ready_when_no_part_has_an_obstacle(served: Served) -> None:
    for part in HealthPart:
        served.health.checked(part, None)
    assert (served.ask("/readyz").status, served.ask("/readyz").body) == (200, "ready\n")
    served.health.checked(HealthPart.STORAGE, "its folder isn't there")
    answer = served.ask("/readyz")
    assert answer.status == 503
    assert answer.body == ("storage: its folder isn't there\nsee 'node-runtime status' and the daemon's log\n")
    assert 'node_runtime_ready{part="storage"} 0.0' in served.ask("/metrics").body
    assert 'node_runtime_ready{part="chain"} 1.0' in served.ask("/metrics").body


def test_a_loop_that_stands_still_is_not_alive() -> None:
    now = [0.0]
    served = Served(health=Health(steady=lambda: now[0]))
    served.health.turned()
    now[0] = 400.0
    answer = served.ask("/healthz")
    assert answer.status == 503
    assert answer.body.startswith("the daemon's loop hasn't turned for 400 s; restart the daemon")


def test_a_taken_port_is_an_error_with_a_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"metrics_port: 127.0.0.1:{port} can't be listened at") as refused:
            Endpoint(Metrics(), Health()).serve(port)
    assert refused.value.remedy.startswith("name another one, or 0 for any that is free")


def test_an_address_of_another_machine_is_an_error_with_a_remedy() -> None:
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1:0 can't be listened at") as refused:
        Endpoint(Metrics(), Health()).serve(0, "192.0.2.1")
    assert "metrics_address has to be one of this machine's" in refused.value.remedy


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_address_of_ip_version_6_is_served() -> None:
    served = Served("::1")
    assert served.url.startswith("http://[::1]:")
    assert served.ask("/healthz").status == 200


def slow(served: Served, source: str) -> socket.socket:
    """Connect, and send a request without its end."""
    where = urlsplit(served.url)
    client = socket.create_connection((where.hostname, where.port or 0), timeout=120, source_address=(source, 0))
    client.sendall(b"GET /readyz HTTP/1.1\r\nHost: ")
    return client


def ends(client: socket.socket) -> bool:
    """Whether the server ends the connection; waits for it."""
    with suppress(ConnectionError):
        return client.recv(1) == b""
    return True


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2"])
def test_slow_clients_keep_nobody_from_an_answer_and_are_few(served: Served, source: str) -> None:
    with ExitStack() as held:
        clients = [held.enter_context(slow(served, source)) for _ in range(200)]
        assert served.ask("/readyz").status == 503
        assert all(map(ends, clients[: 200 - endpoint._MOST])), "the oldest have made room"


def test_a_client_with_one_connection_keeps_it_while_another_takes_all(served: Served) -> None:
    with slow(served, "127.0.0.1") as patient, ExitStack() as held:
        clients = [held.enter_context(slow(served, "127.0.0.2")) for _ in range(100)]
        assert all(map(ends, clients[: 100 - endpoint._MOST]))
        patient.sendall(b"here\r\n\r\n")
        assert patient.recv(12) == b"HTTP/1.0 503"


def test_a_client_that_sends_a_byte_now_and_then_is_ended(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_LONGEST", 0.0)
    with slow(served, "127.0.0.1") as client:
        assert ends(client)


def test_a_request_without_an_end_is_not_read_to_it(served: Served) -> None:
    with slow(served, "127.0.0.1") as client:
        with suppress(ConnectionError):
            client.sendall(bytes(endpoint._LARGEST_HEAD))
        assert ends(client)
    assert served.ask("/healthz").status == 200


def test_a_client_that_breaks_off_leaves_no_trace_in_the_log(served: Served, capfd: pytest.CaptureFixture[str]) -> None:
    where = urlsplit(served.url)
    with socket.create_connection((where.hostname, where.port or 0), timeout=120) as client:
        client.sendall(b"\xff\xfe not HTTP at all\r\n\r\n")
        assert b" 400 " in client.recv(1 << 16)
    assert served.ask("/healthz").status == 200
    assert "Traceback" not in capfd.readouterr().err
