"""The choice of a chain's proxy from environment variables."""

import pytest

from node_runtime.errors import ChainUnavailable, ConfigError
from node_runtime.substrate.connection import Connection, proxy_for

NAMES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:9944", "ws://127.8.8.8", "ws://localhost:1", "ws://LOCALHOST.:1", "wss://[::1]:9944"]
)
def test_this_machine_is_never_reached_by_a_proxy(url: str, environment: pytest.MonkeyPatch) -> None:
    for name in NAMES[:2]:
        environment.setenv(name, "http://proxy.example:3128")
    assert proxy_for(url) is None


def test_a_secure_chain_has_the_proxy_for_secure_connections(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("http_proxy", "http://plain.example:3128")
    environment.setenv("HTTPS_PROXY", "http://user:pass%20word@secure.example:3129")
    plain, secure = proxy_for("ws://chain.example:9944"), proxy_for("wss://chain.example")
    assert plain is not None
    assert secure is not None
    assert str(plain) == "the proxy plain.example:3128 of http_proxy"
    assert str(secure) == "the proxy secure.example:3129 of HTTPS_PROXY"
    assert secure.credentials == ("user", "pass word")


def test_hosts_of_no_proxy_are_reached_without(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("http_proxy", "http://proxy.example:3128")
    environment.setenv("no_proxy", "other.example,.inside.example")
    assert proxy_for("ws://chain.inside.example:9944") is None
    assert proxy_for("ws://other.example:9944") is None
    assert proxy_for("ws://chain.example:9944") is not None


@pytest.mark.parametrize("value", ["http://proxy.example:port", "socks5://proxy.example:1080", "http://"])
def test_an_invalid_proxy_is_reported_with_its_variable(value: str, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("http_proxy", value)
    with pytest.raises(ConfigError, match="http_proxy is not an HTTP proxy's address"):
        proxy_for("ws://chain.example:9944")


def test_a_chain_that_is_not_reached_through_a_proxy_names_it(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("http_proxy", "http://somebody:secret@127.0.0.1:9")
    with pytest.raises(ChainUnavailable) as caught:
        Connection("ws://chain.example:9944", patience=0)
    assert "through the proxy 127.0.0.1:9 of http_proxy: Connection refused" in caught.value.message
    assert "no_proxy" in caught.value.remedy
    assert "secret" not in str(caught.value)
