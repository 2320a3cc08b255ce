"""The docker command's configuration and the environment's proxies affect only pulls that need a login."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from node_runtime.engines.docker import discovery
from node_runtime.engines.docker.client import connect
from node_runtime.engines.docker.discovery import answers, login_at, require_engine
from node_runtime.engines.docker.pull import pull
from node_runtime.errors import HostError
from node_runtime.localnet.provision import base_image

LOGIN = base64.b64encode(b"somebody:secret").decode()


class Engine(BaseHTTPRequestHandler):
    """An engine that returns its version and records the login of a pull."""

    protocol_version = "HTTP/1.1"
    logins: list[str | None]

    def do_GET(self) -> None:
        self._answer(b"OK" if self.path.endswith("_ping") else b'{"ApiVersion": "1.43"}')

    def do_POST(self) -> None:
        self.logins.append(self.headers.get("X-Registry-Auth"))
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def url() -> Iterator[str]:
    Engine.logins = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Engine) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"tcp://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


@pytest.mark.parametrize(
    "text",
    [
        '{"auths": {"registry.example": {"auth": ""}}}',
        '{"auths": {"registry.example": {"auth": "no base64"}}}',
        '{"auths": [1], "proxies": 7, "credsStore": "nowhere"}',
        "[]",
        "{",
    ],
)
def test_an_engine_is_reached_whatever_the_configuration_says(url: str, config: Path, text: str) -> None:
    config.write_text(text)
    assert answers(url)
    connect(url).close()


def test_an_engine_on_this_machine_is_reached_without_a_proxy(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert answers(url)


def test_a_pull_brings_the_login_at_its_own_registry(url: str, config: Path) -> None:
    config.write_text(
        json.dumps({"auths": {"a.example": {"auth": LOGIN}, "b.example": {"auth": ""}, "c": {"auth": 7}}})
    )
    with closing(connect(url)) as client:
        for name in ("a.example/image", "b.example/image", "image"):
            assert list(pull(client, name)) == []
    shown, *others = Engine.logins
    assert shown is not None
    assert json.loads(base64.urlsafe_b64decode(shown))["password"] == "secret"
    assert others == [None, None]


def test_the_public_registry_is_known_by_its_old_address(config: Path) -> None:
    config.write_text(json.dumps({"auths": {"https://index.docker.io/v1/": {"auth": LOGIN}}}))
    login = login_at("docker.io")
    assert login is not None
    assert login["username"] == "somebody"


@pytest.mark.parametrize(
    "text",
    [
        '{"auths": {"a.example": {"auth": "no base64"}}}',
        '{"auths": {"a.example": 7}}',
        '{"credsStore": "nowhere"}',
        "{",
    ],
)
@pytest.mark.filterwarnings("ignore:docker-credential-nowhere")
def test_a_login_that_cannot_be_read_is_told_as_that(url: str, config: Path, text: str) -> None:
    config.write_text(text)
    with closing(connect(url)) as client, pytest.raises(HostError) as caught:
        list(pull(client, "a.example/image"))
    assert caught.value.message.startswith(f"the docker command's configuration {config} can't be used: ")
    assert "DOCKER_CONFIG" in caught.value.remedy


def test_a_base_image_that_cannot_be_pulled_with_the_login_is_told_with_the_reason(url: str, config: Path) -> None:
    config.write_text("{")
    messages: list[str] = []
    with pytest.raises(HostError, match="cannot be pulled"):
        base_image.pull_base_image(url, "python:3.11", say=messages.append)
    assert any(f"{config} can't be used: it is no JSON" in line for line in messages), messages


def test_where_no_engine_answers_a_broken_configuration_is_named(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    nowhere = f"unix://{tmp_path}/docker.sock"
    monkeypatch.setattr(discovery, "_candidates", lambda: iter([nowhere]))  # this machine may have an engine
    config.write_text('{"currentContext": "mine"')
    with pytest.raises(HostError, match=r"no container engine is found: the docker command's configuration .*JSON"):
        require_engine()
    config.write_text("{}")
    with pytest.raises(HostError, match="no container engine answers on this machine") as raised:
        require_engine()
    assert "'node-runtime up'" in str(raised.value.remedy)
