"""JSON-RPC over HTTP POST, and the health endpoint, on the port of the WebSocket."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.background import LIMIT
from tests.devnet import RpcConnection

JSON = {"Content-Type": "application/json"}
POLKADOT_JS = "https://polkadot.js.org"


@pytest.fixture
def line(network: str) -> Iterator[http.client.HTTPConnection]:
    address = urlsplit(network)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=LIMIT)) as connection:
        yield connection


def ask(line: http.client.HTTPConnection, message: object, **headers: str) -> http.client.HTTPResponse:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    line.request("POST", "/", body, {**JSON, **headers})
    return line.getresponse()


def request(method: str, *params: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}


def test_a_post_is_answered_as_the_websocket_answers(line: http.client.HTTPConnection, network: str) -> None:
    response = ask(line, request("state_getMetadata"))
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/json"
    reply = json.loads(response.read())
    with RpcConnection(network) as rpc:
        assert reply == {"jsonrpc": "2.0", "id": 7, "result": rpc.result("state_getMetadata")}


def test_one_connection_serves_requests_batches_and_notifications(line: http.client.HTTPConnection) -> None:
    batch = [request("system_name"), {"jsonrpc": "2.0", "method": "system_name"}, request("no_such_method")]
    assert len(json.loads(ask(line, batch).read())) == 2
    assert ask(line, batch[1]).read() == b""
    assert json.loads(ask(line, b"{").read())["error"]["code"] == -32700
    assert json.loads(ask(line, request("system_name")).read())["result"]


def test_a_subscription_over_http_is_refused_with_the_remedy(line: http.client.HTTPConnection) -> None:
    for method in ("chain_subscribeNewHeads", "author_submitAndWatchExtrinsic", "chainHead_v1_follow"):
        error = json.loads(ask(line, request(method, "0x00")).read())["error"]
        assert error["code"] == -32601
        assert "use a WebSocket" in error["data"]


def test_the_health_is_told_to_a_get(line: http.client.HTTPConnection) -> None:
    line.request("GET", "/health")
    response = line.getresponse()
    assert response.status == 200
    assert response.headers.get_all("Content-Type") == ["application/json"]
    assert json.loads(response.read()) == {"peers": 0, "isSyncing": False, "shouldHavePeers": False}


def test_a_page_that_may_connect_may_post_and_others_may_not(line: http.client.HTTPConnection) -> None:
    line.request("OPTIONS", "/", headers={"Origin": POLKADOT_JS, "Access-Control-Request-Method": "POST"})
    asked_before = line.getresponse()
    assert asked_before.status == 204
    assert asked_before.headers["Access-Control-Allow-Origin"] == POLKADOT_JS
    assert asked_before.headers["Access-Control-Allow-Headers"] == "content-type"
    asked_before.read()
    allowed = ask(line, request("system_name"), Origin=POLKADOT_JS)
    assert allowed.headers["Access-Control-Allow-Origin"] == POLKADOT_JS
    allowed.read()
    refused = ask(line, request("system_name"), Origin="https://example.org")
    assert refused.status == 403
    assert "Access-Control-Allow-Origin" not in refused.headers


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99999999", 413),
        ("POST / HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked", 411),
        ("POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: -1", 411),
        ("POST / HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 2", 415),
        ("POST nothing", 400),
        ("POST / HTTP/1.1\r\n" + "A: b\r\n" * 1000, 400),
    ],
)
def test_a_post_that_is_none_is_refused_with_its_status(network: str, head: str, status: int) -> None:
    address = urlsplit(network)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=LIMIT) as line:
        line.sendall(f"{head}\r\n\r\n".encode())
        assert line.makefile("rb").readline().startswith(f"HTTP/1.1 {status} ".encode())


def test_a_body_that_is_too_large_is_refused_and_the_answer_not_lost(line: http.client.HTTPConnection) -> None:
    response = ask(line, b" " * (16 << 20))
    assert response.status == 413


def test_a_body_that_waits_to_be_asked_for_is_asked_for(network: str) -> None:
    address = urlsplit(network)
    body = json.dumps(request("system_name")).encode()
    head = f"POST / HTTP/1.1\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {len(body)}"
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=LIMIT) as line:
        line.sendall(f"{head}\r\n\r\n".encode())
        answer = line.makefile("rb")
        assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"
        line.sendall(body)
        assert answer.readline() == b"\r\n"
        assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
