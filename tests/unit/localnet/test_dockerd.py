"""Engine discovery follows the docker command, and only processes that this program started are ended."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from node_runtime.engines.docker.discovery import find_engine
from node_runtime.errors import HostError
from node_runtime.localnet.processes import birth
from node_runtime.localnet.provision.dockerd import started_engine, stop_engine


def record(folder: Path, *, pid: int, born: str) -> None:
    messages = {"url": "unix:///nowhere", "pid": pid, "birth": born, "log": "", "build_network": None}
    (folder / "engine.json").write_text(json.dumps(messages))


def test_an_engine_that_is_named_but_does_not_answer_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with pytest.raises(HostError, match="DOCKER_HOST") as caught:
        find_engine()
    assert "unset" in caught.value.remedy


def test_stopping_what_was_never_started_is_success(tmp_path: Path) -> None:
    stop_engine(tmp_path / "missing")
    stop_engine(tmp_path)


def test_a_record_whose_process_is_gone_is_forgotten(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    record(tmp_path, pid=ended.pid, born="long ago")
    assert started_engine(tmp_path) is None
    stop_engine(tmp_path)
    assert not (tmp_path / "engine.json").exists()


def test_a_process_that_has_the_id_by_chance_is_left_alone(tmp_path: Path) -> None:
    record(tmp_path, pid=os.getpid(), born=birth(os.getpid()))
    assert started_engine(tmp_path) is None
    stop_engine(tmp_path)


def test_a_damaged_record_is_no_engine(tmp_path: Path) -> None:
    (tmp_path / "engine.json").write_text("{")
    assert started_engine(tmp_path) is None


def test_an_engine_that_ends_while_it_is_looked_at_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(process: psutil.Process) -> str:
        raise psutil.NoSuchProcess(process.pid)

    monkeypatch.setattr(psutil.Process, "name", ended)
    record(tmp_path, pid=os.getpid(), born=birth(os.getpid()))
    assert started_engine(tmp_path) is None
