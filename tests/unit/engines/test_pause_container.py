"""Pause containers: their image runs where the architecture matches; traces are read from their own processes only."""

import io
import os
import platform
import signal
import subprocess
import tarfile
from contextlib import closing
from pathlib import Path

import docker
import pytest
import requests

from node_runtime.engines.docker.pause_container import PauseContainers, pause_tar, read_traces
from node_runtime.errors import HostError
from tests.background import ended


def program(architecture: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(pause_tar(architecture))) as tar:
        file = tar.extractfile("wait")
        assert file is not None
        return file.read()


def test_it_waits_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "wait"
    path.write_bytes(program(platform.machine()))
    path.chmod(0o755)
    with ended(subprocess.Popen([path])) as waiting, pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(timeout=0.2)
    assert waiting.returncode == -signal.SIGKILL


def test_it_is_the_same_every_time() -> None:
    assert pause_tar("aarch64") == pause_tar("aarch64") != pause_tar("x86_64")


def test_another_processor_is_refused_with_a_remedy() -> None:
    with pytest.raises(HostError) as caught:
        pause_tar("s390x")
    assert caught.value.remedy


def test_a_process_that_is_not_the_containers_tells_nothing() -> None:
    assert read_traces(os.getpid(), "0" * 64) is None


def test_a_process_that_has_ended_tells_nothing() -> None:
    assert read_traces(1 << 30, "0" * 64) is None


def test_containers_whose_removal_failed_stay_known(tmp_path: Path) -> None:
    with closing(docker.APIClient(base_url=f"unix://{tmp_path / 'no-engine'}", version="1.41", timeout=5)) as client:
        known = PauseContainers(client, node="n", architecture=platform.machine(), user=lambda _: (0, 0))
        for one in ("a", "b"):
            with pytest.raises(requests.ConnectionError):
                known._discard(one)
    assert known._unremoved == {"a", "b"}
