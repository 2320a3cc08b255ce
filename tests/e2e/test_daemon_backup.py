"""A node's folder that was backed up and is restored elsewhere goes on: the same account, and its result once."""

import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import docker
import pytest

from node_runtime.domain.task import UNIT, SubmissionState
from node_runtime.engines.docker.quota import unmount_below
from node_runtime.substrate.keys import create_key
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import TRAIN, WAITS, World

pytestmark = [pytest.mark.docker]

StartDaemon = Callable[..., DaemonProcess]
BACKUP = ("tar", "--exclude=work/cache", "--exclude=work/quotas", "-czf")  # as docs/operators.md says


@pytest.fixture
def key(tmp_path: Path, world: World, password: Path) -> str:
    """A funded key in the node's folder, with its password beside it."""
    (tmp_path / "node").mkdir()
    shutil.copy(password, tmp_path / "node" / "password")
    world.chain.pay(create_key(tmp_path / "node" / "key.json", password.read_text().strip()), 20 * UNIT)
    return str(tmp_path / "node" / "key.json")


def lose_machine(daemon: DaemonProcess) -> None:
    """Remove the node's folder, its mounts, and its containers."""
    with closing(docker.APIClient(base_url=daemon.engine.url)) as engine:
        for container in daemon.containers():
            engine.remove_container(container, force=True)
    unmount_below(daemon.work)
    shutil.rmtree(daemon.work.parent)


def test_a_result_in_the_outbox_is_delivered_once_from_a_backup_in_another_folder(
    world: World, start_daemon: StartDaemon, key: str, tmp_path: Path
) -> None:
    daemon = start_daemon(key=key, password_file=tmp_path / "node" / "password")
    task = world.train(f"{WAITS}; {TRAIN}")
    daemon.container_of(task)

    def lose_the_machine_with_a_backup() -> None:
        daemon.kill_with_its_result_in_the_box(task)
        subprocess.run([*BACKUP, str(tmp_path / "backup.tgz"), "."], cwd=tmp_path / "node", check=True, timeout=120)
        lose_machine(daemon)

    world.restart_chain(lose_the_machine_with_a_backup)
    (tmp_path / "restored").mkdir()
    subprocess.run(["tar", "-xzpf", str(tmp_path / "backup.tgz")], cwd=tmp_path / "restored", check=True, timeout=120)
    restored = start_daemon(
        folder="restored",
        machine="another",
        key=str(tmp_path / "restored" / "key.json"),
        password_file=tmp_path / "restored" / "password",
    )
    assert restored.account == daemon.account
    assert world.submission(task).state is SubmissionState.ACCEPTED
    assert [one.epoch for one in world.chain.submissions(task)] == [1]
    assert world.model_of(task) == "trained\n"
    assert "result_spoiled" not in restored.log_text()


def test_a_result_in_the_outbox_is_delivered_after_a_reboot(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    task = world.train(f"{WAITS}; {TRAIN}")
    daemon.container_of(task)

    def reboot() -> None:
        daemon.kill_with_its_result_in_the_box(task)
        unmount_below(daemon.work)

    world.restart_chain(reboot)
    start_daemon()
    assert world.submission(task).state is SubmissionState.ACCEPTED
    assert world.model_of(task) == "trained\n"
