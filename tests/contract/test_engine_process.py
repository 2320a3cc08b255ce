"""Concurrent starts, lookups and stops of a Docker Engine agree on one process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from node_runtime.engines.docker.discovery import answers
from node_runtime.localnet.provision.dockerd import (
    StartedEngine,
    end_engine,
    ensure_engine,
    run_folder,
    start_engine,
    started_engine,
    stop_engine,
)
from tests.background import LIMIT, all_at_once, ended, in_background, wait_until

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.usefixtures("docker_engine")]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[StartedEngine]:
    """An engine of the test, started by two threads at once."""
    try:
        first, second = all_at_once([lambda: start_engine(tmp_path, say=print, with_network=False)] * 2)
        assert first == second
        yield first
    finally:
        stop_engine(tmp_path)


def test_an_engine_that_is_too_busy_to_answer_is_waited_for_and_not_ended(
    engine: StartedEngine, tmp_path: Path
) -> None:
    messages: list[str] = []
    os.kill(engine.pid, signal.SIGSTOP)
    found = in_background(lambda: ensure_engine(tmp_path, say=messages.append))
    try:
        wait_until(lambda: found.done() or any("to answer" in line for line in messages), "the engine to be waited for")
    finally:
        os.kill(engine.pid, signal.SIGCONT)
    assert found.result(LIMIT).url == engine.url
    assert started_engine(tmp_path) == engine


@pytest.mark.parametrize("ours", [True, False], ids=["of this root", "of another root"])
def test_what_is_left_of_an_engine_is_told_by_its_folder_in_this_root(tmp_path: Path, ours: bool) -> None:
    run = run_folder(tmp_path)
    run.mkdir(parents=True)
    (tmp_path / "dockerd").symlink_to(os.path.realpath(sys.executable))  # a process of that name
    wait = "import os, sys; os.chroot(sys.argv[1]); print('there', flush=True); input()"
    command: list[str | Path] = [tmp_path / "dockerd", "-c", wait, "/" if ours else tmp_path, run / "exec"]
    with ended(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        end_engine(None, tmp_path)
        assert (process.poll() is not None) is ours


def test_an_engine_that_nobody_wrote_down_is_ended_by_the_next_start(engine: StartedEngine, tmp_path: Path) -> None:
    """The starting process was killed at that moment."""
    process = psutil.Process(engine.pid)
    (tmp_path / "engine.json").unlink()
    again = start_engine(tmp_path, say=print, with_network=False)
    assert answers(again.url)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert again.pid != engine.pid
