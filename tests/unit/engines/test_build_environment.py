"""Build arguments contain pip's index and proxies, but no passwords."""

from pathlib import Path

import pytest

from node_runtime.engines.docker.build_environment import pip_arguments, proxy_arguments


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("INDEX_URL", "EXTRA_INDEX_URL", "TRUSTED_HOST", "TIMEOUT", "DEFAULT_TIMEOUT", "RETRIES", "FIND_LINKS"):
        monkeypatch.delenv(f"PIP_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_the_index_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "/a/folder/of/this/machine")
    found = pip_arguments()
    assert found["PIP_INDEX_URL"] == "https://index.example/simple"
    assert "PIP_FIND_LINKS" not in found


def test_the_index_is_taken_from_pips_own_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://index.example/simple\ncert = /etc/ca.pem\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    found = pip_arguments()
    assert found["PIP_INDEX_URL"] == "https://index.example/simple"
    assert "PIP_CERT" not in found


def test_an_address_with_a_password_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://index.example/a https://user:password@index.example/b")
    assert "PIP_EXTRA_INDEX_URL" not in pip_arguments()


@pytest.mark.parametrize("proxy", ["http://user:password@proxy.example:3128", "user:pass/word@proxy.example:3128"])
def test_a_proxy_with_a_password_is_left_out(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    found = proxy_arguments()
    assert "HTTP_PROXY" not in found
    assert found["https_proxy"] == "http://proxy.example:3128"
