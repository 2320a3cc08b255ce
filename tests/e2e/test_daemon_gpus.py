"""A daemon gives its GPU to one task after another, by a real engine, and has it again after it was killed.

Stand-ins are NVIDIA's driver library, in the daemon's process, and the hook of its container toolkit.
"""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import docker
import pytest

from node_runtime.domain.task import SubmissionState, TaskId
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import TRAIN, WAITS, World, wait_for
from tests.gpu_toolkit import A, Toolkit, hook_found, toolkit

__all__ = ["toolkit"]

ROOT = Path(__file__).parents[2]
WHEN_TOLD = f"{WAITS}; {TRAIN}"
DRIVER = f"""\
import sys
from tests.nvml import Card, StandIn

sys.modules["pynvml"] = StandIn(cards=[Card(uuid="{A}")])
"""

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture
def start_with_gpu(
    start_daemon: Callable[..., DaemonProcess], toolkit: Toolkit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], DaemonProcess]:
    """Return a function that starts a daemon with two slots on a machine with one GPU."""
    (tmp_path / "driver").mkdir()
    (tmp_path / "driver" / "sitecustomize.py").write_text(DRIVER)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'driver'}:{ROOT}")
    monkeypatch.setenv("NODE_RUNTIME_POOL__GPUS", "all")

    def start() -> DaemonProcess:
        with hook_found(toolkit.hook):
            return start_daemon(engine=toolkit.host, slots=2)

    return start


def given(daemon: DaemonProcess, task: TaskId) -> list[str]:
    """Wait for the task's container; return the GPUs that the engine was asked for."""
    container = daemon.container_of(task)
    with closing(docker.APIClient(base_url=daemon.engine.url)) as client:
        requests = client.inspect_container(container)["HostConfig"]["DeviceRequests"] or []
    return [uuid for request in requests for uuid in request["DeviceIDs"]]


def test_two_tasks_take_turns_with_one_gpu_over_a_daemon_that_is_killed(
    world: World, start_with_gpu: Callable[[], DaemonProcess], toolkit: Toolkit
) -> None:
    daemon = start_with_gpu()
    world.gpus = 1
    first = world.train(WHEN_TOLD)
    assert given(daemon, first) == [A]
    daemon.kill()
    second = world.train(WHEN_TOLD)
    world.gpus = None
    plain = world.train(WHEN_TOLD)
    daemon = start_with_gpu()
    assert given(daemon, plain) == []
    wait_for(lambda: "1 GPU asked, 0 free now" in daemon.command("status").stdout, "the second task to wait")
    assert f"task {first} has it" in " ".join(daemon.command("status").stdout.split())
    daemon.let_go(first)
    assert world.submission(first).state is SubmissionState.ACCEPTED
    assert given(daemon, second) == [A]
    daemon.let_go(second, plain)
    for task in (second, plain):
        assert world.submission(task).state is SubmissionState.ACCEPTED
    assert toolkit.calls() == [["prestart", [A], ["compute", "utility"]]] * 2
