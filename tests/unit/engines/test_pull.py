"""A pull that stalls after its first line ends with an error."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from node_runtime.errors import HostError
from node_runtime.localnet.provision import base_image


class SilentEngine(BaseHTTPRequestHandler):
    """An engine without images that sends one progress line of each pull."""

    protocol_version = "HTTP/1.1"
    over = threading.Event()

    def do_GET(self) -> None:
        known = self.path == "/version"
        self._begin(200 if known else 404, "Content-Length", str(len(body := b'{"ApiVersion": "1.43"}')))
        self.wfile.write(body)

    def do_POST(self) -> None:
        self._begin(200, "Transfer-Encoding", "chunked")
        line = b'{"status": "Pulling"}\n'
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.over.wait()

    def _begin(self, status: int, name: str, value: str) -> None:
        self.send_response(status)
        self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), SilentEngine) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.server_port}"
        SilentEngine.over.set()
        server.shutdown()


def test_a_pull_that_stops_coming_is_told_as_a_registry_that_does_not_answer(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_image, "PULL_SILENCE", 1)
    messages: list[str] = []
    with pytest.raises(HostError, match="cannot be pulled"):
        base_image.pull_base_image(url, "python:3.11", say=messages.append)
    assert messages[0] == "pulling python:3.11"
    assert "no image registry answers" in messages[1]
    assert "timed out" in messages[1]
