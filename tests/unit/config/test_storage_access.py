"""The storage access file: what it gives, and each mistake with its place and without a secret."""

import re
from pathlib import Path

import pytest
import yaml

from node_runtime.config import NodeConfig
from node_runtime.config.storage_access import VARIABLE, access_of, storage_access
from node_runtime.errors import ConfigError, NodeRuntimeError
from node_runtime.stores.access import FROM_ENVIRONMENT

PAGE = Path(__file__).parents[3] / "docs" / "storage.md"
SECRET = "never-to-be-seen"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path / "access.yaml"


def test_the_documented_file_is_read_with_paths_relative_to_it(file: Path) -> None:
    settings, access = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert set(yaml.safe_load(settings)) <= set(NodeConfig.model_fields)
    file.write_text(access)
    (file.parent / "ca.pem").write_text(PEM)
    read = storage_access(file)
    assert (read.endpoint, read.outside) == ("https://storage.example:7070", "https://storage.example")
    assert read.ca == PEM
    assert read.access_key is not None
    assert "…" not in repr(read), "no secret is shown"


def test_the_environment_names_it_and_without_any_the_environment_counts(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert storage_access() is FROM_ENVIRONMENT
    file.write_text("region: here\n")
    monkeypatch.setenv(VARIABLE, str(file))
    assert storage_access().region == "here"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("endpont: x\n", r"access.yaml:1:1: unknown key 'endpont'; did you mean 'endpoint'"),
        (f"access_key: a\nsecret: {SECRET}\n", r"access.yaml:2:1: unknown key 'secret'"),
        (f"secret_key: {SECRET}\n", "one of access_key and secret_key is missing"),
        ("access_key: a\n", "one of access_key and secret_key is missing"),
        (f"endpoint: https://me:{SECRET}@host\n", "access.yaml:1:11: .*more than scheme, host and port"),
        ("endpoint: host:9000\n", "access.yaml:1:11: .*no address"),
        ("endpoint: http://\n", "access.yaml:1:11: .*no address"),
        ("ca: nothing.pem\n", r"nothing\.pem"),
        ("ca: access.yaml\n", "access.yaml has no certificate"),
        ("region: a\n---\nregion: b\n", "several documents"),
        ("", "access.yaml:1:1: the file is empty"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_without_the_secret(file: Path, text: str, told: str) -> None:
    file.write_text(text)
    with pytest.raises(NodeRuntimeError, match=told) as refused:
        storage_access(file)
    assert SECRET not in str(refused.value)


def test_a_mapping_gives_the_same() -> None:
    assert access_of({"access_key": "a", "secret_key": "b"}, "credentials").secret_key == "b"
    with pytest.raises(ConfigError, match="credentials: secret_key: Input should be a valid string"):
        access_of({"access_key": "a", "secret_key": 7}, "credentials")
