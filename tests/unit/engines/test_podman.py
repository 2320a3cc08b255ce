"""Requests for an engine that takes a seccomp profile by its path, has another log driver, or another tag's place."""

import json
from pathlib import Path
from unittest.mock import Mock

import docker
import pytest
import requests
from docker.errors import APIError
from docker.types import ContainerConfig, HostConfig

from node_runtime.engines.docker.client import remove_container
from node_runtime.engines.docker.host_config import log_driver
from node_runtime.engines.docker.seccomp import profile, with_profile_file

PROFILE = profile("x86_64")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path / "home"))


def config() -> ContainerConfig:
    options = ["no-new-privileges", f"seccomp={PROFILE}"]
    return ContainerConfig("1.41", image="i", command=[], host_config=HostConfig("1.41", security_opt=options))


def test_a_profile_named_by_its_path_is_the_same_profile() -> None:
    named = with_profile_file(config())["HostConfig"]["SecurityOpt"]
    assert named[0] == "no-new-privileges"
    path = Path(named[1].removeprefix("seccomp="))
    assert json.loads(path.read_text()) == json.loads(PROFILE)
    assert path.stat().st_mode & 0o222 == 0


def test_a_file_that_holds_something_else_is_written_anew() -> None:
    named = with_profile_file(config())["HostConfig"]["SecurityOpt"][1]
    path = Path(named.removeprefix("seccomp="))
    path.unlink()
    path.write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
    assert with_profile_file(config())["HostConfig"]["SecurityOpt"][1] == named
    assert path.read_text() == PROFILE


def test_the_configuration_itself_stays_as_it_was() -> None:
    asked = config()
    with_profile_file(asked)
    assert asked["HostConfig"]["SecurityOpt"][1] == f"seccomp={PROFILE}"


@pytest.mark.parametrize(
    ("drivers", "chosen"),
    [
        (["awslogs", "json-file", "local"], "local"),
        (["k8s-file", "none", "passthrough", "journald"], "k8s-file"),
        (None, "local"),
    ],
)
def test_the_engines_own_log_is_one_of_bounded_size(drivers: list[str] | None, chosen: str) -> None:
    assert log_driver({"Plugins": {"Log": drivers}}) == chosen


def failed(explanation: str) -> APIError:
    response = requests.Response()
    response.status_code = 500
    return APIError("500", response=response, explanation=explanation)


def test_a_container_that_ends_while_it_is_removed_is_removed() -> None:
    client = Mock(spec=docker.APIClient)
    client.remove_container.side_effect = [
        failed("sending SIGKILL to container 6f: container state improper: stopped"),
        None,
    ]
    remove_container(client, "6f")
    assert client.remove_container.call_count == 2


def test_another_failure_of_a_removal_is_told_at_once() -> None:
    client = Mock(spec=docker.APIClient)
    client.remove_container.side_effect = failed("the storage driver failed")
    with pytest.raises(APIError):
        remove_container(client, "6f")
    assert client.remove_container.call_count == 1
